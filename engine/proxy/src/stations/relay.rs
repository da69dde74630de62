//! Relay: passes the response on, its head together with the first of its body.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ringfence_coding::{CannotEncode, SLICE, is_of_bytes};
use ringfence_http::{Framing, Name, Reason, Trailers, Version};
use ringfence_io::{Lease, Outgoing, Received, Scratch, next_turn, now, timeout_at};

use crate::body::{Body, Coding, Piece, frame};
use crate::compress::{Coder, Form};
use crate::edits;
use crate::exchange::{Call, Exchange, Join, Next, Station};
use crate::gather::Shared;
use crate::own::takes_away;
use crate::passage;
use crate::retry::Failure;
use crate::stations::hit;
use crate::stations::keep::{self, Kept};
use crate::upload::{Ended, Upload, alongside};

/// How often to look whether the request's body is still on its way.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

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
    };
    let stored = common.is_some() || keep::records(ex);
    let (form, coder) = form(ex, call, framing, stored);
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
            keep,
        };
        let shared = Shared { body, common, join };
        return Ok(Passed::ToAll(Box::new(shared)));
    }

    match coder {
        Some(coder) => {
            body.see_all();
            // Boxed, so that exchanges which code nothing hold nothing for it.
            Box::pin(pump_coded(ex, call, &mut body, out, *coder)).await?;
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
    stored: bool,
) -> (Form, Option<Box<Coder>>) {
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
        if ex.is_expired() {
            return Err(Failure::Client(Reason::RequestTimeout));
        }
        let Piece {
            data,
            done,
            trailers,
        } = next_piece(body, &mut call.pending)?;
        if let Some(data) = keep::record(ex, data, done) {
            let message = frame(out, data, done, trailers.as_ref(), coding);
            if !message.is_empty() {
                send(ex, call, message).await?;
            }
            out = Scratch::none();
        }
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

/// As [`pump`], for a response that is coded on its way and not stored.
async fn pump_coded(
    ex: &mut Exchange<'_>,
    call: &mut Call,
    body: &mut Body,
    mut out: Scratch,
    mut coder: Coder,
) -> Result<(), Failure> {
    loop {
        if ex.is_expired() {
            return Err(Failure::Client(Reason::RequestTimeout));
        }
        let Piece {
            data,
            done,
            trailers,
        } = next_piece(body, &mut call.pending)?;
        for slice in data.chunks(SLICE) {
            let made = coder.push(slice).map_err(given_up)?;
            if !made.is_empty() {
                send_chunk(ex, call, out, made).await?;
                out = Scratch::take();
            }
            next_turn().await;
        }
        if done {
            return end_coded(ex, call, out, coder, trailers.as_ref()).await;
        }
        if !call.pending.is_empty() {
            continue;
        }
        let more = match at_once(advance(ex, call, body)).await {
            Some(more) => more?,
            None => {
                // The server pauses: what it has sent is for the client to see.
                send_chunk(ex, call, out, coder.flush().map_err(given_up)?).await?;
                out = Scratch::take();
                advance(ex, call, body).await?
            }
        };
        if !more {
            body.end().map_err(Failure::by_server)?;
            return end_coded(ex, call, out, coder, None).await;
        }
    }
}

/// Sends coded bytes behind what `out` holds, if there is anything to be sent.
async fn send_chunk(
    ex: &mut Exchange<'_>,
    call: &mut Call,
    out: Scratch,
    made: &[u8],
) -> Result<(), Failure> {
    ex.tally.bytes_out += made.len() as u64;
    let made = Lease::copy_from(made);
    let message = frame(out, made, false, None, Coding::Chunked);
    match message.is_empty() {
        true => Ok(()),
        false => send(ex, call, message).await,
    }
}

async fn end_coded(
    ex: &mut Exchange<'_>,
    call: &mut Call,
    out: Scratch,
    coder: Coder,
    trailers: Option<&Trailers>,
) -> Result<(), Failure> {
    let last = coder.finish().map_err(given_up)?;
    ex.tally.bytes_out += last.len() as u64;
    let last = Lease::copy_from(&last);
    let message = frame(out, last, true, trailers, Coding::Chunked);
    send(ex, call, message).await
}

/// What comes of something that need not wait; nothing where it would.
async fn at_once<T>(action: impl Future<Output = T>) -> Option<T> {
    let mut action = pin!(action);
    let look = |cx: &mut Context<'_>| match action.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => Poll::Ready(None),
    };
    poll_fn(look).await
}

fn given_up(_: CannotEncode) -> Failure {
    Failure::Client(Reason::Internal)
}

fn next_piece(body: &mut Body, pending: &mut Lease) -> Result<Piece, Failure> {
    if pending.is_empty() {
        return Ok(Piece {
            data: Lease::empty(),
            done: body.is_done(),
            trailers: None,
        });
    }
    body.decode(pending).map_err(Failure::by_server)
}

/// Gets more of the body, and has it sent where nobody need see it; false at the end of the server's
/// connection.
async fn advance(ex: &mut Exchange<'_>, call: &mut Call, body: &mut Body) -> Result<bool, Failure> {
    match receive(ex, call, body).await? {
        Received::Bytes(more) => {
            call.pending = more;
            Ok(!call.pending.is_empty())
        }
        Received::Piped(pipe) => {
            body.pass(pipe.len());
            let client = ex.conn.client.clone();
            deliver(ex, call, client.send_piped(pipe)).await?;
            Ok(true)
        }
    }
}

async fn send(ex: &mut Exchange<'_>, call: &mut Call, out: Outgoing) -> Result<(), Failure> {
    let client = ex.conn.client.clone();
    deliver(ex, call, client.send(out)).await
}

/// Runs a send to the client for as long as the exchange and the client allow.
async fn deliver(
    ex: &mut Exchange<'_>,
    call: &mut Call,
    sending: impl Future<Output = io::Result<()>>,
) -> Result<(), Failure> {
    ex.conn
        .client
        .set_send_limit(Some(ex.epoch.plan.timeouts.send));
    ex.tally.answered = true;
    let sending = pin!(sending);
    let sending = alongside(&mut call.upload, sending);
    let sent = match ex.expires {
        None => sending.await,
        Some(end) => match timeout_at(end, sending).await {
            Ok(sent) => sent,
            Err(_) => return Err(Failure::Client(Reason::RequestTimeout)),
        },
    };
    match sent {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => {
            Err(Failure::Client(Reason::SlowClient))
        }
        Ok(Err(_)) => Err(Failure::Client(Reason::ClientGone)),
        Err(fault) => Err(Failure::by_client(fault)),
    }
}

/// Receives more of the body; empty bytes are the end of the server's connection.
async fn receive(ex: &mut Exchange<'_>, call: &mut Call, body: &Body) -> Result<Received, Failure> {
    let server = call.link.stream.clone();
    let worker = ex.conn.worker.clone();
    loop {
        // While it may wait for more of the request, it is for the client's pace to bound the wait.
        let waits = call.upload.as_ref().is_some_and(Upload::is_moving);
        let patience = match waits {
            true => LOOK_AGAIN,
            false => ex.route().timeouts.between_bytes,
        };
        let (until, late) = ex.deadline(now() + patience, Reason::BetweenBytesTimeout);
        server.set_recv_deadline(Some(until));
        let receiving = pin!(passage::receive(&server, body, &worker));
        return match alongside(&mut call.upload, receiving).await {
            Ok(Ok(received)) => Ok(received),
            Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => match late {
                Reason::BetweenBytesTimeout if waits => continue,
                Reason::BetweenBytesTimeout => Err(Failure::Cut(late)),
                _ => Err(Failure::Client(late)),
            },
            Ok(Err(_)) => Err(Failure::Cut(Reason::UpstreamReset)),
            Err(fault) => Err(Failure::by_client(fault)),
        };
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
