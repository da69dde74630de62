//! What a route asks of a request: host, path, method, headers. The router is built from these.

pub mod host;
pub mod path;
pub mod segment;

/// The place of a route in [`crate::Plan::routes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub u32);

impl RouteId {
    /// The index to use on `Plan::routes`.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Everything that must hold for a route to take a request. An empty list asks nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matcher {
    /// One of these hosts; empty = any host.
    pub hosts: Vec<HostPattern>,
    /// One of these paths; never empty (`/*` when the file names none).
    pub paths: Vec<PathPattern>,
    /// One of these methods, case-sensitive (RFC 9110 9.1); empty = any. `GET` brings `HEAD` with it.
    pub methods: Vec<String>,
    /// All of these headers.
    pub headers: Vec<HeaderMatch>,
}

/// A host, lower case, without a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// This host and no other.
    Exact(String),
    /// `*.example.com`: every host below the suffix, at any depth, but not the suffix itself. Held without `*.`.
    Below(String),
}

/// A path pattern, cut into segments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathPattern {
    /// The segments between slashes; `/` is one empty segment, `/*` is none.
    pub segments: Vec<Segment>,
    /// Whether a final `/*` lets anything follow, from a segment boundary on.
    pub open: bool,
}

/// One segment of a path pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// These bytes, percent-encoded as a normalised request path is.
    Literal(String),
    /// Any one segment that is not empty, captured under this name.
    Param(String),
}

/// A condition on one header field.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeaderMatch {
    /// The field's name, lower case.
    pub name: String,
    /// What its first value must be.
    pub test: HeaderTest,
}

/// What a header's value must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeaderTest {
    /// The field is there, whatever its value (`"*"` in the file).
    Present,
    /// The value is exactly this, byte for byte.
    Exact(String),
}
