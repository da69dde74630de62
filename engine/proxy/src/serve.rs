//! One client connection: a task that has its requests served in order, each by a coroutine that it holds no longer
//! than that takes.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::{Spares, Stream};

use crate::conn::Conn;
use crate::coroutine::{Coroutine, Hatch};
use crate::exchange::{Heads, Next};
use crate::refresh;
use crate::stations::{head, refuse};
use crate::walk::walk;
use crate::worker::{Admission, Worker};

/// Bytes that a lingering close reads and throws away at most.
const LINGER_BYTES: u64 = 1 << 20;

/// How long a lingering close waits for the client to read our last words.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Most coroutines that a worker keeps at rest: what thousands of active connections take and give within one turn of the
/// driver.
const SPARE_COROUTINES: usize = 1024;

/// The coroutines of one core that are at rest.
pub(crate) struct Coroutines(RefCell<Spares<Serving>>);

/// Serves one request. The connection itself stays where it is.
type Serving = Coroutine<Box<Conn>, Served>;

/// A connection that was served, and what it does next.
type Served = (Box<Conn>, Next);

impl Coroutines {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self(RefCell::new(Spares::new(SPARE_COROUTINES))))
    }

    fn take(&self) -> Serving {
        let spare = self.0.borrow_mut().take();
        spare.unwrap_or_else(|| Coroutine::new(serve_all))
    }

    fn give(&self, coroutine: Serving) {
        self.0.borrow_mut().give(coroutine);
    }

    /// Frees some of those that have been at rest since the last call.
    pub(crate) fn trim(&self) {
        self.0.borrow_mut().trim();
    }
}

/// Serves one client until it or we are done.
pub(crate) fn serve(
    worker: Rc<Worker>,
    coroutines: Rc<Coroutines>,
    admission: Admission,
    stream: Stream,
) -> impl Future<Output = ()> + 'static {
    let mut conn = Box::new(Conn::new(worker, admission, stream));
    // No function: its arguments would be kept twice.
    async move {
        let last = loop {
            if !head::is_coming(&mut conn).await {
                break Next::Close;
            }
            let mut coroutine = coroutines.take();
            let next;
            (conn, next) = coroutine.work(conn).await;
            coroutines.give(coroutine);
            if next != Next::Keep {
                break next;
            }
        };
        end(conn.stream(), last).await;
    }
}

/// Serves one request after another, each of whichever connection has one.
async fn serve_all(hatch: Rc<Hatch<Box<Conn>, Served>>) -> Infallible {
    let mut heads = Heads::default();
    loop {
        let mut conn = hatch.take().await;
        heads.reset();
        let next = match head::receive(&mut conn, &mut heads.request).await {
            Ok(Some(arrival)) => walk(&mut conn, &mut heads, arrival).await,
            Ok(None) => Next::Close,
            Err(malformed) => refuse::malformed(&mut conn, malformed).await,
        };
        conn.has_served = true;
        if let Some(again) = conn.again.take() {
            refresh::start(&conn, *again);
        }
        hatch.give((conn, next));
    }
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
