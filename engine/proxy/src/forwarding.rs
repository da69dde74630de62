//! What servers are told about the client, and `Via`.

use ringfence_http::forwarded::{Client, write_ip};
use ringfence_http::{Method, Name, Version};

use crate::exchange::Exchange;
use crate::own::Own;

/// How clients speak to us.
const SCHEME: &[u8] = b"http";

/// True for a field of the request that is not copied, because we write it ourselves or do not
/// believe the peer that sent it.
pub(crate) fn replaces(ex: &Exchange<'_>, id: Name) -> bool {
    let forwarding = &ex.epoch.plan.forwarding;
    match id {
        Name::Forwarded => forwarding.forwarded || !ex.facts.trusted,
        Name::XForwardedFor | Name::XForwardedProto | Name::XForwardedHost | Name::XRealIp => {
            forwarding.x_forwarded || !ex.facts.trusted
        }
        Name::XForwardedPort => !ex.facts.trusted,
        Name::MaxForwards => hops_left(ex).is_some(),
        _ => false,
    }
}

/// How many more proxies an OPTIONS request may pass, if it says (RFC 9110 section 7.6.2).
pub(crate) fn hops_left(ex: &Exchange<'_>) -> Option<u32> {
    let head = &ex.heads.request;
    let text = head.get(&ex.bytes, Name::MaxForwards)?;
    if head.method != Method::Options || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Writes the forwarding fields, of a request for `host`, the request id, `Max-Forwards` and our entry in `Via`.
pub(crate) fn write(ex: &Exchange<'_>, host: &[u8], own: &mut Own<'_, '_>) {
    let forwarding = &ex.epoch.plan.forwarding;
    if forwarding.forwarded || forwarding.x_forwarded {
        write_client(ex, host, own);
    }
    if forwarding.request_id {
        own.field(b"X-Request-ID", ex.request_id());
    }
    if let Some(left) = hops_left(ex) {
        let left = left.saturating_sub(1).to_string();
        own.field(b"Max-Forwards", left.as_bytes());
    }
    if let Some(via) = &forwarding.via {
        write_via(own, ex.heads.request.version, via);
    }
}

/// Appends our entry to `Via`, with the version that the message was received in (RFC 9110
/// section 7.6.3). A line of its own behind the others is the same list.
pub(crate) fn write_via(own: &mut Own<'_, '_>, received: Version, name: &str) {
    own.with(b"via", |writer| {
        writer.field_name(b"Via");
        writer.value_part(if received == Version::Http10 {
            b"1.0 "
        } else {
            b"1.1 "
        });
        writer.value_part(name.as_bytes());
        writer.end_field();
    });
}

fn write_client(ex: &Exchange<'_>, host: &[u8], own: &mut Own<'_, '_>) {
    let forwarding = &ex.epoch.plan.forwarding;
    let (head, bytes) = (&ex.heads.request, &*ex.bytes);
    let client = Client {
        peer: ex.conn.peer(),
        proto: SCHEME,
        host,
        trusted: ex.facts.trusted,
    };
    if forwarding.forwarded {
        own.with(b"forwarded", |writer| {
            writer.field_name(b"Forwarded");
            client.write_forwarded(writer.value_buf(), head.get_all(bytes, Name::Forwarded));
            writer.end_field();
        });
    }
    if forwarding.x_forwarded {
        own.with(b"x-forwarded-for", |writer| {
            writer.field_name(b"X-Forwarded-For");
            let before = head.get_all(bytes, Name::XForwardedFor);
            client.write_x_forwarded_for(writer.value_buf(), before);
            writer.end_field();
        });
        own.field(
            b"X-Forwarded-Proto",
            client.x_forwarded_proto(head.get(bytes, Name::XForwardedProto)),
        );
        let asked = client.x_forwarded_host(head.get(bytes, Name::XForwardedHost));
        if !asked.is_empty() {
            own.field(b"X-Forwarded-Host", asked);
        }
        own.with(b"x-real-ip", |writer| {
            writer.field_name(b"X-Real-IP");
            write_ip(writer.value_buf(), ex.facts.client);
            writer.end_field();
        });
    }
}
