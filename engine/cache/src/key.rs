//! What a response is stored under: all of a request that decides which resource it is for.

use ringfence_config::{CacheRules, KeyQuery, KeyRules, PerUser};
use ringfence_http::Name;
use ringfence_http::syntax::UNRESERVED;
use smallvec::SmallVec;

use crate::head::Head;

/// What of a request makes its key.
#[derive(Clone, Copy, Debug)]
pub struct KeyParts<'a> {
    /// Sets apart what is asked of different servers or in different ways.
    pub realm: u64,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The authority asked for.
    pub host: &'a [u8],
    /// The path in its normal form.
    pub path: &'a [u8],
    /// The query, where there is one.
    pub query: Option<&'a [u8]>,
    /// The request's fields.
    pub head: Head<'a>,
}

/// Bytes of a key before the URL.
pub const REALM: usize = size_of::<u64>();

/// Stands before each part of a key that is not in the URL; no URL and no field has it.
pub const PART: u8 = b'\n';

/// Stands before each value of a part; no field has it.
pub const VALUE: u8 = 1;

/// Bytes of a query, and parameters in it, for which nothing is allocated.
const USUAL_QUERY: usize = 256;
const USUAL_PAIRS: usize = 16;

/// Writes a request's key over what `out` holds: behind [`REALM`] bytes, its URL in normal form, as far as the rules say that
/// it counts, and what counts beside it.
pub fn write_key(parts: &KeyParts<'_>, rules: &CacheRules, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&parts.realm.to_ne_bytes());
    write_url(parts, &rules.key, out);
    write_rest(parts.head, rules, out);
}

/// Who the request's user is, where every user has a cache of their own and this one can be told from others.
#[must_use]
pub fn user<'a>(head: Head<'a>, rules: &CacheRules) -> Option<&'a [u8]> {
    match rules.per_user.as_ref()? {
        PerUser::Authorization => head.values(Name::Authorization).next(),
        PerUser::Cookie(name) => head.cookie(name),
    }
}

/// The URL in a key, as far as it counts.
pub(crate) fn url_of(key: &[u8]) -> &[u8] {
    let text = key.get(REALM..).unwrap_or_default();
    text.split(|byte| *byte == PART).next().unwrap_or_default()
}

/// Writes the request's URL in normal form, as far as the rules say that it counts.
pub fn write_url(parts: &KeyParts<'_>, rules: &KeyRules, out: &mut Vec<u8>) {
    if rules.scheme {
        out.extend_from_slice(parts.scheme.as_bytes());
        out.extend_from_slice(b"://");
    }
    if rules.host {
        let start = out.len();
        out.extend_from_slice(parts.host);
        out[start..].make_ascii_lowercase();
    }
    out.extend_from_slice(parts.path);
    let Some(query) = parts.query else { return };
    let start = out.len();
    out.push(b'?');
    write_query(query, out);
    if rules.query != KeyQuery::All || rules.sort {
        rewrite_query(rules, start, out);
    }
}

/// Leaves of the query that begins at `start` what counts, in the order in which it does.
fn rewrite_query(rules: &KeyRules, start: usize, out: &mut Vec<u8>) {
    let query: SmallVec<[u8; USUAL_QUERY]> = SmallVec::from_slice(&out[start + 1..]);
    out.truncate(start);
    let pairs = query.split(|byte| *byte == b'&');
    let mut pairs: SmallVec<[&[u8]; USUAL_PAIRS]> = pairs
        .filter(|pair| rules.query.counts(name_of(pair)))
        .collect();
    if rules.sort {
        // Those of one name stay in their order, which may mean something.
        pairs.sort_by(|one, other| name_of(one).cmp(name_of(other)));
    }
    for (at, pair) in pairs.into_iter().enumerate() {
        out.push(if at == 0 { b'?' } else { b'&' });
        out.extend_from_slice(pair);
    }
}

/// A query, or a part of it, in normal form.
#[must_use]
pub fn normal_query(query: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(query.len());
    write_query(query, &mut out);
    out
}

/// The name of a query's parameter.
fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// What a key has behind its URL, part by part, in words.
#[must_use]
pub fn part_names(rules: &CacheRules) -> Vec<String> {
    let headers = rules
        .key
        .headers
        .iter()
        .map(|name| format!("header {name}"));
    let cookies = rules
        .key
        .cookies
        .iter()
        .map(|name| format!("cookie {name}"));
    let device = rules.key.device.then(|| "device".to_owned());
    let user = rules.per_user.as_ref().map(|_| "user".to_owned());
    headers.chain(cookies).chain(device).chain(user).collect()
}

fn write_rest(head: Head<'_>, rules: &CacheRules, out: &mut Vec<u8>) {
    for name in &rules.key.headers {
        out.push(PART);
        for line in head.fields.find_all(head.bytes, name.as_bytes()) {
            out.push(VALUE);
            out.extend_from_slice(line);
        }
    }
    for name in &rules.key.cookies {
        write_part(head.cookie(name), out);
    }
    if rules.key.device {
        let agent = head.values(Name::UserAgent).next().unwrap_or_default();
        write_part(Some(device(agent)), out);
    }
    if rules.per_user.is_some() {
        write_part(user(head, rules), out);
    }
}

/// Writes a part so that none is not the same as an empty one.
fn write_part(part: Option<&[u8]>, out: &mut Vec<u8>) {
    out.push(PART);
    if let Some(part) = part {
        out.push(VALUE);
        out.extend_from_slice(part);
    }
}

/// The class of device that a User-Agent tells: those that servers make other pages for.
fn device(agent: &[u8]) -> &'static [u8] {
    let has = |word: &[u8]| agent.windows(word.len()).any(|text| text == word);
    let phone = has(b"Mobi");
    if has(b"iPad") || has(b"Tablet") || has(b"Android") && !phone {
        b"tablet"
    } else if phone {
        b"phone"
    } else {
        b"desktop"
    }
}

