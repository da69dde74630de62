//! The heads that we send on: what is copied, what is dropped, what is added.

use ringfence_config::{SameSite, Sticky};
use ringfence_http::{FieldCopier, Framing, HeadWriter, Name, Version};
use ringfence_io::Lease;

use crate::body::Coding;
use crate::cache_fields::{is_inner, write_conditions, write_report};
use crate::compress::{self, Form};
use crate::exchange::{Call, Exchange, Tally};
use crate::forwarding;
use crate::own::{Own, takes_away};

/// Writes the head of the request to the server (RFC 9110 section 7.6).
pub(crate) fn write_request(ex: &Exchange<'_>, out: &mut Vec<u8>) {
    let head = &ex.heads.request;
    let bytes = &*ex.bytes;
    let edits = &ex.route().request_headers;
    let mut writer = HeadWriter::new(out);
    let query = ex.forwarded_query();
    writer.request_line(
        head.method_text.of(bytes),
        ex.forwarded_path(),
        query.as_deref(),
    );
    let asked_for = ex.forwarded_host();
    let host = ex.lane().group.upstream.host.as_deref();
    writer.field(b"Host", host.map_or(&asked_for, str::as_bytes));
    let asked = ex.asked.as_deref();
    let withheld = |id| asked.is_some_and(|asked| asked.withholds(id));
    let mut copier = FieldCopier::new(&mut writer, bytes);
    for field in &*head.fields {
        let dropped = is_ours(ex, field.id)
            || withheld(field.id)
            || field.id.is_hop_by_hop()
            || head.fields.is_connection_named(bytes, field)
            || takes_away(edits, field.name.of(bytes));
        if !dropped {
            copier.copy(field);
        }
    }
    copier.finish();
    let mut own = Own {
        writer: &mut writer,
        edits: Some(edits),
    };
    if ex.route().compress.is_some() {
        let sent = [Name::IfMatch, Name::IfNoneMatch];
        for id in sent.into_iter().filter(|id| !withheld(*id)) {
            compress::write_plain_tags(ex, id, &mut own);
        }
    }
    forwarding::write(ex, &asked_for, &mut own);
    if let Some(asked) = asked {
        write_conditions(asked, &mut own);
    }
    own.end();
    write_framing(&mut writer, head.framing);
    writer.end();
}

/// Writes the head of the server's response to the client.
pub(crate) fn write_response(
    ex: &Exchange<'_>,
    call: &Call,
    coding: Coding,
    form: &Form,
    keep: bool,
    out: &mut Vec<u8>,
) {
    let head = &ex.heads.response;
    let bytes = &*call.head;
    let edits = &ex.route().response_headers;
    let rules = ex.route().cache.as_deref();
    let mut writer = HeadWriter::new(out);
    writer.status_line(head.status);
    let mut dated = false;
    let changes = form.changes_any();
    let mut copier = FieldCopier::new(&mut writer, bytes);
    for field in &*head.fields {
        dated |= field.id == Name::Date;
        // A 204 has no length (RFC 9110 section 8.6); HEAD and 304 keep that of the body they stand for.
        let framing = field.id == Name::ContentLength
            && (head.framing != Framing::None || head.status == 204);
        let expose = &ex.epoch.plan.expose;
        let exposed = match field.id {
            Name::XBackendServer => expose.backend_server,
            Name::XRequestId => expose.request_id,
            Name::CacheControl => rules.is_some_and(|rules| rules.browser.is_some()),
            id => rules.is_some_and(|rules| is_inner(rules, id)),
        };
        let dropped = framing
            || exposed
            || changes && form.changes(field.id, field.name.of(bytes))
            || field.id.is_hop_by_hop()
            || head.fields.is_connection_named(bytes, field)
            || takes_away(edits, field.name.of(bytes));
        if !dropped {
            copier.copy(field);
        }
    }
    copier.finish();
    let mut own = Own {
        writer: &mut writer,
        edits: Some(edits),
    };
    if !dated {
        // RFC 9110 section 6.6.1.
        own.field(b"Date", ex.conn.worker.date().as_bytes());
    }
    form.write(&head.fields, bytes, &mut own);
    if let Some(via) = &ex.epoch.plan.forwarding.via {
        forwarding::write_via(&mut own, head.version, via);
    }
    if let Some(asked) = &ex.asked {
        write_report(ex, &mut own, &asked.report);
    }
    write_id(ex, &mut own);
    write_own(ex, own);
    match (head.framing, coding) {
        (Framing::None, _) | (_, Coding::Plain) => {
            if let Framing::Length(length) = head.framing {
                writer.content_length(length);
            }
        }
        (_, Coding::Chunked) => writer.chunked(),
    }
    write_persistence(ex, &mut writer, keep);
    writer.end();
}

