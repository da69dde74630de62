//! Fields that there are because of the cache: what it asks an origin with, what it tells clients, and what it hides from them.

use ringfence_cache::write_url;
use ringfence_config::CacheRules;
use ringfence_http::Name;

use crate::cache::{Asked, Report};
use crate::exchange::Exchange;
use crate::own::Own;
use crate::tags;

/// Asks whether what is stored still holds (RFC 9111 section 4.3.1).
pub(crate) fn write_conditions(asked: &Asked, own: &mut Own<'_, '_>) {
    let Some(old) = asked.fill.as_ref().and_then(|fill| fill.old.as_ref()) else {
        return;
    };
    let head = old.object.head();
    for (condition, validator) in [
        ("If-None-Match", Name::ETag),
        ("If-Modified-Since", Name::LastModified),
    ] {
        if let Some(value) = head.value(validator) {
            own.field(condition.as_bytes(), value);
        }
    }
}

/// Fields between an origin and its caches, or that we write ourselves.
pub(crate) fn is_inner(rules: &CacheRules, id: Name) -> bool {
    matches!(id, Name::RingfenceCacheControl | Name::XCache)
        || !rules.expose_tags && tags::FIELDS.contains(&id)
}

/// Says how the cache had a part in a response: `Cache-Status` (RFC 9211), `X-Cache`, and what browsers are told.
pub(crate) fn write_report(ex: &Exchange<'_>, own: &mut Own<'_, '_>, report: &Report) {
    if let Some(browser) = ex.rules().browser.as_deref() {
        own.field(b"Cache-Control", browser.as_bytes());
    }
    own.with(b"cache-status", |writer| {
        writer.field_name(b"Cache-Status");
        report.write(writer.value_buf());
        write_key(ex, writer.value_buf());
        writer.end_field();
    });
    own.field(b"X-Cache", report.outcome.word());
}

/// What of the request's URL counts, as a string (RFC 8941 section 3.3.3).
fn write_key(ex: &Exchange<'_>, out: &mut Vec<u8>) {
    let parts = ex.key_parts();
    out.extend_from_slice(b"; key=\"");
    let start = out.len();
    write_url(&parts, &ex.rules().key, out);
    if parts.query.is_some() {
        // In place of an escape: no host and no path in normal form has what would need one, as some queries have.
        for byte in &mut out[start..] {
            let stays = !matches!(*byte, b'"' | b'\\' | 0x7f.. | 0..b' ');
            *byte = if stays { *byte } else { b'_' };
        }
    }
    out.push(b'"');
}
