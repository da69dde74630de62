//! A response's body on its way: received from the server, and sent to the client.

use std::io::{self, ErrorKind};
use std::pin::pin;
use std::time::Duration;

use ringfence_http::Reason;
use ringfence_io::{Lease, Outgoing, Received, now};

use crate::body::{Body, Piece};
use crate::client::why_unsent;
use crate::exchange::{Call, Exchange};
use crate::passage;
use crate::retry::Failure;
use crate::upload::{Upload, alongside};

/// How often to look whether the request's body is still on its way.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What of the body is there, while the request has time.
pub(crate) fn next_piece(
    ex: &Exchange<'_>,
    call: &mut Call,
    body: &mut Body,
) -> Result<Piece, Failure> {
    if ex.is_expired() {
        return Err(Failure::Client(Reason::RequestTimeout));
    }
    if call.pending.is_empty() {
        return Ok(Piece {
            data: Lease::empty(),
            done: body.is_done(),
            trailers: None,
        });
    }
    body.decode(&mut call.pending).map_err(Failure::by_server)
}

/// Gets more of the body, and has it sent where nobody need see it; false at the end of the server's
/// connection.
pub(crate) async fn advance(
    ex: &mut Exchange<'_>,
    call: &mut Call,
    body: &mut Body,
) -> Result<bool, Failure> {
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

/// Sends to the client.
pub(crate) async fn send(
    ex: &mut Exchange<'_>,
    call: &mut Call,
    out: Outgoing,
) -> Result<(), Failure> {
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
    match ex.within(sending).await.map_err(Failure::Client)? {
        Ok(sent) => sent.map_err(|error| Failure::Client(why_unsent(error))),
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
