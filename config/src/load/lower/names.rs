//! Lists of names, of which none is there twice.

use crate::file::shape::OneOrMany;
use crate::load::report::Place;
use crate::values::query::QueryName;
use crate::values::scalar::Scalar;
use crate::values::token::{Token, field_name};
use crate::values::wrong::{Wrong, quoted};

type Written<T> = Option<OneOrMany<Scalar<T>>>;

/// Names of header fields, in lower case.
pub(super) fn fields(written: Written<String>, most: usize, at: &Place<'_>) -> Vec<String> {
    let read = |name: String| field_name(&name);
    each(written, read, &Kind::new("header", most, String::clone), at)
}

/// Names of cookies, in their case.
pub(super) fn cookies(written: Written<Token>, most: usize, at: &Place<'_>) -> Vec<String> {
    let read = |name: Token| Ok(name.0);
    each(written, read, &Kind::new("cookie", most, String::clone), at)
}

/// Names of query parameters.
pub(super) fn query(written: Written<QueryName>, most: usize, at: &Place<'_>) -> Vec<QueryName> {
    let kind = Kind::new("query parameter", most, QueryName::show);
    each(written, Ok, &kind, at)
}

/// What a list holds, and how much of it.
pub(super) struct Kind<N> {
    what: &'static str,
    most: usize,
    show: fn(&N) -> String,
}

impl<N> Kind<N> {
    pub(super) fn new(what: &'static str, most: usize, show: fn(&N) -> String) -> Self {
        Self { what, most, show }
    }
}

/// The list's items as `read` gives them. Complains about those that it refuses, and about those that are there twice.
pub(super) fn each<T, N: PartialEq>(
    written: Written<T>,
    read: impl Fn(T) -> Result<N, Wrong>,
    kind: &Kind<N>,
    at: &Place<'_>,
) -> Vec<N> {
    let written = written.map(|many| many.0).unwrap_or_default();
    at.at_most(written.len(), kind.most, format_args!("{}s", kind.what));
    let mut names: Vec<N> = Vec::new();
    for (place, name) in written.into_iter().take(kind.most).enumerate() {
        match read(name.0) {
            Err(wrong) => at.index(place).say(wrong),
            Ok(name) if names.contains(&name) => {
                let shown = quoted(&(kind.show)(&name));
                let wrong = Wrong::new(format!("the {} {shown} is there twice", kind.what));
                at.index(place).say(wrong);
            }
            Ok(name) => names.push(name),
        }
    }
    names
}
