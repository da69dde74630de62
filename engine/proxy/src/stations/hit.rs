//! Hit: answers with a stored response, in place of the stations from Dial to Relay.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use ringfence_cache::{Condition, Object, Wanted, condition, range_applies, wanted};
use ringfence_http::{FieldCopier, HeadWriter, Method, Name, Version, write_decimal};
use ringfence_io::{Outgoing, Scratch, now};

use crate::body::Coding;
use crate::cache::Report;
use crate::cache_fields;
use crate::compress;
use crate::edits;
use crate::exchange::{Exchange, Hit, Next, Station};
use crate::forwarding;
use crate::own::{Own, takes_away};
use crate::rendered::Subject;
use crate::selected;

/// What goes out.
struct Answer<'a> {
    object: &'a Arc<Object>,
    report: &'a Report,
    part: &'a Part,
    extent: Extent,
    /// Others may be sent another form of it.
    varies: bool,
    /// The client's connection stays.
    keep: bool,
}

/// Bytes of an answer's body where they are known, and how it is delimited.
type Extent = (Option<usize>, Coding);

/// What of a stored response goes out.
enum Part {
    Whole,
    /// The client has it already.
    Nothing,
    /// One range.
    One(Range<u64>),
    /// Several, as parts of one body, with what separates them.
    Several(Bytes, String),
    /// None of the ranges asked for is there.
    Unsatisfiable,
}

impl Part {
    fn status(&self, object: &Object) -> u16 {
        match self {
            Self::Whole => object.status,
            Self::Nothing => 304,
            Self::One(_) | Self::Several(..) => 206,
            Self::Unsatisfiable => 416,
        }
    }

    /// The body that it has, as a range of some bytes.
    fn body<'a>(&'a self, object: &'a Object) -> (&'a Bytes, Range<usize>) {
        let whole = &object.body;
        match self {
            Self::Whole => (whole, 0..whole.len()),
            Self::Nothing | Self::Unsatisfiable => (whole, 0..0),
            Self::One(range) => (whole, range.start as usize..range.end as usize),
            Self::Several(body, _) => (body, 0..body.len()),
        }
    }
}

/// Answers, and ends the exchange.
pub(crate) async fn send(ex: &mut Exchange<'_>, hit: Hit) -> Station {
    Station::Finish(answer(ex, hit).await)
}

/// Answers, and says what the connection does next.
pub(crate) async fn answer(ex: &mut Exchange<'_>, hit: Hit) -> Next {
    let Hit { object, report } = hit;
    let (object, varies) = selected::form(ex, object);
    let part = part(ex, &object);
    let received = ex.is_fully_received();
    let keep = keeps_client(ex);
    let (bytes, mut body) = part.body(&object);
    let mut head = Scratch::take();
    let answer = Answer {
        object: &object,
        report: &report,
        part: &part,
        extent: (Some(body.len()), Coding::Plain),
        varies,
        keep,
    };
    write_head(ex, &answer, &mut head);
    if ex.heads.request.method == Method::Head {
        body = 0..0;
    }
    ex.tally.status = part.status(&object);
    ex.tally.cache = Some(report.outcome);
    ex.tally.bytes_out = body.len() as u64;
    ex.tally.answered = true;
    let out = Outgoing::with_part(head, bytes, body);
    // Nothing of it is held for as long as the client takes.
    drop(part);
    drop(object);
    ex.conn
        .client
        .set_send_limit(Some(ex.epoch.plan.timeouts.send));
    match (ex.conn.client.send(out).await, keep, received) {
        (Err(_), ..) => Next::Close,
        (Ok(()), true, _) => Next::Keep,
        (Ok(()), false, true) => ex.farewell(),
        (Ok(()), false, false) => Next::Linger,
    }
}

/// Whether the client's connection can carry another request after a response that is all our own.
pub(crate) fn keeps_client(ex: &Exchange<'_>) -> bool {
    ex.is_fully_received() && ex.heads.request.keep_alive && !ex.conn.worker.is_draining()
}

/// Whether the client has what it asks for already, as its conditions say (RFC 9110 section 13).
pub(crate) fn has_it_already(ex: &Exchange<'_>, object: &Object) -> bool {
    let told = condition(ex.fields(), object.head(), object.status, object.date);
    told == Condition::NotModified
}

