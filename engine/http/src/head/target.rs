//! The request target (RFC 9112 section 3.2).

use crate::authority;
use crate::fault::Reason;
use crate::field::Span;
use crate::message::{Form, Method};
use crate::syntax::{PATH, QUERY};

/// A target taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) form: Form,
    pub(super) path: Span,
    pub(super) query: Option<Span>,
    /// Only in absolute form.
    pub(super) authority: Option<Span>,
}

/// Takes `text` apart; spans count from `base`, the offset of `text`.
#[inline]
pub(super) fn read(text: &[u8], base: usize, method: Method) -> Result<Target, Reason> {
    match text {
        _ if method == Method::Connect => Err(Reason::ConnectRefused),
        [b'/', ..] => read_from_path(text, 0, base, Form::Origin),
        b"*" if method == Method::Options => Ok(Target {
            form: Form::Asterisk,
            path: Span::between(base, base + 1),
            query: None,
            authority: None,
        }),
        _ => read_absolute(text, base),
    }
}

fn read_absolute(text: &[u8], base: usize) -> Result<Target, Reason> {
    let start = scheme_len(text).ok_or(Reason::BadTarget)?;
    let rest = &text[start..];
    let len = rest.iter().position(|b| matches!(b, b'/' | b'?'));
    let end = start + len.unwrap_or(rest.len());
    if !authority::is_valid(&text[start..end]) {
        return Err(Reason::BadTarget);
    }
    let target = read_from_path(text, end, base, Form::Absolute)?;
    Ok(Target {
        authority: Some(Span::between(base + start, base + end)),
        ..target
    })
}

/// Length of `http://` or `https://` in front.
fn scheme_len(text: &[u8]) -> Option<usize> {
    [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| {
            text.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .map(<[u8]>::len)
}

/// Reads path and query from offset `at` on.
#[inline]
fn read_from_path(text: &[u8], at: usize, base: usize, form: Form) -> Result<Target, Reason> {
    let rest = &text[at..];
    let path_len = rest
        .iter()
        .position(|b| !PATH.has(*b))
        .unwrap_or(rest.len());
    let path = &rest[..path_len];
    if path.contains(&b'%') && !has_whole_escapes(path) {
        return Err(Reason::BadTarget);
    }
    let path_end = at + path_len;
    let query = match text.get(path_end) {
        None => None,
        Some(b'?') if QUERY.has_all(&text[path_end + 1..]) => {
            Some(Span::between(base + path_end + 1, base + text.len()))
        }
        Some(_) => return Err(Reason::BadTarget),
    };
    Ok(Target {
        form,
        path: Span::between(base + at, base + path_end),
        query,
        authority: None,
    })
}

/// True if two hexadecimal digits follow every `%`.
fn has_whole_escapes(path: &[u8]) -> bool {
    path.iter().enumerate().all(|(at, byte)| {
        let digits = path.get(at + 1..at + 3);
        *byte != b'%' || digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts<'t> = (Form, &'t str, Option<&'t str>, Option<&'t str>);

    fn parts(text: &str, method: Method) -> Result<Parts<'_>, Reason> {
        let cut = |span: Span| &text[span.start as usize..span.end()];
        let target = read(text.as_bytes(), 0, method)?;
        let (query, authority) = (target.query.map(cut), target.authority.map(cut));
        Ok((target.form, cut(target.path), query, authority))
    }

    #[test]
    fn forms() {
        use Form::{Absolute, Asterisk, Origin};
        let table = [
            ("/", (Origin, "/", None, None)),
            ("/a?b?c=/d", (Origin, "/a", Some("b?c=/d"), None)),
            ("/a?", (Origin, "/a", Some(""), None)),
            ("//a/..", (Origin, "//a/..", None, None)),
            (
                "/%2F[1]|?q=100%&{a[]}",
                (Origin, "/%2F[1]|", Some("q=100%&{a[]}"), None),
            ),
            ("*", (Asterisk, "*", None, None)),
            ("http://a", (Absolute, "", None, Some("a"))),
            ("HTTPS://a:1/b?c", (Absolute, "/b", Some("c"), Some("a:1"))),
            ("http://[::1]?c", (Absolute, "", Some("c"), Some("[::1]"))),
        ];
        for (text, want) in table {
            assert_eq!(parts(text, Method::Options), Ok(want), "{text}");
        }
    }

    #[test]
    fn refusals() {
        let bad = [
            "",
            "a",
            "a/b",
            "?",
            "**",
            "*?a",
            "http:/a",
            "http://",
            "http:///a",
            "http://u@a/",
            "http://u:p@a/",
            "ftp://a/",
            "/a#b",
            "/a b",
            "/a\"",
            "/<a>",
            "/a\\b",
            "/%",
            "/%4",
            "/%4g",
            "/%zz",
            "/\u{e9}",
            "/a\u{7f}",
            "/?a#b",
            "/?a b",
            "/?\u{e9}",
            "/?\\",
            "/{a}",
            "/^",
            "http://a b/",
            "http://a#/",
            "/\0",
        ];
        for text in bad {
            assert_eq!(
                parts(text, Method::Options),
                Err(Reason::BadTarget),
                "{text}"
            );
        }
        assert_eq!(parts("*", Method::Get), Err(Reason::BadTarget));
        assert_eq!(parts("a:443", Method::Connect), Err(Reason::ConnectRefused));
        assert_eq!(parts("/", Method::Connect), Err(Reason::ConnectRefused));
    }
}
