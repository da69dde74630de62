//! Finish: counts the exchange, writes its log record, and says what the connection does next.

use ringfence_io::now;

use crate::exchange::{Exchange, Next};
use crate::journal;

/// Ends an exchange.
pub(crate) fn close(mut ex: Exchange<'_>, next: Next) -> Next {
    let elapsed = now().saturating_sub(ex.tally.began);
    if let Some(rest) = &ex.rest {
        ex.tally.bytes_in = rest.borrow().received();
    }
    if ex.conn.client.is_nobody() {
        return next;
    }
    journal::count(&ex, elapsed);
    journal::write(&ex, elapsed);
    next
}
