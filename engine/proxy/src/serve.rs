//! One client connection: a task that serves its requests in order.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::Stream;

use crate::conn::Conn;
use crate::exchange::Next;
use crate::seat::Seat;
use crate::stations::{head, refuse};
use crate::walk::walk;
use crate::worker::{Admission, Seated, Worker};

/// Bytes that a lingering close reads and throws away at most.
const LINGER_BYTES: u64 = 1 << 20;

/// How long a lingering close waits for the client to read our last words.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Serves one client until it or we are done. It is seated from the call on, so that a drain knows of
/// it before it is served.
pub(crate) fn serve(
    worker: Rc<Worker>,
    admission: Admission,
    stream: Stream,
) -> impl Future<Output = ()> + 'static {
    let seat = Rc::new(Seat {
        stream: Rc::new(stream),
        idle: Cell::new(true),
    });
    let seated = worker.seat(seat.clone());
    converse((admission, seated), Conn::new(worker, seat))
}

async fn converse(_counted: (Admission, Seated), mut conn: Conn) {
    let last = loop {
        let next = match head::receive(&mut conn).await {
            Ok(Some(arrival)) => walk(&mut conn, arrival).await,
            Ok(None) => Next::Close,
            Err(malformed) => refuse::malformed(&mut conn, malformed).await,
        };
        conn.served += 1;
        if next != Next::Keep {
            break next;
        }
    };
    end(&conn.stream, last).await;
}

async fn end(stream: &Stream, how: Next) {
    match how {
        // A client that does not take our last words in time goes without them.
        Next::Keep | Next::Close => drop(stream.flushed().await),
        // Closing at once with bytes unread makes the kernel send a reset, which can destroy
        // the response before the client has read it (RFC 9112 section 9.6).
        Next::Linger => stream.linger_close(LINGER_BYTES, LINGER_TIME).await,
        // The client must see that the message was cut off, behind what it was sent of it.
        Next::Abort => {
            let _ = stream.flushed().await;
            stream.abort();
        }
    }
}
