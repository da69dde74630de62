//! The `Location` of a redirect, with holes for parts of the request.

use crate::router::Params;

/// Text with holes. Rendering cannot inject: what fills a hole is escaped for the place where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub(crate) pieces: Vec<Piece>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Literal(String),
    /// `{scheme}`
    Scheme,
    /// `{host}`
    Host,
    /// `{path}`
    Path,
    /// `{?query}`
    Query,
    /// The parameter of this name.
    Param(String),
}

/// What the holes of a [`Template`] are filled with.
#[derive(Debug, Clone, Copy)]
pub struct TemplateParts<'a> {
    /// `{scheme}`: `http` or `https`, as the client sees it.
    pub scheme: &'a str,
    /// `{host}`: the request's host, with its port if it has one.
    pub host: &'a [u8],
    /// `{path}`: the normalised path.
    pub path: &'a [u8],
    /// `{?query}`: `?` and the query, or nothing where the request has none.
    pub query: Option<&'a [u8]>,
    /// `{name}`: the parameters of the route's pattern.
    pub params: &'a Params<'a>,
}

impl Template {
    /// Appends the rendered text to `out`.
    pub fn render(&self, parts: &TemplateParts<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Scheme => out.extend_from_slice(parts.scheme.as_bytes()),
                Piece::Host => out.extend_from_slice(parts.host),
                Piece::Path => out.extend_from_slice(parts.path),
                Piece::Query => {
                    if let Some(query) = parts.query {
                        out.push(b'?');
                        out.extend_from_slice(query);
                    }
                }
                Piece::Param(name) => {
                    out.extend_from_slice(parts.params.get(name).unwrap_or_default())
                }
            }
        }
    }
}
