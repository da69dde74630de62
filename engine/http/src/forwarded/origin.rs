//! Where a request really came from.

use crate::syntax::{list_members, trim_ows};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The address of the real client: walking from the peer away through the proxies, the first that
/// is not trusted.
///
/// Give the values of the fields in the order in which they came. If there is any X-Forwarded-For,
/// Forwarded is not looked at. Where an entry is no address (`unknown`, `_hidden`, nonsense), the
/// walk ends at the last address before it; where all are trusted, it is the farthest one. With a
/// peer that is not trusted it is always the peer.
pub fn client_ip<'b>(
    peer: IpAddr,
    x_forwarded_for: impl Iterator<Item = &'b [u8]>,
    forwarded: impl Iterator<Item = &'b [u8]>,
    trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted(peer) {
        return peer;
    }
    let mut walk = Walk::default();
    let mut seen = false;
    for member in x_forwarded_for.flat_map(list_members) {
        seen = true;
        walk.pass(node_ip(member), &trusted);
    }
    if !seen {
        for element in forwarded.flat_map(|value| quoted_split(value, b',')) {
            walk.pass(for_ip(element), &trusted);
        }
    }
    walk.end(peer)
}

/// The walk towards the client. It is made from the far end, because lists with quoted strings read
/// only that way, so it keeps what would be the answer if nothing nearer changed it.
#[derive(Default)]
struct Walk {
    answer: Option<IpAddr>,
    /// The entry just passed was no address: the next nearer one is where a walk from our side
    /// ends.
    cut: bool,
}

impl Walk {
    fn pass(&mut self, ip: Option<IpAddr>, trusted: &impl Fn(IpAddr) -> bool) {
        match ip {
            None => self.cut = true,
            Some(ip) if self.cut || self.answer.is_none() || !trusted(ip) => {
                self.answer = Some(ip);
                self.cut = false;
            }
            Some(_) => {}
        }
    }

    fn end(self, peer: IpAddr) -> IpAddr {
        match self.answer {
            Some(ip) if !self.cut => ip,
            _ => peer,
        }
    }
}

/// The address in the `for` parameter of one Forwarded element (RFC 7239 section 5.2).
fn for_ip(element: &[u8]) -> Option<IpAddr> {
    quoted_split(element, b';').find_map(|pair| {
        let equals = pair.iter().position(|b| *b == b'=')?;
        let is_for = trim_ows(&pair[..equals]).eq_ignore_ascii_case(b"for");
        is_for.then(|| node_ip(trim_ows(&pair[equals + 1..])))?
    })
}

/// The address of a node: an IPv4 or IPv6 address, the latter maybe in brackets, either maybe with
/// a port, the whole maybe in quotes (RFC 7239 section 6). Escapes within quotes have no place in
/// an address.
fn node_ip(node: &[u8]) -> Option<IpAddr> {
    let bare = match node {
        [b'"', inner @ .., b'"'] => inner,
        bare => bare,
    };
    let text = str::from_utf8(bare).ok()?;
    let bracketed = || {
        text.strip_prefix('[')?
            .strip_suffix(']')?
            .parse::<Ipv6Addr>()
            .ok()
    };
    let ip = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| bracketed().map(IpAddr::V6));
    ip.map(|ip| ip.to_canonical())
}

/// Parts between separators that are not inside a quoted string; trimmed, without the empty ones.
fn quoted_split(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value
        .split(move |byte| {
            let was_escaped = escaped;
            escaped = quoted && !was_escaped && *byte == b'\\';
            if *byte == b'"' && !was_escaped {
                quoted = !quoted;
            }
            *byte == separator && !quoted
        })
        .map(trim_ows)
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn found(peer: &str, x_forwarded_for: &[&str], forwarded: &[&str]) -> IpAddr {
        let trusted = |ip: IpAddr| ip.to_string().starts_with("10.") || ip == self::ip("fd00::1");
        client_ip(
            ip(peer),
            x_forwarded_for.iter().map(|v| v.as_bytes()),
            forwarded.iter().map(|v| v.as_bytes()),
            trusted,
        )
    }

    #[test]
    fn client_ip_by_x_forwarded_for() {
        let table: [(&str, &[&str], &str); 11] = [
            ("9.9.9.9", &["1.1.1.1"], "9.9.9.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1"], "1.1.1.1"),
            (
                "::ffff:10.0.0.1",
                &["6.6.6.6, 1.1.1.1, 10.0.0.2"],
                "1.1.1.1",
            ),
            ("10.0.0.1", &["6.6.6.6", "1.1.1.1", "10.0.0.2,,"], "1.1.1.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["6.6.6.6, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["6.6.6.6, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1:4711"], "1.1.1.1"),
            ("10.0.0.1", &["[2001:db8::1]:80, fd00::1"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
        ];
        for (peer, values, want) in table {
            assert_eq!(
                found(
                    peer,
                    values,
                    &["for=8.8.8.8"][..usize::from(!values.is_empty())]
                ),
                ip(want),
                "{values:?}"
            );
        }
    }

    #[test]
    fn client_ip_by_forwarded() {
        let table: [(&[&str], &str); 8] = [
            (&["for=1.1.1.1"], "1.1.1.1"),
            (&["For = \"1.1.1.1:80\" ; proto=http"], "1.1.1.1"),
            (
                &[
                    "for=6.6.6.6, for=\"[2001:db8::1]:4711\";by=x",
                    "for=10.0.0.2",
                ],
                "2001:db8::1",
            ),
            (
                &["for=6.6.6.6;host=\"a,for=7.7.7.7\", for=10.0.0.2"],
                "6.6.6.6",
            ),
            (
                &["for=6.6.6.6;host=\"a\\\",for=7.7.7.7\", for=10.0.0.2"],
                "6.6.6.6",
            ),
            (&["for=6.6.6.6, for=_hidden, for=10.0.0.2"], "10.0.0.2"),
            (&["for=6.6.6.6, proto=http"], "10.0.0.1"),
            (&["for=\"unclosed, for=6.6.6.6"], "10.0.0.1"),
        ];
        for (values, want) in table {
            assert_eq!(found("10.0.0.1", &[], values), ip(want), "{values:?}");
        }
    }
}
