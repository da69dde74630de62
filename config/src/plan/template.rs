//! The `Location` of a redirect, with holes for parts of the request.

mod parse;

use crate::matching::segment::is_segment_byte;
use crate::router::params::Params;

/// Text with holes: `https://example.com{path}?{query}`.
///
/// Rendering cannot inject: what fills a hole is escaped for the place where it stands, a relative template stays on
/// its host, and a hole in the host's place only ever fills a label in front of fixed ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
    relative: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// The `?` before `{query}`: there only if a query is.
    QueryMark,
    Hole(Hole, Place),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hole {
    Scheme,
    Host,
    Path,
    Query,
    Param(String),
}

/// Which part of the URL a hole stands in (RFC 3986 3); it decides what is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Scheme,
    Authority,
    Path,
    Query,
}

/// What the holes of a [`Template`] are filled with.
#[derive(Debug, Clone, Copy)]
pub struct TemplateParts<'a> {
    /// `{scheme}`: `http` or `https`, as the client sees it.
    pub scheme: &'a str,
    /// The request's authority; `{host}` is it without its port.
    pub host: &'a [u8],
    /// `{path}`: the normalised path.
    pub path: &'a [u8],
    /// `{query}`, without its `?`. Where there is none, a `?` right before the hole goes too.
    pub query: Option<&'a [u8]>,
    /// `{name}`: the parameters of the route's pattern, and `{*}`: what its final star stands for.
    pub params: &'a Params<'a>,
}

impl Template {
    /// Appends the rendered text to `out`: bytes that a field value may have.
    pub fn render(&self, parts: &TemplateParts<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::QueryMark if parts.query.is_some() => out.push(b'?'),
                Piece::QueryMark => {}
                Piece::Hole(hole, place) => escape(fill(hole, parts), hole, *place, out),
            }
        }
        if self.relative {
            keep_one_slash(out, start);
        }
    }

    /// The names of the parameters that the template uses, `*` among them.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(Hole::Param(name), _) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether a request without a host leaves a hole that nothing fills.
    #[must_use]
    pub fn needs_host(&self) -> bool {
        let is_host = |piece: &Piece| matches!(piece, Piece::Hole(Hole::Host, _));
        self.pieces.iter().any(is_host)
    }

    /// The text as the file has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn fill<'a>(hole: &Hole, parts: &TemplateParts<'a>) -> &'a [u8] {
    match hole {
        Hole::Scheme => parts.scheme.as_bytes(),
        Hole::Host => without_port(parts.host),
        Hole::Path => parts.path,
        Hole::Query => parts.query.unwrap_or_default(),
        Hole::Param(name) => parts.params.get(name).unwrap_or_default(),
    }
}

fn without_port(authority: &[u8]) -> &[u8] {
    match authority.iter().rposition(|b| *b == b':') {
        Some(colon) if !authority[colon..].contains(&b']') => &authority[..colon],
        _ => authority,
    }
}

/// Copies what may stand there and escapes the rest. Triplets that are there already stay, but for in a host.
fn escape(bytes: &[u8], hole: &Hole, place: Place, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if stays(byte, hole, place) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[
                b'%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        }
    }
}

const fn stays(byte: u8, hole: &Hole, place: Place) -> bool {
    let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    match (place, hole) {
        (Place::Authority, Hole::Host) => plain || matches!(byte, b'[' | b']' | b':'),
        (Place::Scheme | Place::Authority, _) => plain,
        (Place::Path, Hole::Query) => is_segment_byte(byte) || byte == b'%',
        (Place::Path, _) => is_segment_byte(byte) || matches!(byte, b'/' | b'%'),
        (Place::Query, Hole::Query) => is_segment_byte(byte) || matches!(byte, b'/' | b'%' | b'?'),
        (Place::Query, _) => plain || matches!(byte, b'~' | b'/' | b'%'),
    }
}

