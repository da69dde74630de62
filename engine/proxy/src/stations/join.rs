//! Join: answers with what is being fetched, as it comes, in place of the stations from Dial to Relay.

use std::rc::Rc;

use ringfence_cache::{Key, RequestControl, Verdict};
use ringfence_http::{Name, Reason, Version};
use ringfence_io::{Outgoing, Scratch, now};

use crate::body::{Coding, frame};
use crate::cache::{Flight, Portion, Reader, Report};
use crate::client::why_unsent;
use crate::exchange::{Exchange, Hit, Join, Next, Station};
use crate::forwarded::selects;
use crate::note::Way;
use crate::presence::unless_gone;
use crate::stations::hit;

/// What of another's fetch is of use to the request, before anything is known of what comes. Parts are made of what is whole.
pub(crate) fn way(ex: &Exchange<'_>) -> Way {
    match ex.heads.request.fields.has(Name::Range) {
        true => Way::Whole,
        false => Way::Streamed,
    }
}

/// Joins a flight.
///
/// # Errors
/// What else of fetches is of use to the request, where it may not be answered with what this one brings.
pub(crate) fn enter(
    ex: &mut Exchange<'_>,
    flight: Rc<Flight>,
    key: Key<'_>,
    control: &RequestControl,
    report: Report,
) -> Result<Station, Way> {
    let object = &flight.head;
    // It began before a purge, and this request may have come after that.
    if ex.conn.worker.cache.store.borrow().refuses(key, object) {
        return Err(Way::Not(flight.leader));
    }
    if !flight.can_be_joined() {
        return Err(Way::Streamed);
    }
    let cache = ex.conn.worker.cache.clone();
    let selected = selects(ex, object, &mut None, &mut cache.room.borrow_mut().1);
    if object.judge(control, now().as_secs()) != Verdict::Fresh || !selected {
        return Err(Way::Whole);
    }
    if hit::has_it_already(ex, object) {
        let object = object.clone();
        return Ok(Station::Hit(Hit { object, report }));
    }
    let length = flight.length();
    let coding = match ex.heads.request.version {
        Version::Http11 if length.is_none() => Coding::Chunked,
        _ => Coding::Plain,
    };
    // Without either, the end of the connection is that of the body.
    let delimited = length.is_some() || coding == Coding::Chunked;
    let keep = delimited && hit::keeps_client(ex);
    let mut head = Scratch::take();
    hit::write_whole(ex, object, &report, (length, coding), keep, &mut head);
    ex.tally.status = object.status;
    ex.tally.cache = Some(report.outcome);
    let reader = flight.reader();
    Ok(Station::Join(Join {
        reader,
        head,
        coding,
        keep,
    }))
}

/// Answers, and ends the exchange.
pub(crate) async fn send(ex: &mut Exchange<'_>, join: Join) -> Station {
    let keep = join.keep;
    if let Err(reason) = pass_on(ex, join).await {
        ex.tally.reason = Some(reason);
        return Station::Finish(Next::Abort);
    }
    Station::Finish(match (keep, ex.is_fully_received()) {
        (true, _) => Next::Keep,
        (false, true) => ex.farewell(),
        (false, false) => Next::Linger,
    })
}

/// Sends the head with what of the body is there, and then the rest as it comes.
async fn pass_on(ex: &mut Exchange<'_>, join: Join) -> Result<(), Reason> {
    let Join {
        reader,
        mut head,
        coding,
        ..
    } = join;
    let mut taken = 0;
    let mut portion = reader.first();
    loop {
        let Portion { data, last } = portion;
        taken += data.len();
        deliver(ex, &reader, frame(head, data, last, None, coding)).await?;
        ex.tally.bytes_out = taken as u64;
        if last || is_in_vain(ex, &reader) {
            return Ok(());
        }
        portion = in_time(ex, &reader, taken).await?;
        head = match coding {
            Coding::Chunked => Scratch::take(),
            Coding::Plain => Scratch::none(),
        };
    }
}

/// Whether nobody reads it, and it is not to be stored either.
fn is_in_vain(ex: &mut Exchange<'_>, reader: &Reader) -> bool {
    let in_vain = ex.conn.client.is_nobody() && reader.has_outgrown();
    if let (true, Some(asked)) = (in_vain, &mut ex.asked) {
        asked.report.stored = false;
    }
    in_vain
}

/// What comes behind the first `taken` bytes, while the client is there to have it.
async fn in_time(ex: &Exchange<'_>, reader: &Reader, taken: usize) -> Result<Portion, Reason> {
    let next = unless_gone(&ex.conn.client, reader.next(taken));
    let next = ex.within(next).await?;
    next.ok_or(Reason::ClientGone)?
}

async fn deliver(ex: &mut Exchange<'_>, reader: &Reader, out: Outgoing) -> Result<(), Reason> {
    let client = &ex.conn.client;
    client.set_send_limit(Some(ex.epoch.plan.timeouts.send));
    ex.tally.answered = true;
    let sending = reader.unless_cut(client.send(out));
    ex.within(sending).await??.map_err(why_unsent)
}
