//! What every party of a cached run saw, and whether each answer was one that a cache may give.

use std::collections::BTreeMap;
use std::time::Duration;

use ringfence_http::Reason;
use ringfence_io::{now, unix_now};

use super::coded;
use super::model::{Aged, GRAIN, Said, Wants};
use super::parts::{self, Ranges};
use super::site::{FIELDS, KIND, Page, Selecting, USER};
use crate::wire::{Body, Head, noise};

/// When something happened: in which order, and at what time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) order: u64,
    pub(crate) at: Duration,
}

/// A client's request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: &'static str,
    pub(crate) page: Page,
    pub(crate) selecting: Selecting,
    /// Which of the ways to say what codings it takes it has.
    pub(crate) takes: Option<usize>,
    pub(crate) wants: Wants,
    pub(crate) if_none_match: Option<String>,
    pub(crate) if_modified_since: Option<u64>,
    pub(crate) range: Option<Ranges>,
    pub(crate) if_range: Option<String>,
    pub(crate) began: Mark,
    /// When its answer was there.
    pub(crate) ended: Option<Mark>,
    /// How often an origin got it.
    pub(crate) seen: u32,
    /// Its answer said that it was stored.
    pub(crate) stored: bool,
}

/// What an origin gave: an answer, or the word that one still holds.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) request: u64,
    pub(crate) page: Page,
    pub(crate) status: u16,
    pub(crate) said: Said,
    pub(crate) content: u64,
    pub(crate) len: usize,
    pub(crate) tag: Option<u64>,
    /// Its Date, and when it last changed, in seconds since 1970.
    pub(crate) date: u64,
    pub(crate) changed: u64,
    /// What it says in Age.
    pub(crate) age: u64,
    /// Its end can be told from a connection that broke.
    pub(crate) has_end: bool,
    /// Another page that it names in Location.
    pub(crate) names: Option<Page>,
    pub(crate) seen: Mark,
    /// When all of it was sent.
    pub(crate) sent: Option<Mark>,
}

/// What a purge covers.
#[derive(Debug, Clone)]
pub(crate) enum Cover {
    All,
    Page(Page),
    /// All of one place, or what of it one host's requests may be answered with.
    Place(usize, Option<usize>),
    /// All that one host's requests may be answered with.
    Host(usize),
    /// A tag that origins give.
    Tag(u64),
}

/// A purge, or a request that changes something.
#[derive(Debug, Clone)]
struct Purged {
    covers: Cover,
    /// What was asked for before is covered.
    before: u64,
    /// Requests that begin after it are not answered with that.
    since: u64,
    soft: bool,
}

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) asked: BTreeMap<u64, Asked>,
    given: BTreeMap<u64, Given>,
    purges: Vec<Purged>,
    contents: BTreeMap<(Page, u64, Selecting), u64>,
    order: u64,
    next: u64,
    /// Nothing goes wrong in the run: all is answered, and what can be is from the cache.
    pub(crate) calm: bool,
    /// No request is to begin; how many are under way.
    pub(crate) holds: bool,
    pub(crate) under_way: usize,
    /// How often the clock has leapt.
    pub(crate) leaps: u32,
    pub(crate) broken: Option<String>,
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Asked {
    fn user(&self) -> Option<u64> {
        self.selecting[USER]
    }

    fn personal(&self) -> bool {
        self.page.rules().per_user && self.user().is_some()
    }
}

impl Cover {
    fn covers(&self, given: &Given) -> bool {
        match self {
            Self::All => true,
            Self::Page(page) => page.key() == given.page.key(),
            Self::Place(place, host) => {
                *place == given.page.place && host.is_none_or(|host| is_for(host, given))
            }
            Self::Host(host) => is_for(*host, given),
            Self::Tag(tag) => given.tag == Some(*tag),
        }
    }
}

/// Whether requests of a host may be answered with it.
fn is_for(host: usize, given: &Given) -> bool {
    given.page.host == host || given.page.rules().shares_hosts
}

impl Book {
    pub(crate) fn new(calm: bool) -> Self {
        Self {
            calm,
            ..Self::default()
        }
    }

    pub(crate) fn mark(&mut self) -> Mark {
        self.order += 1;
        Mark {
            order: self.order,
            at: now(),
        }
    }

