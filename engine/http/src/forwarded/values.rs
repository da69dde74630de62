//! The values that we write.

use crate::syntax::TOKEN;
use crate::write::Text;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

/// What we know of the client that a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// Address of the peer of our connection.
    pub peer: IpAddr,
    /// `http` or `https`: what the peer spoke to us.
    pub proto: &'a [u8],
    /// The effective `host[:port]` of the request; empty if it had none.
    pub host: &'a [u8],
    /// True if the peer is a proxy whose forwarding fields are believed and continued; otherwise
    /// they are replaced.
    pub trusted: bool,
}

impl Client<'_> {
    /// Appends the value for Forwarded: what a trusted peer sent, then our own element.
    pub fn write_forwarded<'b>(&self, out: &mut Vec<u8>, incoming: impl Iterator<Item = &'b [u8]>) {
        self.write_incoming(out, incoming);
        match self.peer.to_canonical() {
            IpAddr::V4(ip) => {
                out.extend_from_slice(b"for=");
                write_ipv4(out, ip);
            }
            IpAddr::V6(ip) => {
                write!(Text(out), "for=\"[{ip}]\"").expect("a Vec takes every write");
            }
        }
        if !self.host.is_empty() {
            out.extend_from_slice(b";host=");
            write_word(out, self.host);
        }
        out.extend_from_slice(b";proto=");
        write_word(out, self.proto);
    }

    /// Appends the value for X-Forwarded-For: what a trusted peer sent, then the peer's address.
    pub fn write_x_forwarded_for<'b>(
        &self,
        out: &mut Vec<u8>,
        incoming: impl Iterator<Item = &'b [u8]>,
    ) {
        self.write_incoming(out, incoming);
        write_ip(out, self.peer);
    }

    /// The value for X-Forwarded-Proto: what a trusted peer sent, else how the peer spoke to us.
    pub fn x_forwarded_proto<'b>(&'b self, incoming: Option<&'b [u8]>) -> &'b [u8] {
        self.believed(incoming).unwrap_or(self.proto)
    }

    /// The value for X-Forwarded-Host: what a trusted peer sent, else the host that was asked for.
    pub fn x_forwarded_host<'b>(&'b self, incoming: Option<&'b [u8]>) -> &'b [u8] {
        self.believed(incoming).unwrap_or(self.host)
    }

    fn believed<'b>(&self, incoming: Option<&'b [u8]>) -> Option<&'b [u8]> {
        incoming.filter(|value| self.trusted && !value.is_empty())
    }

    fn write_incoming<'b>(&self, out: &mut Vec<u8>, incoming: impl Iterator<Item = &'b [u8]>) {
        for value in incoming.filter(|value| self.trusted && !value.is_empty()) {
            out.extend_from_slice(value);
            out.extend_from_slice(b", ");
        }
    }
}

/// Appends an address in the form that X-Real-IP and X-Forwarded-For have: no brackets, IPv4 as
/// such even when it came mapped into IPv6.
pub fn write_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip.to_canonical() {
        IpAddr::V4(ip) => write_ipv4(out, ip),
        IpAddr::V6(ip) => write!(Text(out), "{ip}").expect("a Vec takes every write"),
    }
}

/// Without the formatting machinery and with one append: three of these go into every request that is
/// forwarded.
fn write_ipv4(out: &mut Vec<u8>, ip: Ipv4Addr) {
    let mut text = [0; "255.255.255.255.".len()];
    let mut at = 0;
    for octet in ip.octets() {
        for (least, unit) in [(100, 100), (10, 10), (0, 1)] {
            if octet >= least {
                text[at] = b'0' + octet / unit % 10;
                at += 1;
            }
        }
        text[at] = b'.';
        at += 1;
    }
    out.extend_from_slice(&text[..at - 1]);
}

/// Appends a token as it is and anything else as a quoted string (RFC 9110 section 5.6.4).
fn write_word(out: &mut Vec<u8>, word: &[u8]) {
    if !word.is_empty() && TOKEN.has_all(word) {
        out.extend_from_slice(word);
        return;
    }
    out.push(b'"');
    for byte in word {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(peer: &str, trusted: bool) -> Client<'static> {
        Client {
            peer: ip(peer),
            proto: b"http",
            host: b"example.com:8080",
            trusted,
        }
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn forwarded_values() {
        let incoming = [&b"for=1.1.1.1"[..], b"for=2.2.2.2"];
        let table = [
            (
                "9.9.9.9",
                false,
                "for=9.9.9.9;host=\"example.com:8080\";proto=http",
            ),
            (
                "::1",
                false,
                "for=\"[::1]\";host=\"example.com:8080\";proto=http",
            ),
            (
                "::ffff:9.9.9.9",
                true,
                "for=1.1.1.1, for=2.2.2.2, for=9.9.9.9;host=\"example.com:8080\";proto=http",
            ),
        ];
        for (peer, trusted, want) in table {
            let client = client(peer, trusted);
            assert_eq!(
                written(|out| client.write_forwarded(out, incoming.into_iter())),
                want
            );
        }
    }

    #[test]
    fn x_forwarded_values() {
        let incoming = || [&b"1.1.1.1, 2.2.2.2"[..], b"3.3.3.3"].into_iter();
        let (near, far) = (client("9.9.9.9", true), client("::1", false));
        let want = "1.1.1.1, 2.2.2.2, 3.3.3.3, 9.9.9.9";
        assert_eq!(
            written(|out| near.write_x_forwarded_for(out, incoming())),
            want
        );
        assert_eq!(
            written(|out| far.write_x_forwarded_for(out, incoming())),
            "::1"
        );
        assert_eq!(near.x_forwarded_proto(Some(b"https")), b"https");
        assert_eq!(near.x_forwarded_proto(Some(b"")), b"http");
        assert_eq!(far.x_forwarded_proto(Some(b"https")), b"http");
        assert_eq!(far.x_forwarded_host(Some(b"evil")), b"example.com:8080");
    }

    #[test]
    fn words_are_quoted_where_needed() {
        for (word, want) in [
            ("a.b", "a.b"),
            ("", "\"\""),
            ("a\"\\", "\"a\\\"\\\\\""),
            ("[::1]", "\"[::1]\""),
        ] {
            assert_eq!(written(|out| write_word(out, word.as_bytes())), want);
        }
    }
}
