//! Refuse: the side door, where every response that we invent ourselves is made.

use bytes::Bytes;
use ringfence_config::{Action, HeaderEdits, Template, TemplateParts};
use ringfence_http::status::reason_phrase;
use ringfence_http::{Blame, HeadWriter, Method, Reason};
use ringfence_io::{Outgoing, Payload, Scratch};

use crate::conn::Conn;
use crate::edits;
use crate::exchange::{Exchange, Next, Refusal, Station};
use crate::journal;
use crate::own::Own;
use crate::stations::head::Malformed;
use crate::stations::keep;

/// What a client that was turned away for want of room is told to wait, in seconds.
const COME_BACK_AFTER: &[u8] = b"1";

/// Answers in the server's place.
pub(crate) async fn send(ex: &mut Exchange<'_>, refusal: Refusal) -> Station {
    let response = match refusal {
        Refusal::Fault(fault) => {
            ex.tally.reason = Some(fault.reason);
            ex.tally.status = fault.reason.status();
            // That says nothing of the server: another one of those who wait may fetch.
            if fault.reason == Reason::ClientGone {
                return Station::Finish(Next::Close);
            }
            if let (Blame::Upstream, Some(hit)) = (fault.reason.blame(), keep::stand_in(ex, false))
            {
                ex.tally.reason = None;
                return Station::Hit(hit);
            }
            Invented::refusal(fault.reason, ex.facts.allow.as_deref())
        }
        Refusal::Ordered => ordered(ex),
        Refusal::LastHop => {
            Invented::empty(204).with(b"allow", b"GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH")
        }
    };
    ex.tally.status = response.status;
    let received = ex.is_fully_received();
    let keep = received && ex.heads.request.keep_alive && !ex.conn.worker.is_draining();
    let mut head = Scratch::take();
    let mut writer = HeadWriter::new(&mut head);
    let edits = ex.facts.route.map(|_| &ex.route().response_headers);
    let mut own = response.begin_head(&mut writer, edits, ex.conn.worker.date().as_bytes());
    edits::write_id(ex, &mut own);
    edits::write_own(ex, own);
    response.end_head(&mut writer);
    edits::write_persistence(ex, &mut writer, keep);
    writer.end();
    let body = if ex.heads.request.method == Method::Head {
        Bytes::new()
    } else {
        response.body
    };
    ex.tally.bytes_out = body.len() as u64;
    ex.tally.answered = true;
    ex.conn
        .client
        .set_send_limit(Some(ex.epoch.plan.timeouts.send));
    let sent = ex
        .conn
        .client
        .send(Outgoing {
            head,
            body: payload(body),
            tail: b"",
        })
        .await;
    Station::Finish(match (sent, keep, received) {
        (Err(_), ..) => Next::Close,
        (Ok(()), true, _) => Next::Keep,
        (Ok(()), false, true) => ex.farewell(),
        (Ok(()), false, false) => Next::Linger,
    })
}

/// Answers bytes that are no request that we accept. What follows them can't be told apart,
/// so the connection ends.
pub(crate) async fn malformed(conn: &mut Conn, malformed: Malformed) -> Next {
    let Malformed { fault, began } = malformed;
    let epoch = conn.worker.epoch();
    let response = Invented::refusal(fault.reason, None);
    let bytes_out = response.body.len() as u64;
    let id = conn.worker.make_id();
    let mut head = Scratch::take();
    let mut writer = HeadWriter::new(&mut head);
    let mut own = response.begin_head(&mut writer, None, conn.worker.date().as_bytes());
    if epoch.plan.expose.request_id {
        own.field(b"X-Request-ID", &id);
    }
    response.end_head(&mut writer);
    writer.connection_close();
    writer.end();
    conn.client.set_send_limit(Some(epoch.plan.timeouts.send));
    let sent = conn
        .client
        .send(Outgoing {
            head,
            body: payload(response.body),
            tail: b"",
        })
        .await;
    let refused = journal::Refused {
        reason: fault.reason,
        began,
        id: &id,
        bytes_out,
    };
    journal::malformed(conn, &refused);
    if sent.is_ok() {
        Next::Linger
    } else {
        Next::Close
    }
}

/// A response of our own.
struct Invented {
    status: u16,
    fields: Vec<(&'static [u8], Vec<u8>)>,
    body: Bytes,
}

impl Invented {
    fn empty(status: u16) -> Self {
        Self {
            status,
            fields: Vec::new(),
            body: Bytes::new(),
        }
    }

    fn with(mut self, name: &'static [u8], value: &[u8]) -> Self {
        self.fields.push((name, value.to_vec()));
        self
    }

    fn text(status: u16, text: String) -> Self {
        let mut made = Self::empty(status).with(b"content-type", b"text/plain; charset=utf-8");
        made.body = Bytes::from(text);
        made
    }

    fn refusal(reason: Reason, allow: Option<&str>) -> Self {
        let status = reason.status();
        let made = Self::text(
            status,
            format!("{status} {}: {}\n", reason_phrase(status), reason.word()),
        )
        .with(b"cache-control", b"no-store");
        match (status, allow) {
            (405, allow) => made.with(b"allow", allow.unwrap_or_default().as_bytes()),
            (503, _) => made.with(b"retry-after", COME_BACK_AFTER),
            _ => made,
        }
    }

    /// Writes the status line and the fields that belong to the response.
    fn begin_head<'o, 'w>(
        &self,
        writer: &'o mut HeadWriter<'w>,
        edits: Option<&'o HeaderEdits>,
        date: &[u8],
    ) -> Own<'o, 'w> {
        writer.status_line(self.status);
        let mut own = Own { writer, edits };
        own.field(b"date", date);
        for (name, value) in &self.fields {
            own.field(name, value);
        }
        own
    }

    /// Writes what frames the body.
    fn end_head(&self, writer: &mut HeadWriter<'_>) {
        if self.status != 204 && self.status != 304 {
            writer.content_length(self.body.len() as u64);
        }
    }
}

/// What the holes of a redirect are filled with.
fn location(ex: &Exchange<'_>, to: &Template) -> Vec<u8> {
    let head = &ex.heads.request;
    let params = ex.params();
    let parts = TemplateParts {
        scheme: "http",
        host: head.authority.of(&ex.bytes),
        path: ex.path(),
        query: head.query.map(|query| query.of(&ex.bytes)),
        params: &params,
    };
    let mut out = Vec::new();
    to.render(&parts, &mut out);
    out
}

/// The status of the route's own answer, and where it sends the client.
pub(crate) fn preview(ex: &Exchange<'_>) -> (u16, Option<Vec<u8>>) {
    let made = ordered(ex);
    let mut fields = made.fields.into_iter();
    let location = fields.find(|(name, _)| *name == b"location");
    (made.status, location.map(|(_, value)| value))
}

/// The route's own answer.
fn ordered(ex: &Exchange<'_>) -> Invented {
    match &ex.route().action {
        Action::Redirect { status, to } => {
            let text = format!("{status} {}\n", reason_phrase(*status));
            Invented::text(*status, text).with(b"location", &location(ex, to))
        }
        Action::Respond {
            status,
            body,
            content_type,
        } if !body.is_empty() => {
            let mut made = Invented::empty(*status).with(b"content-type", content_type.as_bytes());
            made.body = body.clone();
            made
        }
        Action::Respond { status, .. } => Invented::empty(*status),
        Action::Upstream(_) => unreachable!("Route sends these to Dial"),
    }
}

fn payload(body: Bytes) -> Payload {
    if body.is_empty() {
        Payload::None
    } else {
        Payload::Bytes(body)
    }
}