    pub(crate) fn fail(&mut self, why: String) {
        self.broken.get_or_insert(why);
    }

    pub(crate) fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// Enters a request that is about to be sent; gives its number.
    pub(crate) fn ask(&mut self, asked: Asked) -> u64 {
        self.next += 1;
        self.under_way += 1;
        self.asked.insert(self.next, asked);
        self.next
    }

    /// A request is over, answered or not.
    pub(crate) fn end(&mut self, id: u64) {
        let mark = self.mark();
        self.under_way -= 1;
        let asked = self.asked.get_mut(&id).expect("it was asked");
        asked.ended = Some(mark);
    }

    /// An origin got a request.
    pub(crate) fn saw(&mut self, head: &Head) -> Option<(u64, Mark)> {
        let mark = self.mark();
        let id = head.number("x-id")?;
        let asked = self.asked.get_mut(&id)?;
        asked.seen += 1;
        let mut words = head.line.split(' ');
        let host = head.get("host").unwrap_or_default();
        let of = |target| Page::of(target, host);
        let (method, target) = (words.next(), words.next().and_then(of));
        let method_fits = method == Some(asked.method);
        if !method_fits || target != Some(asked.page) {
            self.fail(format!("request {id} came as {head:?}"));
        }
        Some((id, mark))
    }

    /// The number of what a page has at a version, for requests that are alike in what it depends on.
    pub(crate) fn content(&mut self, page: Page, version: u64, selecting: Selecting) -> u64 {
        let next = self.next + 1;
        let content = *self
            .contents
            .entry((page.key(), version, selecting))
            .or_insert(next);
        self.next = self.next.max(content);
        content
    }

    /// A number of its own.
    pub(crate) fn fresh_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn give(&mut self, given: Given) -> u64 {
        self.next += 1;
        self.given.insert(self.next, given);
        self.next
    }

    /// Everything that was asked for before `before` and is covered is not to be answered with from now on.
    pub(crate) fn purge(&mut self, covers: Cover, before: u64, soft: bool) {
        let since = self.mark().order;
        self.purges.push(Purged {
            covers,
            before,
            since,
            soft,
        });
    }

    /// A request that changes something was answered.
    fn changed(&mut self, id: u64, head: &Head) {
        let serial = head.number("x-serial");
        let Some(given) = serial.and_then(|serial| self.given.get(&serial)).cloned() else {
            return;
        };
        let safe = matches!(self.asked[&id].method, "GET" | "HEAD");
        if safe || given.status >= 400 {
            return;
        }
        for page in [Some(given.page), given.names].into_iter().flatten() {
            self.purge(Cover::Page(page), given.seen.order, false);
        }
    }

    /// Something of a page that a client may already have.
    pub(crate) fn known(&self, page: Page) -> Option<&Given> {
        let mut all = self.given.values().rev();
        all.find(|given| given.page == page && given.status == 200)
    }

    /// A client got an answer.
    pub(crate) fn judge(&mut self, id: u64, head: &Head, status: u16, body: &Body) {
        let plain = coded::plain(&self.asked[&id], head, body);
        let verdict = match &plain {
            Ok(plain) => self.verdict(id, head, status, plain.as_ref().unwrap_or(body)),
            Err(why) => Err(why.clone()),
        };
        self.changed(id, head);
        let asked = self.asked[&id].clone();
        match verdict {
            Ok(word) => {
                if head.get("content-encoding").is_some() {
                    self.count(&format!("coded {word}"));
                }
                let serial = head.number("x-serial");
                let given = serial.and_then(|serial| self.given.get(&serial));
                if given.is_some_and(|given| given.page.host != asked.page.host) {
                    self.count(&format!("{word} of another host"));
                }
                self.count(&word);
                self.count(&format!("status {status}"));
            }
            Err(why) => {
                let cut = body.cut;
                let serials = ["x-serial", "x-refreshed"].map(|name| head.number(name));
                let given = serials.map(|serial| serial.map(|serial| self.given.get(&serial)));
                let why = format!(
                    "request {id} {asked:?}\ngot {why}: {head:?}, {} bytes, cut: {cut:?}\nfrom {given:?}",
                    body.bytes.len()
                );
                self.fail(why);
            }
        }
    }

