//! What a shared cache may do (RFC 9111, RFC 5861, RFC 9213), told from what an origin means to say rather than from what
//! it writes: slow, obvious, and with no function in common with the product. Times are in seconds.

/// Seconds by which an age may be told too low: three clocks that tell whole seconds have a part in it.
pub(crate) const GRAIN: f64 = 2.0;

/// Seconds for which a stale response may stand in for an origin that gives no answer, where nobody has said how long.
const GONE: f64 = 600.0;

/// What an origin says of a response's caching.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Said {
    /// In CDN-Cache-Control, beside a Cache-Control that says otherwise.
    pub(crate) targeted: bool,
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) private: bool,
    /// `private` or `no-cache` of the field `X-Secret` alone.
    pub(crate) secret: Option<&'static str>,
    pub(crate) public: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) s_maxage: Option<u64>,
    pub(crate) while_revalidate: Option<u64>,
    pub(crate) if_error: Option<u64>,
    /// Seconds after its Date; 0 for a date that cannot be read.
    pub(crate) expires: Option<u64>,
    pub(crate) dated: bool,
    pub(crate) tagged: bool,
    pub(crate) modified: bool,
    pub(crate) sets_cookie: bool,
    /// `Vary: *`
    pub(crate) varies_always: bool,
    /// Which of the request's fields Vary names.
    pub(crate) vary: [bool; 4],
}

/// What a route says of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules {
    pub(crate) ttl: Option<u64>,
    pub(crate) ignore: bool,
    pub(crate) while_revalidate: Option<u64>,
    pub(crate) if_error: Option<u64>,
    pub(crate) serve_stale: Option<u64>,
    pub(crate) per_user: bool,
    pub(crate) keys_kind: bool,
    pub(crate) drops_query: bool,
    pub(crate) min_uses: bool,
    pub(crate) max_object: Option<usize>,
    /// All hosts are answered with the same.
    pub(crate) shares_hosts: bool,
    /// What can be made shorter is coded for clients who take that.
    pub(crate) compresses: bool,
}

/// What a client says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Wants {
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) min_fresh: Option<u64>,
    /// Any is a number that nothing exceeds.
    pub(crate) max_stale: Option<u64>,
}

/// How old and how lasting a stored response is at least, when a request looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aged {
    pub(crate) age: f64,
    pub(crate) lifetime: f64,
}

impl Said {
    /// What counts of it on a route; `personal` where the request's user has a cache of their own.
    pub(crate) fn in_force(&self, rules: &Rules, status: u16, personal: bool) -> Self {
        let mut said = self.clone();
        let by_default = matches!(
            status,
            200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
        );
        let ttl = rules.ttl.filter(|_| by_default);
        if said.targeted {
            said.expires = None;
        }
        if rules.ignore {
            said = Self {
                no_store: ttl.is_none(),
                targeted: true,
                dated: self.dated,
                tagged: self.tagged,
                modified: self.modified,
                sets_cookie: self.sets_cookie,
                varies_always: self.varies_always,
                vary: self.vary,
                ..Self::default()
            };
        }
        // What has to be asked about in whole has no field that must not be sent without asking.
        said.secret = said
            .secret
            .filter(|word| *word != "no-cache" || !said.no_cache);
        if personal {
            said.private = false;
            said.secret = said.secret.filter(|word| *word != "private");
            said.public = true;
        }
        if !said.gives_age() {
            said.max_age = ttl;
        }
        said.while_revalidate = said.while_revalidate.or(rules.while_revalidate);
        said.if_error = said.if_error.or(rules.if_error);
        said
    }

    pub(crate) fn gives_age(&self) -> bool {
        self.max_age.is_some() || self.s_maxage.is_some() || self.expires.is_some()
    }

    fn may_be_guessed(&self, status: u16) -> bool {
        self.public || matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 410)
    }

    /// Whether it may be kept, by section 3, where it is in force; `authorized` where the request has credentials.
    pub(crate) fn storable(&self, status: u16, authorized: bool) -> bool {
        let forbidden = self.no_store && !self.must_understand
            || self.private
            || self.varies_always
            || authorized && !(self.public || self.must_revalidate || self.s_maxage.is_some());
        let useful =
            self.gives_age() || self.may_be_guessed(status) && (self.tagged || self.modified);
        !forbidden && useful
    }

    /// Seconds for which it is fresh, where it is in force and was last modified so long before its date.
    pub(crate) fn lifetime(&self, status: u16, unchanged: f64) -> f64 {
        let given = self.s_maxage.or(self.max_age).or(self.expires);
        match given {
            Some(seconds) => seconds as f64,
            None if self.modified && self.may_be_guessed(status) => {
                (unchanged / 10.0).min(86_400.0)
            }
            None => 0.0,
        }
    }

    /// Whether it is not to be used stale without asking (section 4.2.4).
    fn insists(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate || self.s_maxage.is_some() || self.no_cache
    }

    /// Whether it may answer as fresh.
    pub(crate) fn is_fresh_for(&self, wants: &Wants, aged: Aged) -> bool {
        !self.has_to_be_asked(wants, aged) && aged.age < aged.lifetime
    }

    /// Whether it may answer stale because the client takes that.
    pub(crate) fn is_taken_stale(&self, wants: &Wants, aged: Aged) -> bool {
        let most = wants.max_stale.map(|most| most as f64);
        let taken = most.is_some_and(|most| aged.age - aged.lifetime <= most);
        taken && !self.has_to_be_asked(wants, aged) && !self.insists()
    }

    /// Whether it may answer stale while it is asked for anew.
    pub(crate) fn may_be_refreshed_behind(&self, wants: &Wants, aged: Aged) -> bool {
        let within = self.while_revalidate.map(|most| most as f64);
        let within = within.is_some_and(|most| aged.age - aged.lifetime < most);
        within && !self.has_to_be_asked(wants, aged) && !self.insists()
    }

    /// Whether it may stand in for an origin that fails, or gives no answer; `softly` where a soft purge made it stale.
    pub(crate) fn may_stand_in(
        &self,
        rules: &Rules,
        aged: Aged,
        answered: bool,
        softly: bool,
    ) -> bool {
        let by = aged.age - aged.lifetime;
        let within = |most: Option<u64>| most.is_some_and(|most| by < most as f64);
        let allowed = within(self.if_error) || !answered && by < GONE || softly && by < 0.0;
        within(rules.serve_stale) || allowed && !self.insists()
    }

    fn has_to_be_asked(&self, wants: &Wants, aged: Aged) -> bool {
        let too_old = wants.max_age.is_some_and(|most| aged.age > most as f64);
        let left = (aged.lifetime - aged.age).max(0.0);
        let too_near = wants.min_fresh.is_some_and(|least| left < least as f64);
        wants.no_cache || self.no_cache || too_old || too_near
    }
}