/// Writes the head of an answer with all of a body that has so many bytes, where that is known.
pub(crate) fn write_whole(
    ex: &Exchange<'_>,
    object: &Arc<Object>,
    report: &Report,
    extent: Extent,
    keep: bool,
    out: &mut Vec<u8>,
) {
    let answer = Answer {
        object,
        report,
        part: &Part::Whole,
        extent,
        varies: selected::varies(ex, object, extent.0),
        keep,
    };
    write_head(ex, &answer, out);
}

fn part(ex: &Exchange<'_>, object: &Object) -> Part {
    let request = ex.fields();
    let stored = object.head();
    if has_it_already(ex, object) {
        return Part::Nothing;
    }
    let head = &ex.heads.request;
    let mut ranges = head.get_all(&ex.bytes, Name::Range);
    let range = ranges.next().filter(|_| ranges.next().is_none());
    let (Some(range), Method::Get, 200) = (range, head.method, object.status) else {
        return Part::Whole;
    };
    if !range_applies(request, stored) {
        return Part::Whole;
    }
    match wanted(range, object.body.len() as u64) {
        Wanted::Whole => Part::Whole,
        Wanted::Nothing => Part::Unsatisfiable,
        Wanted::Parts(mut parts) if parts.len() == 1 => Part::One(parts.remove(0)),
        Wanted::Parts(parts) => several(ex, object, &parts),
    }
}

/// Several ranges in one body (RFC 9110 section 14.6).
fn several(ex: &Exchange<'_>, object: &Object, parts: &[Range<u64>]) -> Part {
    let id = ex.conn.worker.make_id();
    let boundary = format!("ringfence-{}", String::from_utf8_lossy(&id));
    let kind = object.head().value(Name::ContentType);
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
        let mut writer = HeadWriter::new(&mut body);
        if let Some(kind) = kind {
            writer.field(b"Content-Type", kind);
        }
        write_content_range(&mut writer, Some(part), object.body.len());
        writer.end();
        body.extend_from_slice(&object.body[part.start as usize..part.end as usize]);
    }
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Part::Several(body.into(), boundary)
}

fn write_content_range(writer: &mut HeadWriter<'_>, part: Option<&Range<u64>>, len: usize) {
    writer.field_name(b"Content-Range");
    writer.value_part(b"bytes ");
    match part {
        Some(part) => {
            write_decimal(writer.value_buf(), part.start);
            writer.value_part(b"-");
            write_decimal(writer.value_buf(), part.end - 1);
        }
        None => writer.value_part(b"*"),
    }
    writer.value_part(b"/");
    write_decimal(writer.value_buf(), len as u64);
    writer.end_field();
}

fn write_head(ex: &Exchange<'_>, answer: &Answer<'_>, out: &mut Vec<u8>) {
    let now = now().as_secs();
    let write = |out: &mut Vec<u8>| write_all_but_id(ex, answer, now, out);
    if is_plain(ex, answer) {
        let subject = Subject {
            object: answer.object,
            route: ex.facts.found.expect("what has been routed").route,
            report: answer.report,
            second: now,
        };
        ex.epoch.rendered.write(&subject, out, write);
    } else {
        write(out);
    }
    let mut writer = HeadWriter::new(out);
    let mut own = Own {
        writer: &mut writer,
        edits: Some(&ex.route().response_headers),
    };
    edits::write_id(ex, &mut own);
    writer.end();
}

/// Whether the head, but for the request's id, is the same for all that ask for this within the same second.
fn is_plain(ex: &Exchange<'_>, answer: &Answer<'_>) -> bool {
    let head = &ex.heads.request;
    matches!(answer.part, Part::Whole)
        // What is coming has another head once its length is known.
        && answer.extent.0.is_some()
        && answer.keep
        && head.version == Version::Http11
        // What went to the origin first is told of it.
        && ex.asked.is_none()
        && !ex.epoch.plan.expose.server_timing
        && answer.object.head().has(Name::Date)
}