/// A relative target that begins with two slashes would name another host (RFC 3986 4.2).
fn keep_one_slash(out: &mut Vec<u8>, start: usize) {
    let slashes = out[start..].iter().take_while(|b| **b == b'/').count();
    if slashes > 1 {
        out.drain(start..start + slashes - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::scalar::FromScalar;
    use proptest::prelude::*;

    fn rendered(
        template: &str,
        path: &str,
        query: Option<&str>,
        params: &[(&str, &str)],
    ) -> String {
        let params: Params<'_> = params
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let parts = TemplateParts {
            scheme: "http",
            host: b"example.com:8080",
            path: path.as_bytes(),
            query: query.map(str::as_bytes),
            params: &params,
        };
        let mut out = Vec::new();
        Template::from_text(template)
            .unwrap()
            .render(&parts, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fills_holes() {
        assert_eq!(
            rendered("https://{host}{path}?{query}", "/a", Some("b=c&d"), &[]),
            "https://example.com/a?b=c&d"
        );
        assert_eq!(
            rendered("https://{host}{path}?{query}", "/a", None, &[]),
            "https://example.com/a"
        );
        assert_eq!(
            rendered("{scheme}://www.{host}/x", "/a", None, &[]),
            "http://www.example.com/x"
        );
        assert_eq!(
            rendered("/new/{id}?from={path}", "/old/7", None, &[("id", "7")]),
            "/new/7?from=/old/7"
        );
        assert_eq!(
            rendered("https://{t}.example.com/", "/", None, &[("t", "acme")]),
            "https://acme.example.com/"
        );
    }

    #[test]
    fn a_relative_target_stays_on_its_host() {
        assert_eq!(rendered("{path}", "//evil.com/x", None, &[]), "/evil.com/x");
        assert_eq!(
            rendered("/{*}", "/", None, &[("*", "/evil.com")]),
            "/evil.com"
        );
        assert_eq!(
            rendered("/{*}", "/", None, &[("*", "\\\\evil.com")]),
            "/%5C%5Cevil.com"
        );
    }

    #[test]
    fn what_fills_a_hole_cannot_leave_it() {
        assert_eq!(
            rendered("/a?next={path}", "/b&admin=1+2;#x", None, &[]),
            "/a?next=/b%26admin%3D1%2B2%3B%23x"
        );
        assert_eq!(
            rendered(
                "https://{t}.example.com/",
                "/",
                None,
                &[("t", "evil.com%2F@:")]
            ),
            "https://evil.com%252F%40%3A.example.com/"
        );
        assert_eq!(
            rendered("/{id}", "/", None, &[("id", "a\r\nSet-Cookie: b")]),
            "/a%0D%0ASet-Cookie:%20b"
        );
    }

    #[test]
    fn refuses_what_goes_nowhere_or_anywhere() {
        for text in [
            "",
            "example.com/a",
            "//example.com",
            "https://",
            "https:///a",
            "https://{id}/",
            "https://{id}:80/",
            "https://a.com{id}",
            "https://{host}{id}/",
            "ftp://a/",
            "/a b",
            "/{",
            "/}",
            "/{a",
            "/é",
            "https://{query}/",
            "javascript:alert(1)",
        ] {
            assert!(Template::from_text(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn output_is_one_field_value(
            template in "(https://a\\.b|/|\\{path\\}|https://\\{host\\})(/|\\{path\\}|\\?\\{query\\}|\\{id\\}|x){0,4}",
            path in "(?s)/.{0,12}", query in "(?s).{0,12}", id in "(?s).{0,12}",
        ) {
            if let Ok(template) = Template::from_text(&template) {
                let params: Params<'_> = [("id", id.as_bytes())].into_iter().collect();
                let parts = TemplateParts { scheme: "https", host: b"h", path: path.as_bytes(), query: Some(query.as_bytes()), params: &params };
                let mut out = Vec::new();
                template.render(&parts, &mut out);
                prop_assert!(out.iter().all(u8::is_ascii_graphic), "{:?}", out);
                prop_assert!(out.starts_with(b"https://") || (out.starts_with(b"/") && !out.starts_with(b"//")));
            }
        }

        #[test]
        fn nothing_panics(text in "(?s).*") {
            let _ = Template::from_text(&text);
        }
    }
}
