//! A request as the origin gets it, for those who must tell what its answer depended on.

use ringfence_cache::{Head, Vary};
use ringfence_http::{HeadLimits, Name, RequestHead};

use crate::edits;
use crate::exchange::Exchange;

/// The head that is sent to the origin.
pub(crate) struct Forwarded {
    bytes: Vec<u8>,
    head: RequestHead,
}

impl Forwarded {
    pub(crate) fn of(ex: &Exchange<'_>) -> Self {
        let mut bytes = Vec::new();
        edits::write_request(ex, &mut bytes);
        let limits = HeadLimits {
            max_line: bytes.len(),
            max_head: bytes.len(),
            max_fields: HeadLimits::MOST_FIELDS,
        };
        let mut head = RequestHead::new();
        // What we write ourselves can be read; if it had too many fields, none would select anything.
        let _ = head.parse(&bytes, &limits);
        Self { bytes, head }
    }

    pub(crate) fn head(&self) -> Head<'_> {
        Head {
            fields: &self.head.fields,
            bytes: &self.bytes,
        }
    }
}

/// Whether the origin may see other values in the fields that a response depended on than the client has sent.
pub(crate) fn differs(ex: &Exchange<'_>, vary: &Vary) -> bool {
    let Vary::Fields(names) = vary else {
        return false;
    };
    let edited = !ex.route().request_headers.is_empty();
    !names.is_empty() && edited || names.iter().any(|name| is_ours(name))
}

/// Fields that we may write in the client's stead, or leave out.
fn is_ours(name: &[u8]) -> bool {
    let id = Name::of(name);
    id.is_hop_by_hop()
        || matches!(
            id,
            Name::Host
                | Name::Via
                | Name::Forwarded
                | Name::XForwardedFor
                | Name::XForwardedProto
                | Name::XForwardedHost
                | Name::XForwardedPort
                | Name::XRealIp
                | Name::XRequestId
                | Name::IfNoneMatch
                | Name::IfModifiedSince
        )
}
