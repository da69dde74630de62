//! A constant load from keep-alive clients, which notices every request that fails.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::client::Client;
use crate::response::{Response, Wrong};

/// A load that runs until it is stopped.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    report: Arc<Mutex<Report>>,
    threads: Vec<JoinHandle<()>>,
}

/// What came of it.
#[derive(Debug, Default, Clone)]
pub struct Report {
    /// How many requests were answered with 2xx.
    pub good: usize,
    /// How many connections were opened.
    pub connections: usize,
    /// How many connections the server closed between two requests without having said so.
    pub closed: usize,
    /// How many times a connection was refused: nobody listened.
    pub refused: usize,
    /// What went wrong, a line each (the first few hundred).
    pub failures: Vec<String>,
}

/// The request that a client repeats.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The bytes of the request.
    pub bytes: Vec<u8>,
    /// Time between an answer and the next request.
    pub pause: Duration,
}

impl Shape {
    /// A GET for a path.
    pub fn get(path: &str) -> Shape {
        let bytes = format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n\r\n").into_bytes();
        Shape {
            bytes,
            pause: Duration::from_millis(2),
        }
    }

    /// A PUT with content, which is idempotent, so that it may be repeated when it is whole.
    pub fn put(path: &str, body: &[u8]) -> Shape {
        let length = body.len();
        let head = format!(
            "PUT {path} HTTP/1.1\r\nHost: test.example\r\nContent-Length: {length}\r\n\r\n"
        );
        let bytes = [head.as_bytes(), body].concat();
        Shape {
            bytes,
            pause: Duration::from_millis(2),
        }
    }

    /// With another pause.
    pub fn every(mut self, pause: Duration) -> Shape {
        self.pause = pause;
        self
    }
}

impl Load {
    /// One client per shape, each on its own thread and connection.
    pub fn start(address: SocketAddr, shapes: Vec<Shape>) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let report = Arc::new(Mutex::new(Report::default()));
        let start = |shape: Shape| {
            let (stop, report) = (stop.clone(), report.clone());
            std::thread::spawn(move || repeat(address, &shape, &stop, &report))
        };
        let threads = shapes.into_iter().map(start).collect();
        Load {
            stop,
            report,
            threads,
        }
    }

    /// What came of it so far.
    pub fn report(&self) -> Report {
        self.report.lock().expect("report").clone()
    }

    /// Lets every client finish its request, and tells what came of it.
    pub fn stop(mut self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        self.report()
    }
}

impl Report {
    /// Panics when any request failed, or nobody listened.
    #[track_caller]
    pub fn is_clean(&self) {
        assert_eq!(self.refused, 0, "connections were refused");
        self.lost_nothing();
    }

    /// Panics when any request failed that had found somebody who listened.
    #[track_caller]
    pub fn lost_nothing(&self) {
        let some: Vec<_> = self.failures.iter().take(20).collect();
        let count = self.failures.len();
        assert!(
            count == 0,
            "{count} failures beside {} good: {some:#?}",
            self.good
        );
    }
}

fn repeat(address: SocketAddr, shape: &Shape, stop: &AtomicBool, report: &Mutex<Report>) {
    let mut client = None;
    while !stop.load(Ordering::Relaxed) {
        let reused = client.is_some();
        let outcome = once(address, shape, &mut client);
        let mut report = report.lock().expect("report");
        report.connections += usize::from(!reused);
        match outcome {
            Ok(response) if (200..300).contains(&response.status) => report.good += 1,
            // The server may close an idle connection at any time (RFC 9112, 9.5); every client
            // then repeats the request on a new one. It is counted, for tests that forbid it.
            Err(Failed::Unanswered(_)) if reused => report.closed += 1,
            Err(Failed::Refused) => report.refused += 1,
            outcome if report.failures.len() < 500 => report.failures.push(describe(outcome)),
            _ => {}
        }
        drop(report);
        std::thread::sleep(shape.pause);
    }
}

/// Why a request came to nothing.
enum Failed {
    /// Nobody listens.
    Refused,
    /// The connection came to nothing in another way.
    Unconnected(io::Error),
    /// The connection ended before the first byte of an answer.
    Unanswered(Wrong),
    /// Anything else.
    Otherwise(Wrong),
}

fn once(address: SocketAddr, shape: &Shape, kept: &mut Option<Client>) -> Result<Response, Failed> {
    let mut client = match kept.take() {
        Some(client) => client,
        None => Client::try_connect(address).map_err(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => Failed::Refused,
            _ => Failed::Unconnected(error),
        })?,
    };
    let before = client.received();
    let said = client.try_says(&shape.bytes).map_err(Wrong::Io);
    let heard = said.and_then(|()| client.try_hears()).map_err(|wrong| {
        let ended = matches!(&wrong, Wrong::Io(e) if is_end(e.kind()));
        match ended && client.received() == before {
            true => Failed::Unanswered(wrong),
            false => Failed::Otherwise(wrong),
        }
    })?;
    if !heard.closes() && !heard.until_close {
        *kept = Some(client);
    }
    Ok(heard)
}

fn is_end(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionReset | UnexpectedEof)
}

fn describe(outcome: Result<Response, Failed>) -> String {
    match outcome {
        Ok(response) => format!(
            "{} {:?} {}",
            response.status,
            response.fields,
            response.text()
        ),
        Err(Failed::Refused) => "connection refused".into(),
        Err(Failed::Unconnected(error)) => format!("no connection: {error}"),
        Err(Failed::Unanswered(wrong)) => format!("no answer: {wrong}"),
        Err(Failed::Otherwise(wrong)) => wrong.to_string(),
    }
}
