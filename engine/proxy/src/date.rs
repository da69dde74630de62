//! The text of `Date`, made anew once a second.

use ringfence_http::date::write_http_date;
use ringfence_io::unix_now;

/// An HTTP date that keeps up with the clock.
#[derive(Default)]
pub(crate) struct DateText {
    second: u64,
    text: Vec<u8>,
}

impl DateText {
    /// Brings the text up to date.
    pub(crate) fn refresh(&mut self) {
        let second = unix_now().as_secs();
        if self.second != second {
            self.second = second;
            self.text.clear();
            write_http_date(second, &mut self.text);
        }
    }

    /// The date as RFC 9110 section 5.6.7 has it.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}
