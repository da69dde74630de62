//! What the rooms of lowering have in common.

use crate::load::interpolate::Env;
use crate::overrides::Overrides;
use crate::values::scalar::Scalar;
use crate::values::wrong::Wrong;

/// What beside the file decides.
pub(crate) struct Given<'a> {
    pub(crate) overrides: &'a Overrides,
    pub(crate) env: Env<'a>,
}

/// The value that the file has, if it has one.
pub(super) fn value<T: Clone>(field: &Option<Scalar<T>>) -> Option<T> {
    field.as_ref().map(|scalar| scalar.0.clone())
}

/// The complaint about a key that has no effect beside another.
pub(super) fn no_effect(key: &str, why: impl std::fmt::Display) -> Wrong {
    Wrong::new(format!("`{key}` has no effect {why}"))
}
