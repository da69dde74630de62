//! From a request to its route.

use crate::matching::RouteId;

/// What the router looks at.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// The effective authority as it came: any case, with or without a port.
    pub host: &'a [u8],
    /// The normalised path, without the query.
    pub path: &'a [u8],
    /// The method's text, case-sensitive.
    pub method: &'a [u8],
    /// The first value of a header field, asked by its lower-case name. Only called where a route asks for a header.
    pub header: &'a dyn Fn(&str) -> Option<&'a [u8]>,
}

/// A route that takes the request, and the pattern by which it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The route.
    pub route: RouteId,
    /// Which of the route's paths matched.
    pub(crate) path: u32,
}

/// Why no route takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// No route asks for such a request: 404.
    NoRoute,
    /// Some route would, but for the method: 405.
    MethodNotAllowed {
        /// The value of `Allow` (RFC 9110 10.2.1): the methods of those routes, sorted.
        allow: String,
    },
}

/// Path parameters, as views into the path.
#[derive(Debug, Clone, Default)]
pub struct Params<'a> {
    values: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Params<'a> {
    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.values
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    }

    /// Every parameter, in the order of the path.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.values.iter().copied()
    }
}

/// Finds the route of a request. The most specific route wins: an exact host before the longest wildcard before any
/// host; then an exact path before a pattern with parameters before the longest prefix; then routes that ask for a
/// method or a header, in file order, before those that do not. Where a route's method or headers do not match, the
/// next less specific one is tried.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Router {}

impl Router {
    /// The route that takes a request.
    ///
    /// # Errors
    /// [`Miss::NoRoute`] (404), or [`Miss::MethodNotAllowed`] (405) where only the method stood in the way.
    pub fn find(&self, query: &Query<'_>) -> Result<Found, Miss> {
        let _ = query;
        Err(Miss::NoRoute)
    }
}
