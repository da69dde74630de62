//! For how long a response is fresh, and how old it was when it came (RFC 9111 section 4.2).

use ringfence_http::Name;
use ringfence_http::syntax::list_members;

use crate::head::Head;
use crate::response::ResponseControl;
use crate::seconds::Seconds;

/// When a response's head was there.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Seconds since the request was sent.
    pub delay: u64,
    /// By the clock that ages are counted by and that is never set: seconds since the start of the process.
    pub came: u64,
    /// By the clock that dates are compared with: seconds since 1970.
    pub date: u64,
}

/// How the time is guessed for which a response is fresh that does not say (RFC 9111 section 4.2.2).
#[derive(Clone, Copy, Debug)]
pub struct Heuristic {
    /// Percent of the time since it was last modified.
    pub percent: u8,
    /// Seconds that are never exceeded.
    pub most: u32,
}

impl Default for Heuristic {
    /// A tenth of the time since the last change, and no more than a day.
    fn default() -> Self {
        Self {
            percent: 10,
            most: 86_400,
        }
    }
}

/// What says for how long a response is fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// `s-maxage`
    SMaxage,
    /// `max-age`
    MaxAge,
    /// Expires
    Expires,
    /// The time since it was last modified.
    Heuristic,
    /// Nothing: it is stale from the start.
    Nothing,
}

/// How fresh a stored response is, told once when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Seconds of age up to which it is fresh.
    pub lifetime: u64,
    /// Where that is from.
    pub basis: Basis,
    /// How many seconds old it was when it came.
    pub initial_age: u64,
    /// When it came, in seconds since the start of the process.
    pub came: u64,
}

impl Freshness {
    /// That of a response with `status`, which `control` is of.
    #[must_use]
    pub fn of(
        response: Head<'_>,
        status: u16,
        control: &ResponseControl,
        received: Received,
        heuristic: Heuristic,
    ) -> Self {
        let date = response.date(Name::Date);
        // A response without a good date is taken to be of when it came (RFC 9110 section 6.6.1).
        let dated = date.unwrap_or(received.date);
        let (lifetime, basis) = lifetime(response, status, control, dated, heuristic);
        Self {
            lifetime,
            basis,
            initial_age: initial_age(response, date, received),
            came: received.came,
        }
    }

    /// Its age at `now`, in seconds since the start of the process (RFC 9111 section 4.2.3).
    #[must_use]
    pub fn age(&self, now: u64) -> u64 {
        let resident = now.saturating_sub(self.came);
        self.initial_age.saturating_add(resident)
    }

    /// Seconds for which it stays fresh; 0 when it is stale.
    #[must_use]
    pub fn left(&self, now: u64) -> u64 {
        self.lifetime.saturating_sub(self.age(now))
    }

    /// Seconds since it has become stale, 0 at first; nothing while it is fresh. It is stale as soon as it is as old as its
    /// lifetime.
    #[must_use]
    pub fn staleness(&self, now: u64) -> Option<u64> {
        let age = self.age(now);
        (age >= self.lifetime).then(|| age - self.lifetime)
    }
}

/// Whether Expires counts: it is there, and no targeted field takes its place.
pub(crate) fn expires(response: Head<'_>, control: &ResponseControl) -> bool {
    response.has(Name::Expires) && !control.targeted
}

/// Whether a response may be taken to be fresh without saying so, by its status or because it is `public` (RFC 9110 section
/// 15.1, RFC 9111 section 4.2.2). A 206 is not among them: parts are not kept.
pub(crate) fn may_be_guessed(status: u16, control: &ResponseControl) -> bool {
    let by_status = matches!(
        status,
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    );
    by_status || control.public
}

fn lifetime(
    response: Head<'_>,
    status: u16,
    control: &ResponseControl,
    dated: u64,
    heuristic: Heuristic,
) -> (u64, Basis) {
    // What is no number counts as stale (section 4.2.1).
    let given = |seconds: Seconds| seconds.with_invalid_as(0).map(u64::from);
    if let Some(seconds) = given(control.s_maxage) {
        return (seconds, Basis::SMaxage);
    }
    if let Some(seconds) = given(control.max_age) {
        return (seconds, Basis::MaxAge);
    }
    if expires(response, control) {
        // A date that cannot be read, `0` above all, has passed (section 5.3).
        let until = response.date(Name::Expires).unwrap_or(0);
        return (until.saturating_sub(dated), Basis::Expires);
    }
    match response.date(Name::LastModified) {
        Some(modified) if may_be_guessed(status, control) => {
            let part = dated.saturating_sub(modified) / 100 * u64::from(heuristic.percent);
            (part.min(u64::from(heuristic.most)), Basis::Heuristic)
        }
        _ => (0, Basis::Nothing),
    }
}

fn initial_age(response: Head<'_>, date: Option<u64>, received: Received) -> u64 {
    let apparent = received.date.saturating_sub(date.unwrap_or(received.date));
    apparent.max(age_value(response).saturating_add(received.delay))
}

/// What Age says: the first member of what should be no list; 0 where that is no number (RFC 9111 section 5.1).
fn age_value(response: Head<'_>) -> u64 {
    let first = response.values(Name::Age).flat_map(list_members).next();
    match first.map(Seconds::parse) {
        Some(Seconds::Of(seconds)) => u64::from(seconds),
        _ => 0,
    }
}
