//! Origins that misbehave on purpose, one way each. Every script is for [`super::Origin::serving`].

use std::io;
use std::time::Duration;

use super::kit;
use super::visit::Visit;

const SOME_BODY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly a part of it";

/// Ends the connection in the middle of the response head.
pub fn cut_mid_head(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    visit.send("HTTP/1.1 200 OK\r\nContent-Len")
}

/// Ends the connection in the middle of a body of known length.
pub fn cut_mid_body(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    visit.send(SOME_BODY)
}

/// Ends the connection in the middle of a chunk.
pub fn cut_mid_chunk(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly a part of it")
}

/// Sends more than its Content-Length says: the rest must never reach a client.
pub fn too_long(visit: &mut Visit) -> io::Result<()> {
    while visit.request()?.is_some() {
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngoodHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")?;
    }
    Ok(())
}

/// Resets before reading anything.
pub fn reset_at_once(visit: &mut Visit) -> io::Result<()> {
    visit.resets()
}

/// Reads the request, then resets without a word.
pub fn reset_after_request(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    visit.resets()
}

/// Reads the request, then ends the connection without a word.
pub fn close_after_request(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    Ok(())
}

/// Resets in the middle of the body.
pub fn reset_mid_body(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    visit.send(SOME_BODY)?;
    visit.pause(Duration::from_millis(100));
    visit.resets()
}

/// Answers with bytes that are no HTTP at all.
pub fn garbage(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    visit.send(b"\0\x01\x02 this is no response\r\n\r\n")
}

/// Answers 200 when it has the head, and goes on reading the body.
pub fn early_answer(visit: &mut Visit) -> io::Result<()> {
    let Some(mut request) = visit.head()? else {
        return Ok(());
    };
    visit.answer("early")?;
    visit.body(&mut request)?;
    kit::serve(visit)
}

/// Answers 413 when it has the head, and closes while the body is still coming.
pub fn early_refusal(visit: &mut Visit) -> io::Result<()> {
    visit.head()?;
    visit.send("HTTP/1.1 413 Too Much\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull")?;
    visit.pause(Duration::from_millis(200));
    Ok(())
}

/// Answers one request, promises to keep the connection, and closes it all the same.
pub fn close_after_answer(visit: &mut Visit) -> io::Result<()> {
    if visit.request()?.is_some() {
        visit.answer("once")?;
    }
    Ok(())
}

/// Answers one request and closes under the second: a pooled connection that is dead when used.
pub fn close_on_second(visit: &mut Visit) -> io::Result<()> {
    if visit.request()?.is_some() {
        visit.answer("first")?;
        visit.swallow()?;
    }
    Ok(())
}

/// Reads and never answers.
pub fn silent(visit: &mut Visit) -> io::Result<()> {
    while visit.swallow()? > 0 {}
    Ok(())
}

/// Sends half a head and then nothing.
pub fn stall_mid_head(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    visit.send("HTTP/1.1 200 OK\r\nContent-")?;
    silent(visit)
}

/// Sends part of a body and then nothing.
pub fn stall_mid_body(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    visit.send(SOME_BODY)?;
    silent(visit)
}

/// Never reads: its receive buffer fills, and the sender must cope.
pub fn deaf(visit: &mut Visit) -> io::Result<()> {
    visit.hold(Duration::from_secs(30))
}

/// Sends interim responses without end.
pub fn interim_flood(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    for _ in 0..100_000 {
        visit.send("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")?;
    }
    visit.answer("after the flood")
}

/// Sends a head of several megabytes.
pub fn huge_head(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    visit.send("HTTP/1.1 200 OK\r\n")?;
    let line = format!("X-Filler: {}\r\n", "f".repeat(1000));
    for _ in 0..4000 {
        visit.send(&line)?;
    }
    visit.send("Content-Length: 0\r\n\r\n")
}

/// Sends two lengths that differ.
pub fn two_lengths(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    visit.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc")
}

/// Sends both Content-Length and Transfer-Encoding.
pub fn length_and_coding(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    visit.send(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    )
}

/// Sends a chunk size that is no number.
pub fn bad_chunk(visit: &mut Visit) -> io::Result<()> {
    visit.request()?;
    visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n")
}

/// Speaks before it is asked, then serves normally.
pub fn unasked(visit: &mut Visit) -> io::Result<()> {
    visit.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")?;
    kit::serve(visit)
}