    fn verdict(
        &mut self,
        id: u64,
        head: &Head,
        status: u16,
        body: &Body,
    ) -> Result<String, String> {
        let how = head.get("x-cache").unwrap_or("none").to_owned();
        let said = head.get("cache-status").unwrap_or_default();
        self.asked.get_mut(&id).expect("it was asked").stored = said.contains("; stored");
        let asked = &self.asked[&id];
        let of = |name| head.number(name).map(|serial| self.given.get(&serial));
        let (answer, renewed) = match (of("x-serial"), of("x-refreshed")) {
            (None, None) => return self.own_verdict(asked, status, body),
            (Some(None), _) | (_, Some(None)) => return Err("what no origin gave".to_owned()),
            (None, Some(Some(renewed))) => return passed_on(asked, id, renewed, status),
            (Some(Some(answer)), renewed) => (answer, renewed.flatten()),
        };
        let last = renewed.unwrap_or(answer);
        parts::fit(
            asked,
            answer,
            last,
            head,
            status,
            body,
            how != "MISS" && answer.request != id,
        )?;
        if answer.page.key() != asked.page.key() {
            return Err("another page".to_owned());
        }
        if answer.request == id && renewed.is_none() {
            self.must_have_been_stored(id, asked, answer, said, &how)?;
            return Ok(format!("own {how}"));
        }
        if !matches!(asked.method, "GET" | "HEAD") {
            return Err("a stored answer to a request that changes something".to_owned());
        }
        may_be_shared(asked, answer, &self.asked)?;
        // Who is given it as it comes sees it break off where its origin did; who has it already needs none of it.
        let is_part = answer.sent.is_none() || !answer.has_end;
        if is_part && body.cut.is_none() && status != 304 {
            return Err("what may be a part".to_owned());
        }
        if last.request != id {
            may_be_shared(asked, last, &self.asked)?;
        }
        let hides = last
            .said
            .in_force(asked.page.rules(), answer.status, asked.personal())
            .secret;
        if hides.is_some() && head.get("x-secret").is_some() && last.request != id {
            return Err("a field that was meant for another".to_owned());
        }
        if last.request == id {
            return Ok(format!("renewed {how}"));
        }
        self.may_be_answered_unasked(id, asked, answer, last, head, &how)?;
        let most = asked.page.rules().max_object.unwrap_or(usize::MAX);
        let word = match head.get("transfer-encoding") {
            Some(_) if answer.len > most => format!("{how} of what was not stored"),
            Some(_) => format!("{how} in chunks"),
            None => how,
        };
        Ok(word)
    }

    /// An answer of the proxy's own.
    fn own_verdict(&self, asked: &Asked, status: u16, body: &Body) -> Result<String, String> {
        let text = String::from_utf8_lossy(&body.bytes);
        let word = text.trim_end().rsplit(": ").next().unwrap_or_default();
        let named = Reason::ALL.iter().find(|reason| reason.word() == word);
        let is_head = asked.method == "HEAD" && status >= 400 || body.cut.is_some();
        let not_cached = status == 504 && asked.wants.only_if_cached;
        match named {
            _ if self.calm && !not_cached => Err("a refusal in calm weather".to_owned()),
            Some(reason) if reason.status() == status => Ok(format!("refused {word}")),
            _ if is_head => Ok("refused".to_owned()),
            _ => Err("what is no refusal".to_owned()),
        }
    }

    /// Holds an answer that no origin gave to this request against all that allows it.
    fn may_be_answered_unasked(
        &self,
        id: u64,
        asked: &Asked,
        answer: &Given,
        last: &Given,
        head: &Head,
        how: &str,
    ) -> Result<(), String> {
        let rules = asked.page.rules();
        let said = last.said.in_force(rules, answer.status, asked.personal());
        let (aged, oldest) = self.aged(asked, answer, last, &said);
        let told = head.number("age").ok_or("a stored answer without an age")? as f64;
        if told < aged.age.floor() || told > oldest.ceil() {
            return Err(format!("a wrong age, not within {} and {oldest}", aged.age));
        }
        let softly = self.purged(asked, last)?;
        let detail = head.get("cache-status").unwrap_or_default();
        let allowed = match how {
            "HIT" => !softly && said.is_fresh_for(&asked.wants, aged),
            "UPDATING" => !softly && said.may_be_refreshed_behind(&asked.wants, aged),
            "STALE" if detail.contains("detail=error") => {
                let failed = |given: &&Given| given.request == id && given.status >= 500;
                self.given.values().any(|given| failed(&given))
                    && said.may_stand_in(rules, aged, true, softly)
            }
            "STALE" if detail.contains("detail=unreachable") => {
                !self.calm && said.may_stand_in(rules, aged, false, softly)
            }
            "STALE" => !softly && said.is_taken_stale(&asked.wants, aged),
            _ => false,
        };
        if how == "HIT" && detail.contains("; hit") && asked.seen > 0 {
            return Err("the claim that no origin was asked".to_owned());
        }
        match allowed {
            true => Ok(()),
            false => Err(format!("{how}, which nothing allows ({aged:?}, {said:?})")),
        }
    }

