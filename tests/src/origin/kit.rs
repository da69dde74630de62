//! The well-behaved origin: what its answer looks like is chosen by the path.
//!
//! | path | answer |
//! |---|---|
//! | `/echo` | the request's content |
//! | `/head` | the request's head as it came |
//! | `/status/NNN` | that status, no content |
//! | `/sleep/MS` | 200 after that many milliseconds |
//! | `/bytes/N` | N patterned bytes, Content-Length |
//! | `/chunked/N` | N patterned bytes, chunked |
//! | `/burst/N` | the same in one send: an origin that dies has sent all of it or nothing |
//! | `/close/N` | N patterned bytes, delimited by the close |
//! | `/trailers` | chunked, with trailer fields |
//! | `/hints` | 103 with a Link, then 200 |
//! | `/http10` | an HTTP/1.0 response |
//! | `/hop` | fields that only this hop may see |
//! | `/drip/N/MS` | N bytes, one each MS milliseconds |
//! | `/retry-after/S` | 503 with Retry-After |
//! | anything else | 200, the origin's name |

use std::io;
use std::time::Duration;

use super::request::Request;
use super::visit::Visit;

/// Serves every request of the connection.
pub fn serve(visit: &mut Visit) -> io::Result<()> {
    while let Some(request) = visit.request()? {
        respond(visit, &request)?;
        let parts: Vec<&str> = request.target.split('/').collect();
        let closing = request
            .all("connection")
            .iter()
            .any(|value| value.contains("close"));
        if closing || matches!(parts.get(1), Some(&"close" | &"http10")) {
            break;
        }
    }
    Ok(())
}

/// Answers one request as the table above says.
pub fn respond(visit: &mut Visit, request: &Request) -> io::Result<()> {
    let path = request.target.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["echo", ..] => plain(visit, request, 200, &request.body),
        ["head", ..] => plain(visit, request, 200, request.head.as_bytes()),
        ["status", status] => status_only(visit, status),
        ["sleep", time] => {
            visit.pause(milliseconds(time));
            named(visit, request)
        }
        ["bytes", count] => plain(visit, request, 200, &pattern(number(count))),
        ["chunked", count] => chunked(visit, request, number(count)),
        ["burst", count] => visit.send(burst(visit.name(), number(count))),
        ["close", count] => until_close(visit, "HTTP/1.1", number(count)),
        ["trailers"] => trailers(visit),
        ["hints"] => {
            visit.send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")?;
            named(visit, request)
        }
        ["http10"] => until_close(visit, "HTTP/1.0", 100),
        ["hop"] => hop(visit),
        ["drip", count, time] => drip(visit, number(count), milliseconds(time)),
        ["retry-after", seconds] => {
            let length = "Content-Length: 0\r\n";
            visit.send(format!(
                "HTTP/1.1 503 X\r\nRetry-After: {seconds}\r\n{length}\r\n"
            ))
        }
        _ => named(visit, request),
    }
}

/// Bytes in which any shift, loss or repetition shows.
pub fn pattern(count: usize) -> Vec<u8> {
    (0..count)
        .map(|at| b'a' + ((at / 26 + at) % 26) as u8)
        .collect()
}

fn named(visit: &mut Visit, request: &Request) -> io::Result<()> {
    let name = visit.name().to_string();
    plain(visit, request, 200, name.as_bytes())
}

fn plain(visit: &mut Visit, request: &Request, status: u16, body: &[u8]) -> io::Result<()> {
    let (name, length) = (visit.name(), body.len());
    let mut answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\nX-Origin: {name}\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    if request.method != "HEAD" {
        answer.extend_from_slice(body);
    }
    visit.send(answer)
}

fn status_only(visit: &mut Visit, status: &str) -> io::Result<()> {
    let length = if matches!(status, "204" | "304") {
        ""
    } else {
        "Content-Length: 0\r\n"
    };
    let name = visit.name();
    let head = format!("HTTP/1.1 {status} X\r\nX-Origin: {name}\r\n{length}\r\n");
    visit.send(head)
}

fn chunked(visit: &mut Visit, request: &Request, count: usize) -> io::Result<()> {
    let name = visit.name();
    visit.send(format!(
        "HTTP/1.1 200 X\r\nX-Origin: {name}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ))?;
    if request.method == "HEAD" {
        return Ok(());
    }
    for part in pattern(count).chunks(1000) {
        visit.send([format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat())?;
    }
    visit.send("0\r\n\r\n")
}

fn burst(name: &str, count: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 X\r\nX-Origin: {name}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut answer = head.into_bytes();
    for part in pattern(count).chunks(1000) {
        answer.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        answer.extend_from_slice(part);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

fn until_close(visit: &mut Visit, version: &str, count: usize) -> io::Result<()> {
    let name = visit.name();
    visit.send(format!("{version} 200 X\r\nX-Origin: {name}\r\n\r\n"))?;
    visit.send(pattern(count))
}

fn trailers(visit: &mut Visit) -> io::Result<()> {
    visit.send(
        "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n",
    )
}

fn hop(visit: &mut Visit) -> io::Result<()> {
    visit.send(
        "HTTP/1.1 200 X\r\nConnection: X-Secret, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Connection: keep-alive\r\nX-Open: 1\r\nContent-Length: 2\r\n\r\nok",
    )
}

fn drip(visit: &mut Visit, count: usize, each: Duration) -> io::Result<()> {
    visit.send(format!("HTTP/1.1 200 X\r\nContent-Length: {count}\r\n\r\n"))?;
    for byte in pattern(count) {
        visit.pause(each);
        visit.send([byte])?;
    }
    Ok(())
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or(0)
}

fn milliseconds(text: &str) -> Duration {
    Duration::from_millis(text.parse().unwrap_or(0))
}
