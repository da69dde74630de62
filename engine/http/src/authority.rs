//! The syntax of `host[:port]`.

use crate::syntax::HOST_NAME;
use std::net::Ipv6Addr;

/// True for `host[:port]` as Host and an absolute target may hold it (RFC 9110 section 7.2, RFC
/// 3986 section 3.2): a name, an IPv4 address or a bracketed IPv6 address, then at most one port,
/// which may be empty but not above
/// 65535. User information, escapes and IPvFuture are refused.
pub(crate) fn is_valid(authority: &[u8]) -> bool {
    let Some((host, port)) = split(authority) else {
        return false;
    };
    let host_is_valid = match host {
        [b'[', address @ .., b']'] => is_ipv6(address),
        name => !name.is_empty() && HOST_NAME.has_all(name),
    };
    host_is_valid && port.is_none_or(is_port)
}

/// Host and port of an authority; `None` if a bracket is left open or followed by anything but a
/// port.
fn split(authority: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let host_len = if authority.first() == Some(&b'[') {
        authority.iter().position(|b| *b == b']')? + 1
    } else {
        let colon = authority.iter().position(|b| *b == b':');
        colon.unwrap_or(authority.len())
    };
    match &authority[host_len..] {
        [] => Some((authority, None)),
        [b':', port @ ..] => Some((&authority[..host_len], Some(port))),
        _ => None,
    }
}

fn is_ipv6(address: &[u8]) -> bool {
    str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

fn is_port(port: &[u8]) -> bool {
    port.len() <= 5
        && port.iter().all(u8::is_ascii_digit)
        && port
            .iter()
            .fold(0u32, |sum, b| sum * 10 + u32::from(b - b'0'))
            <= 65535
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let good = [
            "a",
            "example.com",
            "EXAMPLE.com.:80",
            "example.com:",
            "my_app-1~x",
            "127.0.0.1:65535",
            "[::1]",
            "[2001:db8::1]:443",
            "[::ffff:1.2.3.4]:0",
        ];
        for text in good {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
        let bad = [
            "",
            ":80",
            "a:b",
            "a:80:80",
            "a:65536",
            "a:000080",
            "a:+80",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:x",
            "[]",
            "[v1.x]",
            "[fe80::1%25eth0]",
            "u@a",
            "a b",
            "a,b",
            "a/b",
            "a%2e",
            "ex\u{e4}mple",
            "a?b",
            "a#b",
            "a\\b",
            "[1.2.3.4]",
        ];
        for text in bad {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }
}