fn write_all_but_id(ex: &Exchange<'_>, answer: &Answer<'_>, now: u64, out: &mut Vec<u8>) {
    let Answer {
        object,
        report,
        part,
        extent,
        varies,
        keep,
    } = *answer;
    let status = part.status(object);
    let edits = &ex.route().response_headers;
    let mut writer = HeadWriter::new(out);
    writer.status_line(status);
    match part {
        Part::Whole if !is_edited(ex, object) => writer.lines(object.lines()),
        _ => copy(ex, object, part, &mut writer),
    }
    let mut own = Own {
        writer: &mut writer,
        edits: Some(edits),
    };
    own.with(b"age", |writer| {
        writer.field_name(b"Age");
        write_decimal(writer.value_buf(), object.age(now));
        writer.end_field();
    });
    if !object.head().has(Name::Date) {
        own.field(b"Date", ex.conn.worker.date().as_bytes());
    }
    if varies {
        let stored = object.head();
        compress::write_vary(stored.fields, stored.bytes, &mut own);
    }
    if let Some(via) = &ex.epoch.plan.forwarding.via {
        forwarding::write_via(&mut own, object.version, via);
    }
    cache_fields::write_report(ex, &mut own, report);
    edits::write_own(ex, own);
    match part {
        Part::One(range) => write_content_range(&mut writer, Some(range), object.body.len()),
        Part::Unsatisfiable => write_content_range(&mut writer, None, object.body.len()),
        Part::Several(_, boundary) => {
            writer.field_name(b"Content-Type");
            writer.value_part(b"multipart/byteranges; boundary=");
            writer.value_part(boundary.as_bytes());
            writer.end_field();
        }
        Part::Whole | Part::Nothing => {}
    }
    if status != 204 && status != 304 {
        match extent {
            (Some(len), _) => writer.content_length(len as u64),
            (None, Coding::Chunked) => writer.chunked(),
            (None, Coding::Plain) => {}
        }
    }
    edits::write_persistence(ex, &mut writer, keep);
}

/// Copies the stored fields that go out in this form.
fn copy(ex: &Exchange<'_>, object: &Object, part: &Part, writer: &mut HeadWriter<'_>) {
    let edits = &ex.route().response_headers;
    let head = object.head();
    let mut copier = FieldCopier::new(writer, head.bytes);
    for field in head.fields {
        let name = field.name.of(head.bytes);
        let dropped =
            takes_away(edits, name) || is_not_for(part, field.id, name) || replaces(ex, field.id);
        if !dropped {
            copier.copy(field);
        }
    }
    copier.finish();
}

/// Whether a stored field does not go out, whatever the form.
fn is_edited(ex: &Exchange<'_>, object: &Object) -> bool {
    let replaced = |id: &Name| object.head().has(*id) && replaces(ex, *id);
    !ex.route().response_headers.is_empty() || REPLACED.iter().any(replaced)
}

/// Stored fields that do not go out in this form: a 304 has none about the body that is not there (RFC 9110 section 15.4.5), and
/// parts have a range, and a type, of their own.
fn is_not_for(part: &Part, id: Name, name: &[u8]) -> bool {
    match part {
        Part::Whole => false,
        Part::Nothing => {
            matches!(
                id,
                Name::ContentType | Name::ContentEncoding | Name::ContentRange
            ) || name.eq_ignore_ascii_case(b"content-language")
        }
        Part::One(_) => id == Name::ContentRange,
        Part::Several(..) | Part::Unsatisfiable => {
            matches!(id, Name::ContentRange | Name::ContentType)
        }
    }
}

/// Stored fields of which others of ours may take the place; see [`replaces`].
const REPLACED: [Name; 8] = [
    Name::CacheControl,
    Name::RingfenceCacheControl,
    Name::CacheTag,
    Name::SurrogateKey,
    Name::Xkey,
    Name::XCache,
    Name::XBackendServer,
    Name::XRequestId,
];

/// Stored fields that others of ours take the place of.
fn replaces(ex: &Exchange<'_>, id: Name) -> bool {
    let rules = ex.rules();
    let expose = &ex.epoch.plan.expose;
    match id {
        Name::CacheControl => rules.browser.is_some(),
        Name::XBackendServer => expose.backend_server,
        Name::XRequestId => expose.request_id,
        id => cache_fields::is_inner(rules, id),
    }
}
