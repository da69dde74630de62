//! Fields of the file, filled.

use crate::values::off::OrOff;
use crate::values::scalar::Scalar;

/// A field with this value.
pub(super) fn some<T>(value: T) -> Option<Scalar<T>> {
    Some(Scalar(value))
}

/// A field that says `off` where there is no value.
pub(super) fn or_off<T>(value: Option<T>) -> Option<Scalar<OrOff<T>>> {
    some(OrOff::from(value))
}
