//! Relay: passes the response on, its head together with the first of its body.

use std::io::ErrorKind;

use ringfence_http::{Blame, Framing, Reason, Version};
use ringfence_io::{Lease, Outgoing, Scratch, now};

use crate::body::{Body, Coding, Piece, frame};
use crate::edits;
use crate::exchange::{Call, Exchange, Next, Station};
use crate::retry;
use crate::upload::{Ended, alongside};

/// Relays the response to its end.
pub(crate) async fn pass(ex: &mut Exchange<'_>, mut call: Call) -> Station {
    let framing = ex.heads.response.framing;
    let coding = coding(ex, framing);
    let keep = keeps_client(ex, &call, framing, coding);
    let mut body = Body::new(framing, u64::MAX);
    let mut out = Scratch::take();
    edits::write_response(ex, &call, coding, keep, &mut out);
    call.head = Lease::empty();

    let outcome = pump(ex, &mut call, &mut body, out, coding).await;
    ex.tally.bytes_out = body.received();
    match outcome {
        Ok(()) => {
            let next = end_of_request(ex, &mut call, keep);
            recycle(ex, call, framing);
            Station::Finish(next)
        }
        Err(reason) => {
            retry::take_back(ex, &call);
            if reason.blame() == Blame::Upstream {
                call.ticket.failed();
            }
            if !ex.tally.answered {
                return ex.refuse(reason);
            }
            ex.tally.reason = Some(reason);
            Station::Finish(Next::Abort)
        }
    }
}

async fn pump(
    ex: &mut Exchange<'_>,
    call: &mut Call,
    body: &mut Body,
    mut out: Scratch,
    coding: Coding,
) -> Result<(), Reason> {
    loop {
        let piece = next_piece(body, &mut call.pending)?;
        let done = piece.done;
        let empty = piece.data.is_empty() && !done && out.is_empty();
        if !empty {
            send(
                ex,
                call,
                frame(out, piece.data, done, piece.trailers.as_ref(), coding),
            )
            .await?;
        }
        if done {
            return Ok(());
        }
        if !fill(ex, call, body.expected().min(ex.conn.worker.piece())).await? {
            body.end().map_err(|fault| fault.from_upstream().reason)?;
            let last = frame(Scratch::take(), Lease::empty(), true, None, coding);
            return send(ex, call, last).await;
        }
        out = Scratch::take();
    }
}

fn next_piece(body: &mut Body, pending: &mut Lease) -> Result<Piece, Reason> {
    if pending.is_empty() {
        return Ok(Piece {
            data: Lease::empty(),
            done: body.is_done(),
            trailers: None,
        });
    }
    body.decode(pending)
        .map_err(|fault| fault.from_upstream().reason)
}

async fn send(ex: &mut Exchange<'_>, call: &mut Call, out: Outgoing) -> Result<(), Reason> {
    let client = ex.conn.stream.clone();
    client.set_send_limit(Some(ex.epoch.plan.timeouts.send));
    ex.tally.answered = true;
    let sent = alongside(&mut call.upload, client.send(out)).await;
    match sent {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => Err(Reason::SlowClient),
        Ok(Err(_)) => Err(Reason::ClientGone),
        Err(fault) => Err(fault.reason),
    }
}

/// Receives more of the body; false at the end of the server's connection.
async fn fill(ex: &mut Exchange<'_>, call: &mut Call, hint: usize) -> Result<bool, Reason> {
    let (until, late) = ex.deadline(
        now() + ex.route().timeouts.between_bytes,
        Reason::BetweenBytesTimeout,
    );
    let server = call.link.stream.clone();
    server.set_recv_deadline(Some(until));
    match alongside(&mut call.upload, server.recv_sized(hint)).await {
        Ok(Ok(more)) => {
            let some = !more.is_empty();
            call.pending = more;
            Ok(some)
        }
        Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => Err(late),
        Ok(Err(_)) => Err(Reason::UpstreamReset),
        Err(fault) => Err(fault.reason),
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

/// Gives the server's connection back for the next request where it is fit for one.
fn recycle(ex: &mut Exchange<'_>, call: Call, framing: Framing) {
    let whole = call
        .upload
        .as_ref()
        .is_none_or(|upload| upload.ended() == Some(Ended::Complete));
    let fit = whole
        && ex.heads.response.keep_alive
        && framing != Framing::UntilClose
        && call.pending.is_empty();
    let Call { ticket, link, .. } = call;
    let server = ticket.server().id;
    let first_byte = ex.tally.first_byte.unwrap_or_default();
    ticket.answered(
        ex.tally.status,
        first_byte.saturating_sub(ex.tally.connected.unwrap_or_default()),
    );
    if fit {
        ex.conn.worker.keep(&ex.epoch, ex.upstream(), server, link);
    }
}
