//! Which responses are coded.

use ringfence_config::CompressRules;
use ringfence_http::syntax::list_members;
use ringfence_http::{Fields, Name};

/// A response that may be coded for clients that take it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its status code.
    pub status: u16,
    /// Its fields.
    pub fields: &'a Fields,
    /// What their spans point into.
    pub bytes: &'a [u8],
    /// The length of its body, where it is known.
    pub length: Option<u64>,
}

impl Candidate<'_> {
    /// Whether it is coded where a client wants it: it is whole, long enough, of a type that the rules have, not coded yet,
    /// and nobody forbids it (`no-transform`, RFC 9111 section 5.2.2.6).
    #[must_use]
    pub fn is_fit(&self, rules: &CompressRules) -> bool {
        self.fields.has(Name::ContentType) && has_whole_body(self.status) && self.may_be_fit(rules)
    }

    /// Whether nothing that its fields say is against it. A 304 need not have those of what it stands for (RFC 9110 section
    /// 15.4.5).
    #[must_use]
    pub fn may_be_fit(&self, rules: &CompressRules) -> bool {
        let has = |id| self.fields.has(id);
        let mut types = self.fields.get_all(self.bytes, Name::ContentType);
        let covered = match (types.next(), types.next()) {
            (None, _) => true,
            (Some(kind), None) => rules.covers(kind),
            _ => false,
        };
        let long_enough = self
            .length
            .is_none_or(|length| length > 0 && length >= rules.min_size);
        covered
            && long_enough
            && !has(Name::ContentEncoding)
            && !has(Name::ContentRange)
            && !forbids(self.fields, self.bytes)
    }
}

/// Whether a message says `no-transform`, be it a request or a response.
#[must_use]
pub fn forbids(fields: &Fields, bytes: &[u8]) -> bool {
    let lines = fields.get_all(bytes, Name::CacheControl);
    let mut members = lines.flat_map(list_members);
    members.any(|member| {
        let name = member.split(|byte| *byte == b'=').next();
        name.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
    })
}

/// Statuses whose responses have a body that stands for itself: not those without one, parts (206), and what is to be put
/// together with what the client has (226, RFC 3229).
fn has_whole_body(status: u16) -> bool {
    (200..600).contains(&status) && !matches!(status, 204 | 205 | 206 | 226 | 304)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_config::{ContentCoding, MediaPattern};
    use ringfence_http::{HeadLimits, Method, ResponseHead};

    fn is_fit(status: u16, fields: &str, length: Option<u64>) -> bool {
        let bytes = format!("HTTP/1.1 {status} X\r\n{fields}\r\n").into_bytes();
        let limits = HeadLimits {
            max_line: 1000,
            max_head: 1000,
            max_fields: 10,
        };
        let mut head = ResponseHead::new();
        head.parse(&bytes, &limits, Method::Get).unwrap().unwrap();
        let rules = CompressRules {
            codings: ContentCoding::ALL.to_vec(),
            types: vec![MediaPattern::read("text/*").unwrap()],
            min_size: 1000,
        };
        let candidate = Candidate {
            status,
            fields: &head.fields,
            bytes: &bytes,
            length,
        };
        candidate.is_fit(&rules)
    }

    #[test]
    fn what_is_text_whole_and_long_enough() {
        const TEXT: &str = "Content-Type: text/html; charset=utf-8\r\n";
        assert!(
            is_fit(200, TEXT, Some(1000)) && is_fit(200, TEXT, None) && is_fit(404, TEXT, None)
        );
        assert!(!is_fit(200, TEXT, Some(999)) && !is_fit(200, TEXT, Some(0)));
        for status in [204, 205, 206, 226, 304] {
            assert!(!is_fit(status, TEXT, None), "{status}");
        }
        assert!(!is_fit(200, "", None) && !is_fit(200, "Content-Type: image/png\r\n", None));
        assert!(!is_fit(200, &format!("{TEXT}{TEXT}"), None));
        for against in [
            "Content-Encoding: gzip",
            "Content-Encoding: identity",
            "Content-Range: bytes 0-1/2",
            "Cache-Control: max-age=1, No-Transform",
            "Cache-Control: public\r\nCache-Control: no-transform=1",
        ] {
            assert!(
                !is_fit(200, &format!("{TEXT}{against}\r\n"), None),
                "{against}"
            );
        }
        assert!(is_fit(
            200,
            &format!("{TEXT}Cache-Control: no-transformers\r\n"),
            None
        ));
    }
}
