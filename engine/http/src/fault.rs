//! Every "no" of the product has one name, used alike in the code, the access log and the metrics.

use std::fmt;

/// Whose doing a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The peer that sent the request.
    Client,
    /// The server that we asked.
    Upstream,
    /// This process: a limit, a policy, or a defect of ours.
    Us,
}

/// A refusal: why a message, a request or a connection was not served.
///
/// It is the error type of this crate; the reason carries the status to answer with and who is to
/// blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The named reason.
    pub reason: Reason,
}

impl Fault {
    /// The same refusal for bytes that an upstream sent: see [`Reason::from_upstream`].
    #[must_use]
    pub const fn from_upstream(self) -> Self {
        Self {
            reason: self.reason.from_upstream(),
        }
    }
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.word())
    }
}

impl std::error::Error for Fault {}

macro_rules! reasons {
    ($($(#[$doc:meta])* $id:ident $word:literal $status:literal $blame:ident;)*) => {
        /// Why something was refused or given up. Each has a stable word, a response status and a
        /// side to blame.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Reason { $($(#[$doc])* $id,)* }

        impl Reason {
            /// All reasons, in the order of their discriminants (so `ALL[reason as usize] ==
            /// reason`).
            pub const ALL: &'static [Reason] = &[$(Reason::$id,)*];

            /// The stable lower-case word that logs and metrics show.
            pub const fn word(self) -> &'static str {
                match self { $(Reason::$id => $word,)* }
            }

            /// The response status that goes with it, where a response can still be sent.
            pub const fn status(self) -> u16 {
                match self { $(Reason::$id => $status,)* }
            }

            /// Whose doing it is.
            pub const fn blame(self) -> Blame {
                match self { $(Reason::$id => Blame::$blame,)* }
            }
        }
    };
}

reasons! {
    // What a client's head may get wrong (RFC 9112 unless another is named).
    /// The request line is not `method SP target SP version` (section 3).
    BadRequestLine "bad_request_line" 400 Client;
    /// The method is not a token (section 3.1).
    BadMethod "bad_method" 400 Client;
    /// The request target has no known form or holds a byte that RFC 3986 forbids (section 3.2).
    BadTarget "bad_target" 400 Client;
    /// The third word of the request line is not an HTTP version (section 2.3).
    BadVersion "bad_version" 400 Client;
    /// A version of HTTP that this connection can't speak (RFC 9110 section 15.6.6).
    VersionNotSupported "version_not_supported" 505 Client;
    /// CONNECT: this is a gateway, not a tunnel (RFC 9110 section 9.3.6).
    ConnectRefused "connect_refused" 501 Client;
    /// An HTTP/1.1 request without Host (section 3.2).
    MissingHost "missing_host" 400 Client;
    /// More than one Host field (section 3.2).
    RepeatedHost "repeated_host" 400 Client;
    /// Host is empty or not `host[:port]` (section 3.2; RFC 9110 section 7.2).
    BadHost "bad_host" 400 Client;
    /// A field name is empty, holds a byte that is not a token character (section 5), or hides a
    /// framing or forwarding field behind underscores.
    BadFieldName "bad_field_name" 400 Client;
    /// A field value holds NUL or another control character (RFC 9110 section 5.5).
    BadFieldValue "bad_field_value" 400 Client;
    /// A field continues on the next line (section 5.2).
    ObsFold "obs_fold" 400 Client;
    /// A line ends in LF alone, or a CR stands without its LF (section 2.2).
    BareLineFeed "bare_line_feed" 400 Client;
    /// White space between a field name and its colon (section 5.1).
    SpaceBeforeColon "space_before_colon" 400 Client;
    /// Content-Length is not one plain decimal number that fits 64 bits (section 6.2).
    BadContentLength "bad_content_length" 400 Client;
    /// Content-Length was sent more than once, even with equal values (section 6.3).
    ConflictingContentLength "conflicting_content_length" 400 Client;
    /// Content-Length together with Transfer-Encoding (section 6.1).
    LengthWithTransferEncoding "length_with_transfer_encoding" 400 Client;
    /// A transfer coding other than exactly `chunked` (section 6.1).
    UnknownTransferCoding "unknown_transfer_coding" 501 Client;
    /// Transfer-Encoding was sent more than once, or names `chunked` twice (section 6.1).
    RepeatedTransferCoding "repeated_transfer_coding" 400 Client;
    /// Transfer-Encoding in an HTTP/1.0 message (section 6.1).
    TransferEncodingInHttp10 "transfer_encoding_in_http10" 400 Client;
    /// The request line is longer than the limit (section 3).
    LineTooLong "line_too_long" 414 Client;
    /// The head is longer than the limit (RFC 6585 section 5).
    HeadTooLarge "head_too_large" 431 Client;
    /// The head has more fields than the limit (RFC 6585 section 5).
    TooManyFields "too_many_fields" 431 Client;
    /// An expectation other than `100-continue` (RFC 9110 section 10.1.1).
    ExpectationFailed "expectation_failed" 417 Client;
    /// Only a stored response was wanted (RFC 9111 section 5.2.1.7), and there is none.
    NotCached "not_cached" 504 Client;
    /// The path has a bad `%` escape, an encoded NUL, or climbs above its root.
    BadPath "bad_path" 400 Client;

    // What a client's body may get wrong.
    /// A chunk's size line or the line end after its data is malformed (section 7.1).
    BadChunk "bad_chunk" 400 Client;
    /// Chunk extensions longer than the limit (section 7.1.1).
    ChunkExtTooLong "chunk_ext_too_long" 400 Client;
    /// The trailer section is malformed or larger than the limit (section 7.1.2).
    BadTrailer "bad_trailer" 400 Client;
    /// The body is larger than the route allows.
    BodyTooLarge "body_too_large" 413 Client;
    /// The connection ended before the body was complete (section 8).
    BodyTooShort "body_too_short" 400 Client;

    // Routing.
    /// No route matches the host, path and headers.
    NoRoute "no_route" 404 Client;
    /// A route matches but for the method.
    MethodNotAllowed "method_not_allowed" 405 Client;

    // Time-outs on the client's side.
    /// The head did not arrive in time.
    HeadTimeout "head_timeout" 408 Client;
    /// The body did not arrive in time.
    BodyTimeout "body_timeout" 408 Client;
    /// The client sends, or takes our bytes, below the minimum rate.
    SlowClient "slow_client" 408 Client;
    /// A kept-alive connection stayed idle too long; it is closed without a response.
    IdleTimeout "idle_timeout" 408 Client;
    /// The client went away before the response was complete.
    ClientGone "client_gone" 499 Client;

    // Time-outs on the upstream's side.
    /// No connection to a server within the limit.
    ConnectTimeout "connect_timeout" 504 Upstream;
    /// No response head within the limit.
    FirstByteTimeout "first_byte_timeout" 504 Upstream;
    /// The response stalled between two reads.
    BetweenBytesTimeout "between_bytes_timeout" 504 Upstream;
    /// The whole exchange took longer than the route allows.
    RequestTimeout "request_timeout" 504 Upstream;

    // What an upstream may get wrong.
    /// Connecting to the server failed.
    ConnectFailed "connect_failed" 502 Upstream;
    /// The server reset the connection.
    UpstreamReset "upstream_reset" 502 Upstream;
    /// The server closed the connection before a response.
    UpstreamClosed "upstream_closed" 502 Upstream;
    /// The response head is malformed or ambiguous.
    BadUpstreamHead "bad_upstream_head" 502 Upstream;
    /// The response head is larger than the limit, in bytes or in fields.
    UpstreamHeadTooLarge "upstream_head_too_large" 502 Upstream;
    /// The response body's chunking or trailer section is malformed.
    BadUpstreamBody "bad_upstream_body" 502 Upstream;
    /// The response body ended before the length or the last chunk that it promised.
    ResponseBodyTooShort "response_body_too_short" 502 Upstream;

    // Our own limits and states.
    /// The request waited in an upstream's queue longer than allowed.
    QueueTimeout "queue_timeout" 503 Us;
    /// The upstream's queue is full.
    QueueFull "queue_full" 503 Us;
    /// No server of the upstream may be used.
    NoServer "no_server" 503 Us;
    /// Descriptors, memory or connections ran out; the load was shed.
    Overload "overload" 503 Us;
    /// A defect of ours: a panic, which ends the connection.
    Internal "internal" 500 Us;
}

impl Reason {
    /// The reason for the same flaw in bytes that an upstream sent: a malformed head becomes
    /// [`Reason::BadUpstreamHead`], a malformed body [`Reason::BadUpstreamBody`], and so on.
    /// Reasons that are not about a message's bytes stay as they are.
    #[must_use]
    pub const fn from_upstream(self) -> Reason {
        match self {
            Reason::BadRequestLine
            | Reason::BadMethod
            | Reason::BadTarget
            | Reason::BadVersion
            | Reason::VersionNotSupported
            | Reason::BadFieldName
            | Reason::BadFieldValue
            | Reason::ObsFold
            | Reason::BareLineFeed
            | Reason::SpaceBeforeColon
            | Reason::BadContentLength
            | Reason::ConflictingContentLength
            | Reason::LengthWithTransferEncoding
            | Reason::UnknownTransferCoding
            | Reason::RepeatedTransferCoding
            | Reason::TransferEncodingInHttp10 => Reason::BadUpstreamHead,
            Reason::LineTooLong | Reason::HeadTooLarge | Reason::TooManyFields => {
                Reason::UpstreamHeadTooLarge
            }
            Reason::BadChunk | Reason::ChunkExtTooLong | Reason::BadTrailer => {
                Reason::BadUpstreamBody
            }
            Reason::BodyTooShort => Reason::ResponseBodyTooShort,
            other => other,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn words_are_unique_and_plain() {
        let mut seen = HashSet::new();
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(index, *reason as usize);
            let word = reason.word();
            assert!(seen.insert(word), "{word} twice");
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            assert!(word.bytes().all(plain), "{word}");
            assert!((400..600).contains(&reason.status()), "{word}");
        }
    }

    #[test]
    fn flaws_of_an_upstream_never_blame_the_client() {
        for reason in [
            Reason::ObsFold,
            Reason::HeadTooLarge,
            Reason::BadChunk,
            Reason::BodyTooShort,
        ] {
            assert_eq!(reason.blame(), Blame::Client);
            assert_eq!(reason.from_upstream().blame(), Blame::Upstream);
            assert_eq!(reason.from_upstream().status(), 502);
        }
    }
}
