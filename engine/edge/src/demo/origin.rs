//! A small origin server that says who it is, and can be killed and comes back.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ringfence_http::{BodyDecoder, HeadLimits, Method, Name, RequestHead};

/// How long a killed origin stays away.
pub(crate) const AWAY: Duration = Duration::from_secs(15);
/// How long `/slow` takes.
const SLOW: Duration = Duration::from_secs(1);
/// A connection that sends nothing for this long is closed.
const IDLE: Duration = Duration::from_secs(120);
/// More connections than this are closed at once.
const MAX_CONNECTIONS: usize = 1024;
const STACK: usize = 128 * 1024;
const LIMITS: HeadLimits = HeadLimits {
    max_line: 8192,
    max_head: 16_384,
    max_fields: 100,
};

/// One origin server; each connection has a thread of its own.
pub(crate) struct Origin {
    number: usize,
    address: SocketAddr,
    requests: AtomicU64,
    killed: AtomicBool,
    connections: Mutex<HashMap<u64, Arc<TcpStream>>>,
}

impl Origin {
    /// Serves on `listener` until the process ends.
    ///
    /// # Errors
    /// When the listener has no address, or no thread can be started.
    pub(crate) fn start(number: usize, listener: TcpListener) -> io::Result<SocketAddr> {
        let address = listener.local_addr()?;
        let origin = Arc::new(Self {
            number,
            address,
            requests: AtomicU64::new(0),
            killed: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        thread::Builder::new()
            .name(format!("origin-{number}"))
            .spawn(move || origin.live(listener))?;
        Ok(address)
    }

    /// Serves, dies when told to, stays away, and comes back; for ever.
    fn live(self: Arc<Self>, first: TcpListener) {
        let mut listener = Some(first);
        loop {
            match listener.take() {
                Some(listener) => self.accept_until_killed(listener),
                None => thread::sleep(Duration::from_secs(1)),
            }
            if self.killed.load(Ordering::Acquire) {
                thread::sleep(AWAY);
                self.killed.store(false, Ordering::Release);
            }
            listener = TcpListener::bind(self.address).ok();
        }
    }

    fn accept_until_killed(self: &Arc<Self>, listener: TcpListener) {
        let mut last = 0;
        for stream in listener.incoming() {
            if self.killed.load(Ordering::Acquire) {
                return;
            }
            let Ok(stream) = stream.map(Arc::new) else {
                thread::sleep(Duration::from_millis(50));
                continue;
            };
            last += 1;
            self.serve_on_thread(last, stream);
        }
    }

    fn serve_on_thread(self: &Arc<Self>, id: u64, stream: Arc<TcpStream>) {
        let mut connections = self.connections();
        if connections.len() >= MAX_CONNECTIONS {
            return;
        }
        connections.insert(id, stream.clone());
        drop(connections);
        let origin = self.clone();
        let serve = move || {
            // A connection that breaks is the peer's affair; the next one starts afresh.
            let _ = Visit::new(&origin, &stream).serve();
            origin.connections().remove(&id);
        };
        if thread::Builder::new()
            .stack_size(STACK)
            .spawn(serve)
            .is_err()
        {
            self.connections().remove(&id);
        }
    }

    /// Closes the listening socket and every connection, as the death of a process would.
    fn die(&self) {
        self.killed.store(true, Ordering::Release);
        for stream in self.connections().values() {
            // Fails only where the peer has closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the thread that waits in accept, which then drops the listener.
        let _ = TcpStream::connect(self.address);
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Arc<TcpStream>>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection to an origin.
struct Visit<'a> {
    origin: &'a Origin,
    stream: &'a TcpStream,
    buffer: Vec<u8>,
    head: RequestHead,
}

/// What to answer, and what to do then.
struct Answer {
    status: &'static str,
    content_type: &'static str,
    body: String,
    then_die: bool,
}

impl Answer {
    fn text(status: &'static str, body: String) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body,
            then_die: false,
        }
    }
}

impl<'a> Visit<'a> {
    fn new(origin: &'a Origin, stream: &'a TcpStream) -> Self {
        Self {
            origin,
            stream,
            buffer: Vec::with_capacity(4096),
            head: RequestHead::new(),
        }
    }

    fn serve(mut self) -> io::Result<()> {
        self.stream.set_read_timeout(Some(IDLE))?;
        self.stream.set_nodelay(true)?;
        while let Some(head_len) = self.read_head()? {
            let answer = self.answer();
            let head_only = self.head.method == Method::Head;
            let keep_alive = self.head.keep_alive && !answer.then_die;
            self.buffer.drain(..head_len);
            self.skip_body()?;
            self.write(&answer, head_only, keep_alive)?;
            if answer.then_die {
                self.origin.die();
            }
            if !keep_alive {
                break;
            }
        }
        Ok(())
    }

    /// Reads until a whole head is there; `None` when the peer has closed or makes no sense.
    fn read_head(&mut self) -> io::Result<Option<usize>> {
        loop {
            match self.head.parse(&self.buffer, &LIMITS) {
                Ok(Some(len)) => return Ok(Some(len)),
                Ok(None) => {}
                Err(_) => return Ok(None),
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 16_384];
        let got = (&mut &*self.stream).read(&mut chunk)?;
        self.buffer.extend_from_slice(&chunk[..got]);
        Ok(got)
    }

    fn skip_body(&mut self) -> io::Result<()> {
        let mut body = BodyDecoder::new(self.head.framing);
        if self.head.expect_continue && !body.is_done() {
            (&mut &*self.stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        while !body.is_done() {
            let decoded = body.decode(&mut self.buffer).map_err(io::Error::other)?;
            self.buffer.drain(..decoded.consumed);
            if !body.is_done() && self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    fn answer(&self) -> Answer {
        let Origin {
            number,
            address,
            requests,
            ..
        } = self.origin;
        let path = self.head.path.of(&self.buffer);
        if path == b"/health" {
            return Answer::text("200 OK", "ok\n".to_owned());
        }
        if path == b"/kill" {
            return self.answer_kill();
        }
        let count = requests.fetch_add(1, Ordering::Relaxed) + 1;
        match path {
            b"/json" => Answer {
                content_type: "application/json",
                ..Answer::text(
                    "200 OK",
                    format!(
                        "{{\"server\":{number},\"address\":\"{address}\",\"requests\":{count}}}\n"
                    ),
                )
            },
            b"/slow" => {
                thread::sleep(SLOW);
                Answer::text(
                    "200 OK",
                    format!("server {number} took its time, request {count}\n"),
                )
            }
            _ => Answer::text(
                "200 OK",
                format!("server {number} at {address}, request {count}\n"),
            ),
        }
    }

    /// Dies only for a caller that came here directly: through the balancer it would be a guess who dies.
    fn answer_kill(&self) -> Answer {
        let Origin {
            number, address, ..
        } = self.origin;
        if self.head.method != Method::Post || self.head.get(&self.buffer, Name::Via).is_some() {
            let text = format!("to kill server {number}: curl -X POST http://{address}/kill\n");
            return Answer::text("405 Method Not Allowed", text);
        }
        let text = format!(
            "server {number} dies, and is back in {} s\n",
            AWAY.as_secs()
        );
        Answer {
            then_die: true,
            ..Answer::text("200 OK", text)
        }
    }

    fn write(&mut self, answer: &Answer, head_only: bool, keep_alive: bool) -> io::Result<()> {
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let Answer {
            status,
            content_type,
            body,
            ..
        } = answer;
        let mut text = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
            body.len()
        );
        if !head_only {
            text.push_str(body);
        }
        (&mut &*self.stream).write_all(text.as_bytes())
    }
}