/// Writes a query as all writers of the same query would (RFC 3986 section 6.2.2): escapes in upper case, and none of what
/// needs none.
fn write_query(query: &[u8], out: &mut Vec<u8>) {
    let mut rest = query;
    while let [first, behind @ ..] = rest {
        rest = behind;
        let escaped = match (first, behind) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        let Some((high, low)) = escaped else {
            out.push(*first);
            continue;
        };
        rest = &behind[2..];
        match high << 4 | low {
            byte if UNRESERVED.has(byte) => out.push(byte),
            byte => out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

fn digit(value: u8) -> u8 {
    b"0123456789ABCDEF"[usize::from(value)]
}

#[cfg(test)]
mod tests {
    use ringfence_config::{Overrides, Plan};
    use ringfence_http::{HeadLimits, RequestHead};

    use super::*;

    /// The rules that a route has with these lines in its table.
    fn rules(lines: &str) -> std::sync::Arc<CacheRules> {
        let file = format!(
            "[[listener]]\naddress = \"127.0.0.1:1\"\n[upstream.a]\nservers = [\"127.0.0.1:2\"]\n\
             [[route]]\nupstream = \"a\"\n[route.cache]\n{lines}"
        );
        let plan = Plan::load(&file, "test", &|_| None, &Overrides::default());
        let plan = plan.expect("a test's own rules");
        plan.routes[0].cache.clone().expect("a route with a cache")
    }

    fn key_of(lines: &str, url: &str, fields: &str) -> String {
        let (host, rest) = url.split_at(url.find('/').expect("a path"));
        let text = format!("GET {rest} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
        let mut head = RequestHead::new();
        let parsed = head.parse(text.as_bytes(), &HeadLimits::default());
        parsed.expect("sound").expect("whole");
        let bytes = text.as_bytes();
        let parts = KeyParts {
            realm: 0,
            scheme: "http",
            host: host.as_bytes(),
            path: head.path_bytes(bytes),
            query: head.query.map(|query| query.of(bytes)),
            head: Head {
                fields: &head.fields,
                bytes,
            },
        };
        let mut out = b"left over".to_vec();
        write_key(&parts, &rules(lines), &mut out);
        String::from_utf8(out[REALM..].to_vec()).expect("text in, text out")
    }

    #[test]
    fn the_same_url_has_the_same_key() {
        let want = "http://a.example/x?q=~%2F%3D&b=%zz%4";
        assert_eq!(key_of("", "A.example/x?q=%7e%2f%3d&%62=%zz%4", ""), want);
        assert_eq!(key_of("", "a.example/x?q=~%2F%3D&b=%zz%4", ""), want);
    }

    #[test]
    fn other_urls_have_other_keys() {
        let urls = [
            "a/x",
            "a/x?",
            "a/x?a=1&b=2",
            "a/x?b=2&a=1",
            "a/x?a=1%26b=2",
            "b/x",
            "a/X",
        ];
        let keys = urls.map(|url| key_of("", url, ""));
        for (at, one) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(one), "{one}");
        }
    }

    #[test]
    fn what_counts_of_the_query() {
        for (lines, url, want) in [
            ("key = { query = \"none\" }", "a/x?b=1", "http://a/x"),
            (
                "key = { keep = [\"b\"] }",
                "a/x?a=1&b=2&b",
                "http://a/x?b=2&b",
            ),
            (
                "key = { keep = [\"b\"] }",
                "a/x?%62=%2f",
                "http://a/x?b=%2F",
            ),
            (
                "key = { drop = [\"u_*\"] }",
                "a/x?u_a=1&b=2",
                "http://a/x?b=2",
            ),
            (
                "key = { sort = true }",
                "a/x?b=2&a=1&b=1",
                "http://a/x?a=1&b=2&b=1",
            ),
            ("key = { host = false, scheme = false }", "a/x", "/x"),
        ] {
            assert_eq!(key_of(lines, url, ""), want, "{lines}");
        }
    }

    #[test]
    fn what_counts_beside_the_url() {
        let apart = |lines: &str, fields: [&str; 2]| {
            let [one, other] = fields.map(|fields| key_of(lines, "a/x", fields));
            one != other
        };
        let cookies = "key = { cookies = [\"b\"] }";
        assert!(apart(cookies, ["Cookie: b=1\r\n", "Cookie: a=1; b=2\r\n"]));
        assert!(apart(cookies, ["Cookie: b=\r\n", "Cookie: bb=\r\n"]));
        assert!(!apart(cookies, ["Cookie: b=1\r\n", "Cookie: a=1; b=1\r\n"]));
        let headers = "key = { headers = [\"x-a\"] }";
        assert!(apart(headers, ["X-A: 1\r\n", "X-A: 2\r\n"]));
        assert!(apart(headers, ["X-A: \r\n", "X-B: \r\n"]));
        assert!(apart(headers, ["X-A: 1\r\nX-A: 2\r\n", "X-A: 1, 2\r\n"]));
        let users = "per_user = \"authorization\"";
        assert!(apart(
            users,
            ["Authorization: 1\r\n", "Authorization: 2\r\n"]
        ));
        assert!(!apart("", ["Authorization: 1\r\n", "Authorization: 2\r\n"]));
        let device = "key = { device = true }";
        let phone =
            "User-Agent: Mozilla/5.0 (Linux; Android 14; Pixel) Chrome/120 Mobile Safari\r\n";
        let tablet = "User-Agent: Mozilla/5.0 (Linux; Android 14; SM-X700) Chrome/120 Safari\r\n";
        assert!(apart(device, [phone, tablet]) && apart(device, [phone, ""]));
    }
}
