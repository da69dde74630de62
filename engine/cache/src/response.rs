//! What an origin orders in Cache-Control (RFC 9111 section 5.2.2, RFC 5861, RFC 8246).

use ringfence_http::syntax::{is_token, list_members};

use crate::directives::{Directive, Directives};
use crate::seconds::Seconds;

/// Fields that a directive may name; one that names more is about all of the response.
const MOST_FIELDS: usize = 32;

/// How much of a response a directive is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// It was not sent.
    #[default]
    Nothing,
    /// These fields, by their names in lower case.
    Fields(Vec<Vec<u8>>),
    /// All of it.
    All,
}

impl Scope {
    /// Adds what one more such directive is about. What does not read as field names means all.
    fn widen(&mut self, directive: &Directive<'_>) {
        let names = match directive.value {
            Some(value) if directive.sound => list_members(value),
            _ => return *self = Self::All,
        };
        let mut fields = match std::mem::replace(self, Self::All) {
            Self::All => return,
            Self::Fields(fields) => fields,
            Self::Nothing => Vec::new(),
        };
        for name in names {
            if !is_token(name) || fields.len() == MOST_FIELDS {
                return;
            }
            fields.push(name.to_ascii_lowercase());
        }
        if !fields.is_empty() {
            *self = Self::Fields(fields);
        }
    }

    /// Whether it is about a field; the name is compared without regard to case.
    #[must_use]
    pub fn names(&self, field: &[u8]) -> bool {
        matches!(self, Self::Fields(fields) if fields.iter().any(|name| name.eq_ignore_ascii_case(field)))
    }
}

/// The directives of a response. Where one forbids, a mistake in how it is written changes nothing; where one allows, it
/// is ignored if it is not as the grammar has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseControl {
    /// `no-store`
    pub no_store: bool,
    /// `no-cache`, for all or for some fields.
    pub no_cache: Scope,
    /// `private`, for all or for some fields.
    pub private: Scope,
    /// `must-revalidate`
    pub must_revalidate: bool,
    /// `proxy-revalidate`
    pub proxy_revalidate: bool,
    /// `must-understand`
    pub must_understand: bool,
    /// `public`
    pub public: bool,
    /// `immutable`
    pub immutable: bool,
    /// `max-age`
    pub max_age: Seconds,
    /// `s-maxage`
    pub s_maxage: Seconds,
    /// `stale-while-revalidate`
    pub stale_while_revalidate: Seconds,
    /// `stale-if-error`
    pub stale_if_error: Seconds,
    /// They are from a field that is meant for us: then Expires does not count either (RFC 9213 section 2.1).
    pub targeted: bool,
}

impl ResponseControl {
    /// What lines of Cache-Control say.
    pub fn of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut control = Self::default();
        for directive in lines.flat_map(Directives::of) {
            control.take(&directive);
        }
        control
    }

    /// Takes note of one directive; one that is not known changes nothing.
    pub(crate) fn take(&mut self, directive: &Directive<'_>) {
        let allows = directive.sound && directive.value.is_none();
        let seconds = directive.seconds();
        if directive.is("no-store") {
            self.no_store = true;
        } else if directive.is("no-cache") {
            self.no_cache.widen(directive);
        } else if directive.is("private") {
            self.private.widen(directive);
        } else if directive.is("must-revalidate") {
            self.must_revalidate = true;
        } else if directive.is("proxy-revalidate") {
            self.proxy_revalidate = true;
        } else if directive.is("must-understand") {
            self.must_understand |= allows;
        } else if directive.is("public") {
            self.public |= allows;
        } else if directive.is("immutable") {
            self.immutable |= allows;
        } else if directive.is("max-age") {
            self.max_age.take_first(seconds);
        } else if directive.is("s-maxage") {
            self.s_maxage.take_first(seconds);
        } else if directive.is("stale-while-revalidate") {
            self.stale_while_revalidate.take_first(seconds);
        } else if directive.is("stale-if-error") {
            self.stale_if_error.take_first(seconds);
        }
    }

    /// Whether it says for how long it is fresh.
    pub(crate) fn gives_age(&self) -> bool {
        self.max_age != Seconds::Absent || self.s_maxage != Seconds::Absent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> ResponseControl {
        ResponseControl::of(lines.iter().map(|line| line.as_bytes()))
    }

    fn fields(names: &[&str]) -> Scope {
        Scope::Fields(names.iter().map(|name| name.as_bytes().to_vec()).collect())
    }

    #[test]
    fn all_directives_in_any_case_and_on_any_line() {
        let read = read(&[
            "No-Store, NO-CACHE, private, must-revalidate, proxy-revalidate, must-understand",
            "no-transform, public, immutable, max-age=1, s-maxage=\"2\", stale-while-revalidate=3, x=4",
            "stale-if-error=5",
        ]);
        let want = ResponseControl {
            no_store: true,
            no_cache: Scope::All,
            private: Scope::All,
            must_revalidate: true,
            proxy_revalidate: true,
            must_understand: true,
            public: true,
            immutable: true,
            max_age: Seconds::Of(1),
            s_maxage: Seconds::Of(2),
            stale_while_revalidate: Seconds::Of(3),
            stale_if_error: Seconds::Of(5),
            targeted: false,
        };
        assert_eq!(read, want);
    }

    #[test]
    fn mistakes_fail_safe() {
        assert!(read(&["no-store=1"]).no_store);
        assert!(read(&["x=\"open, no-store"]).no_store);
        assert!(!read(&["public=1"]).public && !read(&["must-understand=\"\""]).must_understand);
        for odd in [
            "max-age",
            "max-age=",
            "max-age =5",
            "max-age=5s",
            "max-age=-5",
            "max-age='5'",
        ] {
            assert_eq!(read(&[odd]).max_age, Seconds::Invalid, "{odd}");
        }
    }

    #[test]
    fn the_first_of_several_counts() {
        assert_eq!(read(&["max-age=1, max-age=1800"]).max_age, Seconds::Of(1));
        assert_eq!(
            read(&["max-age=x", "max-age=1800"]).max_age,
            Seconds::Invalid
        );
    }

    #[test]
    fn scopes_add_up() {
        assert_eq!(
            read(&["private=\"Set-Cookie, a\", private=b"]).private,
            fields(&["set-cookie", "a", "b"])
        );
        for all in [
            "private=\"a\", private",
            "private, private=\"a\"",
            "private=\"\"",
            "private=\",\"",
            "private=\"a b\"",
            "private=\"\\a\"",
            "private=\"a",
            "private= a",
        ] {
            assert_eq!(read(&[all]).private, Scope::All, "{all}");
        }
        assert!(read(&["no-cache=\"A\""]).no_cache.names(b"a"));
        assert!(!read(&["no-cache"]).no_cache.names(b"a"));
    }
}