    /// The least that a stored answer's age and staleness can have been when it was looked at, and the most that the age
    /// can.
    fn aged(&self, asked: &Asked, answer: &Given, last: &Given, said: &Said) -> (Aged, f64) {
        let sent = last.sent.map_or(last.seen.at, |sent| sent.at);
        let looked = asked.began.at.max(sent);
        let by_clock = |at: Duration, from: Duration| at.saturating_sub(from).as_secs_f64();
        let since_epoch = unix_now().saturating_sub(now());
        let by_date = |at: Duration| match said.dated {
            true => (since_epoch + at).as_secs_f64() - last.date as f64,
            false => 0.0,
        };
        let told = last.age as f64;
        let least = by_date(looked).max(told + by_clock(looked, last.seen.at)) - GRAIN;
        let leader = self.asked[&last.request].began.at;
        let most = by_date(now()).max(told + by_clock(now(), leader)) + GRAIN;
        // What has no date is taken to be of when it came.
        let dated = if said.dated {
            last.date as f64
        } else {
            (since_epoch + sent).as_secs_f64()
        };
        let unchanged = (dated - last.changed as f64).max(0.0);
        let late = (dated - last.date as f64).max(0.0) as u64;
        let expires = said.expires.map(|seconds| seconds.saturating_sub(late));
        let said = Said {
            expires,
            ..said.clone()
        };
        let lifetime = said.lifetime(answer.status, unchanged);
        let aged = Aged {
            age: least.max(0.0),
            lifetime,
        };
        (aged, most)
    }

    /// Whether a purge has made it stale.
    ///
    /// # Errors
    /// When it is gone.
    fn purged(&self, asked: &Asked, last: &Given) -> Result<bool, String> {
        let covers = |purge: &&Purged| {
            last.seen.order < purge.before
                && purge.since < asked.began.order
                && purge.covers.covers(last)
        };
        match self
            .purges
            .iter()
            .filter(covers)
            .max_by_key(|purge| !purge.soft)
        {
            None => Ok(false),
            Some(purge) if purge.soft => Ok(true),
            Some(purge) => Err(format!("what was purged by {purge:?}")),
        }
    }

    /// In calm weather, what may be kept is, and answers the next who asks for the same.
    fn must_have_been_stored(
        &self,
        id: u64,
        asked: &Asked,
        answer: &Given,
        status: &str,
        how: &str,
    ) -> Result<(), String> {
        let plain =
            asked.wants == Wants::default() && asked.range.is_none() && asked.method == "GET";
        let rules = asked.page.rules();
        if !self.calm || !plain || rules.min_uses {
            return Ok(());
        }
        let kept = may_be_shared(asked, answer, &self.asked).is_ok()
            && rules.max_object.is_none_or(|most| answer.len <= most);
        let since = asked.began.order;
        let purged = self
            .purges
            .iter()
            .any(|purge| purge.since > since && purge.covers.covers(answer));
        if kept && !purged && !status.contains("; stored") && status.contains("miss") {
            return Err(format!("{how}, and was not stored"));
        }
        match self.stored_for(id, asked) {
            Some(stored) => Err(format!("{how}, although this was stored: {stored:?}")),
            None => Ok(()),
        }
    }

