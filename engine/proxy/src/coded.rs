//! Passes the body of a response on that is coded on its way, and not stored.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use ringfence_coding::{CannotEncode, SLICE};
use ringfence_http::{Reason, Trailers};
use ringfence_io::{Lease, Scratch, next_turn};

use crate::body::{Body, Coding, Piece, frame};
use crate::coder::Coder;
use crate::exchange::{Call, Exchange};
use crate::retry::Failure;
use crate::transit::{advance, next_piece, send};

/// Passes the body on, coded, behind the head that `out` holds.
pub(crate) async fn pump(
    ex: &mut Exchange<'_>,
    call: &mut Call,
    body: &mut Body,
    mut out: Scratch,
    mut coder: Coder,
) -> Result<(), Failure> {
    // Bytes that were coded since others had their turn.
    let mut coded = 0;
    loop {
        let Piece {
            data,
            done,
            trailers,
        } = next_piece(ex, call, body)?;
        for slice in data.chunks(SLICE) {
            if coded + slice.len() > SLICE {
                next_turn().await;
                coded = 0;
            }
            coded += slice.len();
            let made = coder.push(slice).map_err(given_up)?;
            if !made.is_empty() {
                send_chunk(ex, call, &mut out, made).await?;
            }
        }
        if done {
            return end(ex, call, out, coder, trailers.as_ref()).await;
        }
        if !call.pending.is_empty() {
            continue;
        }
        let more = match at_once(advance(ex, call, body)).await {
            Some(more) => more?,
            None => {
                // The server pauses: what it has sent is for the client to see.
                send_chunk(ex, call, &mut out, coder.flush().map_err(given_up)?).await?;
                coded = 0;
                advance(ex, call, body).await?
            }
        };
        if !more {
            body.end().map_err(Failure::by_server)?;
            return end(ex, call, out, coder, None).await;
        }
    }
}

/// Sends coded bytes behind what `out` holds, if there is anything to be sent; then it holds nothing.
async fn send_chunk(
    ex: &mut Exchange<'_>,
    call: &mut Call,
    out: &mut Scratch,
    made: &[u8],
) -> Result<(), Failure> {
    if out.is_empty() && made.is_empty() {
        return Ok(());
    }
    ex.tally.bytes_out += made.len() as u64;
    let head = with_room(std::mem::replace(out, Scratch::none()));
    let message = frame(head, Lease::copy_from(made), false, None, Coding::Chunked);
    send(ex, call, message).await
}

/// One with memory for a chunk's size.
fn with_room(out: Scratch) -> Scratch {
    match out.is_empty() {
        true => Scratch::take(),
        false => out,
    }
}

/// Sends what is left.
async fn end(
    ex: &mut Exchange<'_>,
    call: &mut Call,
    out: Scratch,
    coder: Coder,
    trailers: Option<&Trailers>,
) -> Result<(), Failure> {
    let last = coder.finish().map_err(given_up)?;
    ex.tally.bytes_out += last.len() as u64;
    let last = Lease::copy_from(&last);
    let message = frame(with_room(out), last, true, trailers, Coding::Chunked);
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
