//! A request as the origin gets it, for those who must tell what its answer depended on.

use ringfence_cache::{Head, Object, Vary};
use ringfence_http::{HeadLimits, Name, RequestHead};

use crate::edits;
use crate::exchange::Exchange;
use crate::own::takes_away;

/// The head that is sent to the origin, as far as the cache has no part in it: conditions and ranges are those of the client.
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
    let edits = &ex.route().request_headers;
    let adds = |name: &[u8]| {
        let mut added = edits.add.iter().map(|(added, _)| added.as_bytes());
        added.any(|added| added.eq_ignore_ascii_case(name))
    };
    let changed = |name: &Vec<u8>| is_ours(name) || takes_away(edits, name) || adds(name);
    names.iter().any(changed)
}

/// Appends what the request, as its origin gets it, has in the fields that a response depended on.
pub(crate) fn write_selection(ex: &Exchange<'_>, vary: &Vary, out: &mut Vec<u8>) {
    match differs(ex, vary) {
        false => vary.write_selection(ex.fields(), out),
        true => vary.write_selection(Forwarded::of(ex).head(), out),
    }
}

/// Whether the request, as its origin gets it, selects a response that is stored under its key. What the origin would get is
/// kept in `forwarded`, once it is needed.
pub(crate) fn selects(
    ex: &Exchange<'_>,
    object: &Object,
    forwarded: &mut Option<Forwarded>,
    buf: &mut Vec<u8>,
) -> bool {
    match differs(ex, object.vary()) {
        false => object.is_selected_by(ex.fields(), buf),
        true => {
            let forwarded = forwarded.get_or_insert_with(|| Forwarded::of(ex));
            object.is_selected_by(forwarded.head(), buf)
        }
    }
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
