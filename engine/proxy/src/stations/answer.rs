//! Answer: waits for the head of the server's response, and forwards interim ones.

use std::io::{self, ErrorKind};
use std::pin::pin;
use std::time::Duration;

use ringfence_http::{HeadWriter, Reason, Version};
use ringfence_io::{Lease, Outgoing, Scratch, now};

use crate::edits;
use crate::exchange::{Call, Exchange};
use crate::presence::unless_gone;
use crate::retry::{self, Cause, Failure};
use crate::upload::{Upload, alongside};

/// Interim responses that one request may have; a server that sends more is broken.
const MAX_INTERIM: u32 = 32;

/// How long a server may think before we look whether the client is still there.
const LOOK_AFTER: Duration = Duration::from_millis(500);

/// Receives heads up to the final one, unless that is one which the route wants tried again.
pub(crate) async fn receive(ex: &mut Exchange<'_>, call: &mut Call) -> Result<(), Failure> {
    let mut patience = Patience::default();
    let mut interim = 0;
    loop {
        let len = next_head(ex, call, &mut patience).await?;
        let head = call.pending.split_to(len);
        let status = ex.heads.response.status;
        if status >= 200 {
            ex.tally.first_byte = Some(now());
            ex.tally.status = status;
            call.head = head;
            return retry::unless_wanted(ex, call, status);
        }
        interim += 1;
        if status == 101 || interim > MAX_INTERIM {
            let cause = Cause::BadHead(Reason::BadUpstreamHead);
            return Err(Failure::NoAnswer(cause));
        }
        if forward_interim(ex, &head).await.is_err() {
            return Err(Failure::Client(Reason::ClientGone));
        }
        if let (100, Some(upload)) = (status, &call.upload) {
            upload.invite();
        }
    }
}

/// How long the server may take: its time starts when it has the whole request.
#[derive(Default)]
struct Patience {
    end: Option<(Duration, Reason)>,
    /// When its time started.
    since: Option<Duration>,
}

impl Patience {
    fn until(&mut self, ex: &Exchange<'_>, uploading: bool) -> (Duration, Reason) {
        if uploading {
            *self = Self::default();
            return ex.deadline(Duration::MAX, Reason::RequestTimeout);
        }
        if let Some(end) = self.end {
            return end;
        }
        let began = now();
        self.since = Some(began);
        let limit = ex.route().timeouts.first_byte;
        *self
            .end
            .insert(ex.deadline(began + limit, Reason::FirstByteTimeout))
    }

    /// What it means that the time has passed.
    fn exhausted(&self, ex: &Exchange<'_>) -> Cause {
        let reason = self
            .end
            .map_or(Reason::RequestTimeout, |(_, reason)| reason);
        let is_servers = self.since.is_some_and(|since| ex.had_most(since));
        if reason == Reason::RequestTimeout && !is_servers {
            return Cause::OutOfTime;
        }
        Cause::Late(reason)
    }
}

/// The length of the next response head, which is then parsed in `ex.heads.response`.
async fn next_head(
    ex: &mut Exchange<'_>,
    call: &mut Call,
    patience: &mut Patience,
) -> Result<usize, Failure> {
    let method = ex.heads.request.method;
    loop {
        if !call.pending.is_empty() {
            let parsed = ex
                .heads
                .response
                .parse(&call.pending, &ex.epoch.head_limits, method);
            match parsed {
                Ok(Some(len)) => return Ok(len),
                Ok(None) => {}
                Err(fault) => return Err(Failure::NoAnswer(Cause::of_head(fault))),
            }
        }
        match wait(ex, call, patience).await? {
            Ok(0) => return Err(Failure::NoAnswer(ended(call, Reason::UpstreamClosed))),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                return Err(Failure::NoAnswer(patience.exhausted(ex)));
            }
            Err(_) => return Err(Failure::NoAnswer(ended(call, Reason::UpstreamReset))),
        }
    }
}

/// A server that breaks off within a head has seen the request: that is no idle connection which
/// was closed as it was taken.
fn ended(call: &Call, reason: Reason) -> Cause {
    if call.pending.is_empty() {
        Cause::Ended(reason)
    } else {
        Cause::BrokenHead(reason)
    }
}

/// Receives from the server for as long as there is patience; after a while, watches the
/// client too, so that a client that has gone frees the server.
async fn wait(
    ex: &Exchange<'_>,
    call: &mut Call,
    patience: &mut Patience,
) -> Result<io::Result<usize>, Failure> {
    let Call {
        link,
        pending,
        upload,
        ..
    } = call;
    loop {
        let uploading = upload.as_ref().is_some_and(Upload::is_moving);
        let (until, _) = patience.until(ex, uploading);
        let look_at = now() + LOOK_AFTER;
        if look_at < until {
            link.stream.set_recv_deadline(Some(look_at));
            let received = pin!(link.stream.recv_more(pending));
            match alongside(upload, received)
                .await
                .map_err(Failure::by_client)?
            {
                Err(error) if error.kind() == ErrorKind::TimedOut => {}
                received => return Ok(received),
            }
            if uploading {
                // The upload sees for itself when the client goes.
                continue;
            }
        }
        link.stream.set_recv_deadline(Some(until));
        let either = pin!(unless_gone(&ex.conn.client, link.stream.recv_more(pending)));
        return match alongside(upload, either)
            .await
            .map_err(Failure::by_client)?
        {
            Some(received) => Ok(received),
            None => Err(Failure::Client(Reason::ClientGone)),
        };
    }
}

/// Passes on a 1xx response; HTTP/1.0 knows none (RFC 9110 section 15.2).
async fn forward_interim(ex: &mut Exchange<'_>, head: &Lease) -> io::Result<()> {
    if ex.heads.request.version == Version::Http10 {
        return Ok(());
    }
    let mut out = Scratch::take();
    let mut writer = HeadWriter::new(&mut out);
    writer.status_line(ex.heads.response.status);
    edits::write_interim(ex, head, &mut writer);
    writer.end();
    ex.conn
        .client
        .set_send_limit(Some(ex.epoch.plan.timeouts.send));
    ex.conn.client.send(Outgoing::head(out)).await
}