/// Tells the client the request's id.
pub(crate) fn write_id(ex: &Exchange<'_>, own: &mut Own<'_, '_>) {
    if ex.epoch.plan.expose.request_id {
        own.field(b"X-Request-ID", ex.request_id());
    }
}

/// What we add, besides its id, to any response on a route: the fields that show how the request was served, and the
/// route's own.
pub(crate) fn write_own(ex: &Exchange<'_>, mut own: Own<'_, '_>) {
    let expose = &ex.epoch.plan.expose;
    if let (true, Some(server)) = (expose.backend_server, ex.tally.server) {
        let label = &ex.lane().group.servers[server].label;
        own.field(b"X-Backend-Server", label.as_bytes());
    }
    if expose.server_timing {
        own.field(b"Server-Timing", &server_timing(&ex.tally));
    }
    if let Some(value) = &ex.facts.set_cookie
        && let Some(sticky) = ex.sticky()
    {
        own.field(b"Set-Cookie", set_cookie(sticky, value).as_bytes());
    }
    own.end();
}

/// Says whether the connection stays, where the version's default is the other way
/// (RFC 9112 section 9.3).
pub(crate) fn write_persistence(ex: &Exchange<'_>, writer: &mut HeadWriter<'_>, keep: bool) {
    if !keep {
        writer.connection_close();
    } else if ex.heads.request.version == Version::Http10 {
        writer.field(b"Connection", b"keep-alive");
    }
}

/// Writes an interim response's fields: those that are meant for the client and stay as they are.
pub(crate) fn write_interim(ex: &Exchange<'_>, bytes: &Lease, writer: &mut HeadWriter<'_>) {
    let fields = &ex.heads.response.fields;
    let mut copier = FieldCopier::new(writer, bytes);
    for field in &**fields {
        let dropped = field.id.is_hop_by_hop()
            || fields.is_connection_named(bytes, field)
            || takes_away(&ex.route().response_headers, field.name.of(bytes));
        if !dropped {
            copier.copy(field);
        }
    }
    copier.finish();
}

/// Fields of the request that we write ourselves, or that a head of ours may not repeat.
fn is_ours(ex: &Exchange<'_>, id: Name) -> bool {
    match id {
        Name::Host | Name::ContentLength => true,
        // HTTP/1.0 has us ignore it, and we speak 1.1 to the server (RFC 9110 section 10.1.1).
        Name::Expect => !ex.heads.request.expect_continue,
        Name::XRequestId => ex.facts.made_id.is_some() || ex.epoch.plan.forwarding.request_id,
        _ => forwarding::replaces(ex, id),
    }
}

fn write_framing(writer: &mut HeadWriter<'_>, framing: Framing) {
    match framing {
        Framing::Length(length) => writer.content_length(length),
        Framing::Chunked => writer.chunked(),
        Framing::None | Framing::UntilClose => {}
    }
}

/// `Server-Timing` (W3C): the stations' times in milliseconds.
fn server_timing(tally: &Tally) -> Vec<u8> {
    use std::io::Write as _;
    let mut text = Vec::with_capacity(96);
    let mut entry = |name: &str, took: std::time::Duration| {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a vector cannot fail.
        let _ = write!(text, "{comma}{name};dur={:.3}", took.as_secs_f64() * 1e3);
    };
    if let Some(queued) = tally.queued {
        entry("queue", queued);
    }
    if let (Some(picked), Some(connected)) = (tally.picked, tally.connected) {
        entry("connect", connected.saturating_sub(picked));
        if let Some(first_byte) = tally.first_byte {
            entry("origin", first_byte.saturating_sub(connected));
        }
    }
    entry("total", ringfence_io::now().saturating_sub(tally.began));
    text
}

/// `Set-Cookie` of a sticky upstream (RFC 6265 section 4.1).
fn set_cookie(sticky: &Sticky, value: &str) -> String {
    let mut text = format!("{}={value}; Path={}", sticky.cookie, sticky.path);
    if let Some(domain) = &sticky.domain {
        text.push_str("; Domain=");
        text.push_str(domain);
    }
    if let Some(ttl) = sticky.ttl {
        text.push_str(&format!("; Max-Age={}", ttl.as_secs()));
    }
    for (wanted, attribute) in [
        (sticky.secure, "; Secure"),
        (sticky.http_only, "; HttpOnly"),
    ] {
        if wanted {
            text.push_str(attribute);
        }
    }
    text.push_str(match sticky.same_site {
        SameSite::Strict => "; SameSite=Strict",
        SameSite::Lax => "; SameSite=Lax",
        SameSite::None => "; SameSite=None",
    });
    text
}
