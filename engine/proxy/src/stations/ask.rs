//! Ask: sends the request to the server, with as much of its body as came with the head.

use std::cell::RefCell;
use std::rc::Rc;

use ringfence_http::{Fault, Framing, Reason};
use ringfence_io::{Outgoing, Scratch};

use crate::body::{Body, Coding, Prefix, frame};
use crate::edits;
use crate::exchange::{Call, Exchange};
use crate::own::takes_away;
use crate::pace::{MinRate, Pace};
use crate::retry::{Cause, Failure};
use crate::upload::{Ends, Upload};

/// Sends the head; what is still to come of the body is moved beside the stations that follow.
pub(crate) async fn send(ex: &mut Exchange<'_>, call: &mut Call) -> Result<(), Failure> {
    let out = message(ex);
    let timeouts = &ex.route().timeouts;
    let pace = pace(ex);
    call.link
        .stream
        .set_send_limit(Some(timeouts.between_bytes));
    if call.link.stream.send(out).await.is_err() {
        return Err(Failure::NoAnswer(Cause::Ended(Reason::UpstreamReset)));
    }
    if let Some(rest) = &ex.rest {
        let ends = Ends {
            client: ex.conn.stream().clone(),
            server: call.link.stream.clone(),
            server_limit: ex.route().timeouts.between_bytes,
            worker: ex.conn.worker.clone(),
            on_invitation: ex.heads.request.expect_continue && ex.prefix.data.is_none(),
        };
        let pending = std::mem::take(&mut ex.conn.pending);
        call.upload = Some(Upload::start(ends, pending, rest.clone(), coding(ex), pace));
    }
    Ok(())
}

/// Takes from what has been received the part of the body that is there; once a request.
pub(crate) fn take_prefix(ex: &mut Exchange<'_>) -> Result<(), Fault> {
    let framing = ex.heads.request.framing;
    if framing == Framing::None {
        ex.prefix.done = true;
        return Ok(());
    }
    let most = ex.route().max_body.unwrap_or(u64::MAX);
    if matches!(framing, Framing::Length(length) if length > most) {
        // Before the server hears of it, and before the client is told to go on.
        return Err(Reason::BodyTooLarge.into());
    }
    let mut body = Body::new(framing, most);
    if let (Some(route), false) = (ex.facts.route, ex.route().request_headers.is_empty()) {
        let epoch = ex.epoch.clone();
        body.drop_trailers(move |name| takes_away(&epoch.plan.route(route).request_headers, name));
    }
    if ex.conn.pending.is_empty() {
        ex.prefix.done = body.is_done();
    } else {
        let piece = body.decode(&mut ex.conn.pending)?;
        ex.prefix = Prefix {
            data: Some(piece.data),
            done: piece.done,
            trailers: piece.trailers,
        };
    }
    ex.tally.bytes_in = body.received();
    if !ex.prefix.done {
        body.keep_up_to(ex.route().retry.max_body);
        ex.rest = Some(Rc::new(RefCell::new(body)));
    }
    Ok(())
}

fn message(ex: &Exchange<'_>) -> Outgoing {
    let mut head = Scratch::take();
    edits::write_request(ex, &mut head);
    match &ex.prefix.data {
        Some(data) => frame(
            head,
            data.clone(),
            ex.prefix.done,
            ex.prefix.trailers.as_ref(),
            coding(ex),
        ),
        None => Outgoing::head(head),
    }
}

fn coding(ex: &Exchange<'_>) -> Coding {
    if ex.heads.request.framing == Framing::Chunked {
        Coding::Chunked
    } else {
        Coding::Plain
    }
}

fn pace(ex: &Exchange<'_>) -> Pace {
    let plan = &ex.epoch.plan;
    Pace {
        between: plan.timeouts.body,
        rate: MinRate::of(&plan.limits),
        expires: ex.expires,
    }
}
