//! Relay: passes the response on, its head together with the first of its body.

use ringfence_coding::is_of_bytes;
use ringfence_http::{Framing, Name, Version};
use ringfence_io::{Lease, Scratch};

use crate::body::{Body, Coding, Piece, frame};
use crate::coded;
use crate::coder::Coder;
use crate::compress::Form;
use crate::edits;
use crate::exchange::{Call, Exchange, Join, Next, Station};
use crate::fit;
use crate::gather::Shared;
use crate::own::takes_away;
use crate::retry::Failure;
use crate::stations::hit;
use crate::stations::keep::{self, Kept};
use crate::transit::{advance, next_piece, send};
use crate::upload::Ended;

/// How a response was passed on.
pub(crate) enum Passed {
    /// To its end; the client's connection does this next.
    On(Next),
    /// It is to be received for all who want it, this client among them.
    ToAll(Box<Shared>),
}

/// Relays the response to its end, unless others may want it as it comes.
pub(crate) async fn pass(ex: &mut Exchange<'_>, call: &mut Call) -> Result<Passed, Failure> {
    let framing = ex.heads.response.framing;
    let mut body = Body::new(framing, u64::MAX);
    let common = match keep::receive(ex, call, &mut body) {
        Kept::PassOn => None,
        Kept::Share(common) => Some(common),
        Kept::Answer(stored) => return Ok(Passed::On(hit::answer(ex, stored).await)),
        Kept::StandIn => return Err(Failure::Stale),
        Kept::Broken(fault) => return Err(Failure::by_server(fault)),
    };
    let (form, coder) = form(ex, call, framing, common.is_some());
    drop_trailers(ex, &mut body, form.coding.is_some());
    let coding = match coder {
        Some(_) => Coding::Chunked,
        None => coding(ex, framing),
    };
    let keep = keeps_client(ex, call, framing, coding);
    let mut out = Scratch::take();
    edits::write_response(ex, call, coding, &form, keep, &mut out);
    call.head = Lease::empty();
    if let Some(common) = common {
        let reader = common.broadcast.flight().clone().reader();
        let join = Join {
            reader,
            head: out,
            coding,
            keep,
        };
        let shared = Shared { body, common, join };
        return Ok(Passed::ToAll(Box::new(shared)));
    }

    match coder {
        Some(coder) => {
            body.see_all();
            // Boxed, so that exchanges which code nothing hold nothing for it.
            Box::pin(coded::pump(ex, call, &mut body, out, *coder)).await?;
        }
        None => {
            let outcome = pump(ex, call, &mut body, out, coding).await;
            ex.tally.bytes_out = body.received();
            outcome?;
        }
    }
    Ok(Passed::On(end_of_request(ex, call, keep)))
}

/// In which form the response goes out, and what codes it, where it is coded and has a body.
fn form(
    ex: &Exchange<'_>,
    call: &Call,
    framing: Framing,
    shared: bool,
) -> (Form, Option<Box<Coder>>) {
    let stored = || shared || keep::records(ex) || fit::would_be_stored(ex, call);
    let mut form = Form::of(ex, call, stored);
    let length = match framing {
        Framing::None => return (form, None),
        Framing::Length(length) => Some(length),
        Framing::Chunked | Framing::UntilClose => None,
    };
    let coder = form
        .coding
        .and_then(|coding| Coder::new(ex, coding, length).map(Box::new));
    if coder.is_none() {
        form.stay();
    }
    (form, coder)
}

/// Has no trailer field passed on that the route takes away, or that is not true of the coded form.
fn drop_trailers(ex: &Exchange<'_>, body: &mut Body, coded: bool) {
    let edited = !ex.route().response_headers.is_empty();
    if let (Some(route), true) = (ex.facts.route, edited || coded) {
        let epoch = ex.epoch.clone();
        body.drop_trailers(move |name| {
            takes_away(&epoch.plan.route(route).response_headers, name)
                || coded && is_of_bytes(Name::of(name), name)
        });
    }
}

/// Ends a call whose response has been relayed: gives the server's connection back for the next request
/// where it is fit for one.
pub(crate) fn end(ex: &mut Exchange<'_>, call: Call, next: Next) -> Station {
    let whole = call
        .upload
        .as_ref()
        .is_none_or(|upload| upload.ended() == Some(Ended::Complete));
    let response = &ex.heads.response;
    let fit = whole
        && response.keep_alive
        && response.framing != Framing::UntilClose
        && call.pending.is_empty();
    let answered = (ex.tally.status, ex.tally.latency());
    let fit_for = fit.then(|| (&*ex.epoch, ex.upstream()));
    call.settle(&ex.conn.worker, answered, fit_for);
    Station::Finish(next)
}

async fn pump(
    ex: &mut Exchange<'_>,
    call: &mut Call,
    body: &mut Body,
    mut out: Scratch,
    coding: Coding,
) -> Result<(), Failure> {
    loop {
        let Piece {
            data,
            done,
            trailers,
        } = next_piece(ex, call, body)?;
        keep::record(ex, &data, done);
        let message = frame(out, data, done, trailers.as_ref(), coding);
        if !message.is_empty() {
            send(ex, call, message).await?;
        }
        out = Scratch::none();
        if done {
            return Ok(());
        }
        if !advance(ex, call, body).await? {
            body.end().map_err(Failure::by_server)?;
            let last = frame(Scratch::take(), Lease::empty(), true, None, coding);
            return send(ex, call, last).await;
        }
        if out.is_empty() {
            out = Scratch::take();
        }
    }
}

/// How the body is delimited towards this client.
fn coding(ex: &Exchange<'_>, framing: Framing) -> Coding {
    let chunks = matches!(framing, Framing::Chunked | Framing::UntilClose);
    if chunks && ex.heads.request.version == Version::Http11 {
        Coding::Chunked
    } else {
        Coding::Plain
    }
}

/// Whether the client's connection can carry another request after this response.
fn keeps_client(ex: &Exchange<'_>, call: &Call, framing: Framing, coding: Coding) -> bool {
    let delimited =
        coding == Coding::Chunked || matches!(framing, Framing::None | Framing::Length(_));
    let uploading = call
        .upload
        .as_ref()
        .is_some_and(|upload| upload.ended() != Some(Ended::Complete));
    delimited && !uploading && ex.heads.request.keep_alive && !ex.conn.worker.is_draining()
}

/// What the client's connection is good for now that the response is out.
fn end_of_request(ex: &mut Exchange<'_>, call: &mut Call, keep: bool) -> Next {
    if let Some(upload) = &call.upload {
        if upload.ended() != Some(Ended::Complete) {
            return Next::Linger;
        }
        ex.conn.pending = upload.take_leftover();
    }
    if keep { Next::Keep } else { ex.farewell() }
}
