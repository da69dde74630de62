//! How many requests have reached an origin, as it says itself.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::origin::{COUNT, Kind};

/// How long it may take to say so.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks an origin again and again.
#[derive(Debug)]
pub struct Counter {
    origin: Kind,
    address: SocketAddr,
    /// How often it has asked.
    asked: u64,
}

impl Counter {
    /// One that asks the origin at `address`.
    #[must_use]
    pub fn new(origin: Kind, address: SocketAddr) -> Self {
        Self {
            origin,
            address,
            asked: 0,
        }
    }

    /// Requests so far, without those that asked for this. Only the difference of two counts means something.
    ///
    /// # Errors
    /// That there is no such answer.
    pub fn count(&mut self) -> io::Result<u64> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = format!("GET {COUNT} HTTP/1.1\r\nHost: origin\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        // Our own origin ends a connection when its client does.
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        self.asked += 1;
        let said = read(self.origin, &answer).ok_or(io::ErrorKind::InvalidData)?;
        Ok(match self.origin {
            Kind::Nginx => said.saturating_sub(self.asked),
            Kind::Alone => said,
        })
    }
}

/// The number in an answer.
fn read(origin: Kind, answer: &str) -> Option<u64> {
    let (_, body) = answer.split_once("\r\n\r\n")?;
    match origin {
        // "Active connections: 1", "server accepts handled requests", and a line of three numbers.
        Kind::Nginx => body.lines().nth(2)?.split_ascii_whitespace().nth(2),
        Kind::Alone => Some(body.trim()),
    }?
    .parse()
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_answers_are_read() {
        let nginx = "HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\nActive connections: 1 \n\
            server accepts handled requests\n 7 7 31 \nReading: 0 Writing: 1 Waiting: 0 \n";
        assert_eq!(read(Kind::Nginx, nginx), Some(31));
        assert_eq!(read(Kind::Alone, "HTTP/1.1 200 OK\r\n\r\n12"), Some(12));
        assert_eq!(read(Kind::Alone, "HTTP/1.1 404 Not Found\r\n\r\n"), None);
    }
}