    /// What must have been stored, is fresh and selected, when a request began.
    fn stored_for(&self, id: u64, asked: &Asked) -> Option<&Given> {
        let same = |given: &&Given| given.page.key() == asked.page.key() && given.request != id;
        let last = self.given.values().rfind(same)?;
        let owner = &self.asked[&last.request];
        // What one worker has stored is on its way to the others for a moment.
        let over = owner
            .ended
            .is_some_and(|mark| mark.at + Duration::from_millis(5) < asked.began.at);
        let untouched = self
            .purges
            .iter()
            .all(|purge| purge.since < owner.began.order);
        // The length of what comes in chunks is not known when it is said to be stored.
        let most = last.page.rules().max_object;
        let fits = most.is_none_or(|most| last.len <= most);
        // A key has a field as it was written.
        let spelt_alike = !asked.page.rules().keys_kind || asked.selecting[KIND] != Some(0);
        // Of answers that are on their way at once, the one that comes last stays.
        let alone = self.asked.values().all(|other| {
            let apart = other.page.key() != asked.page.key();
            let before = |one: &Asked, then: &Asked| {
                one.ended.is_some_and(|mark| mark.order < then.began.order)
            };
            let itself = std::ptr::eq(other, owner) || std::ptr::eq(other, asked);
            apart || itself || before(other, owner) || before(owner, other)
        });
        // Whoever is told late that a request has changed something may have named the page in it.
        let changing = self.asked.values().any(|other| {
            let since = owner.began.order;
            let late = other.ended.is_none_or(|mark| mark.order > since);
            late && !matches!(other.method, "GET" | "HEAD")
        });
        if !(alone
            && !changing
            && spelt_alike
            && owner.stored
            && fits
            && over
            && untouched
            && last.status < 300
            && last.status != 204)
        {
            return None;
        }
        may_be_shared(asked, last, &self.asked).ok()?;
        let said = last
            .said
            .in_force(asked.page.rules(), last.status, asked.personal());
        let (_, oldest) = self.aged(asked, last, last, &said);
        let (aged, _) = self.aged(asked, last, last, &said);
        // Tenths of an age are counted by the hundred.
        let age = oldest + 12.0;
        let aged = Aged { age, ..aged };
        said.is_fresh_for(&asked.wants, aged).then_some(last)
    }
}

/// A 304 that an origin gave to this very request, whose conditions it got.
fn passed_on(asked: &Asked, id: u64, given: &Given, status: u16) -> Result<String, String> {
    let conditional = asked.if_none_match.is_some() || asked.if_modified_since.is_some();
    match given.request == id && status == 304 && conditional {
        true => Ok("passed on 304".to_owned()),
        false => Err("the 304 of another".to_owned()),
    }
}

/// Whether what was given to one request may be given to another.
fn may_be_shared(asked: &Asked, given: &Given, all: &BTreeMap<u64, Asked>) -> Result<(), String> {
    let owner = &all[&given.request];
    let rules = asked.page.rules();
    if owner.method != "GET" {
        return Err("the answer to another method".to_owned());
    }
    let (personal, alike) = (owner.personal(), owner.user() == asked.user());
    if rules.per_user && !alike {
        return Err("what is another user's".to_owned());
    }
    if rules.keys_kind && owner.selecting[KIND] != asked.selecting[KIND] {
        return Err("what has another key".to_owned());
    }
    let said = given.said.in_force(rules, given.status, personal);
    if !said.storable(given.status, owner.user().is_some()) || owner.wants.no_store {
        return Err(format!("what may not be stored ({said:?})"));
    }
    let says_how_long = given
        .said
        .in_force(&super::model::Rules::default(), given.status, false);
    if given.said.sets_cookie && !personal && !says_how_long.gives_age() {
        return Err("what sets another's cookie".to_owned());
    }
    for (at, name) in FIELDS.iter().enumerate() {
        if given.said.vary[at] && owner.selecting[at] != asked.selecting[at] {
            return Err(format!("what was for another {name}"));
        }
    }
    Ok(())
}

/// The bytes of a content.
pub(crate) fn bytes_of(given: &Given) -> Vec<u8> {
    content(&given.page, given.content, given.len)
}

/// The same, by what they follow from: what is coded can be made shorter.
pub(crate) fn content(page: &Page, number: u64, len: usize) -> Vec<u8> {
    let mut bytes = noise(number, len);
    if page.rules().compresses {
        bytes
            .iter_mut()
            .for_each(|byte| *byte = b"noise"[usize::from(*byte % 5)]);
    }
    bytes
}
