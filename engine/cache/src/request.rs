//! What a client asks of caches (RFC 9111 sections 5.2.1 and 5.4).

use ringfence_http::Name;

use crate::directives::{Directive, Directives};
use crate::head::Head;
use crate::seconds::Seconds;

/// How stale a response a client takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxStale {
    /// It did not say that it takes any.
    #[default]
    No,
    /// By so many seconds.
    Seconds(u32),
    /// However stale.
    Any,
}

/// The directives of a request. A count that is no number asks for the most that it could.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestControl {
    /// `no-store`
    pub no_store: bool,
    /// `no-cache`, or `Pragma: no-cache` without any Cache-Control.
    pub no_cache: bool,
    /// `only-if-cached`
    pub only_if_cached: bool,
    /// `max-age`: the response is to be no older.
    pub max_age: Option<u32>,
    /// `min-fresh`: the response is to stay fresh for as long.
    pub min_fresh: Option<u32>,
    /// `max-stale`
    pub max_stale: MaxStale,
}

impl RequestControl {
    /// What a request says.
    #[must_use]
    pub fn of(request: Head<'_>) -> Self {
        let mut control = Self::default();
        if !request.has(Name::CacheControl) {
            let mut pragma = request.values(Name::Pragma).flat_map(Directives::of);
            control.no_cache = pragma.any(|member| member.is("no-cache"));
            return control;
        }
        for directive in request.values(Name::CacheControl).flat_map(Directives::of) {
            control.take(&directive);
        }
        control
    }

    fn take(&mut self, directive: &Directive<'_>) {
        let seconds = directive.seconds();
        if directive.is("no-store") {
            self.no_store = true;
        } else if directive.is("no-cache") {
            self.no_cache = true;
        } else if directive.is("only-if-cached") {
            self.only_if_cached = true;
        } else if directive.is("max-age") {
            self.max_age = self.max_age.or(seconds.with_invalid_as(0));
        } else if directive.is("min-fresh") {
            self.min_fresh = self.min_fresh.or(seconds.with_invalid_as(u32::MAX));
        } else if directive.is("max-stale") && self.max_stale == MaxStale::No {
            self.max_stale = match (directive.value, seconds) {
                (None, _) if directive.sound => MaxStale::Any,
                (_, Seconds::Of(seconds)) => MaxStale::Seconds(seconds),
                _ => MaxStale::No,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use ringfence_http::{HeadLimits, RequestHead};

    use super::*;

    fn read(fields: &str) -> RequestControl {
        let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut head = RequestHead::new();
        let parsed = head.parse(bytes.as_bytes(), &HeadLimits::default());
        parsed.expect("sound").expect("whole");
        RequestControl::of(Head {
            fields: &head.fields,
            bytes: bytes.as_bytes(),
        })
    }

    #[test]
    fn all_directives() {
        let line = "Cache-Control: no-store, No-Cache, no-transform, only-if-cached\r\n\
                    Cache-Control: max-age=1, min-fresh=2, max-stale=3, x\r\n";
        let want = RequestControl {
            no_store: true,
            no_cache: true,
            only_if_cached: true,
            max_age: Some(1),
            min_fresh: Some(2),
            max_stale: MaxStale::Seconds(3),
        };
        assert_eq!(read(line), want);
        assert_eq!(read(""), RequestControl::default());
    }

    #[test]
    fn mistakes_fail_safe() {
        assert_eq!(read("Cache-Control: max-age=x\r\n").max_age, Some(0));
        assert_eq!(
            read("Cache-Control: min-fresh\r\n").min_fresh,
            Some(u32::MAX)
        );
        assert_eq!(
            read("Cache-Control: max-stale=x\r\n").max_stale,
            MaxStale::No
        );
        assert_eq!(
            read("Cache-Control: max-stale\r\n").max_stale,
            MaxStale::Any
        );
    }

    #[test]
    fn pragma_counts_where_there_is_no_cache_control() {
        assert!(read("Pragma: x, No-Cache\r\n").no_cache);
        assert!(!read("Pragma: no-cache\r\nCache-Control: max-age=9\r\n").no_cache);
        assert!(!read("Pragma: x\r\n").no_cache);
    }
}
