//! Finish: counts the exchange and writes its log record.

use ringfence_io::now;
use ringfence_telemetry::Fetched;

use crate::cache::Served;
use crate::client::Client;
use crate::exchange::Exchange;
use crate::journal;

/// Ends an exchange.
pub(crate) fn close(ex: &mut Exchange<'_>) {
    let elapsed = now().saturating_sub(ex.tally.began);
    if let Some(rest) = &ex.rest {
        ex.tally.bytes_in = rest.borrow().received();
    }
    if let Client::Nobody(absent) = &ex.conn.client {
        absent.tell(|| fetched(ex));
        return;
    }
    journal::count(ex, elapsed);
    journal::write(ex, elapsed);
}

/// What became of a request that was made for the store.
fn fetched(ex: &Exchange<'_>) -> Fetched {
    let report = ex.asked.as_ref().map(|asked| &asked.report);
    let served = ex.tally.cache.map(Served::word);
    Fetched {
        status: ex.tally.status,
        cache: served.map(|word| String::from_utf8_lossy(word).into_owned()),
        stored: report.is_some_and(|report| report.stored),
        reason: ex.tally.reason.map(|reason| reason.word().to_owned()),
    }
}
