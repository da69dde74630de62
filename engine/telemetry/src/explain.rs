//! What would become of a request, and why.

mod text;

use serde::{Deserialize, Serialize};

/// What would become of a request. Each worker tells it as it sees it; [`Explanation::join`] makes one of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Explanation {
    /// Its method and URL.
    pub request: String,
    /// The route that takes it, if one does.
    pub route: Option<Taken>,
    /// The answer that it gets from us, where no server is asked and nothing stored is looked for.
    pub own: Option<Own>,
    /// What the cache has to do with it, where the route has one.
    pub cache: Option<Cached>,
    /// Which server it would go to, if it went to one.
    pub upstream: Option<Upstream>,
}

/// The route of a request, and what of it made the request match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Its name.
    pub name: String,
    /// Its place in the file, from 1.
    pub number: usize,
    /// The hosts that it is for; none where it is for any.
    pub hosts: Vec<String>,
    /// The path by which it matched.
    pub path: String,
    /// What the path has for each parameter.
    pub params: Vec<(String, String)>,
    /// The methods that it asks for; none where it takes any.
    pub methods: Vec<String>,
    /// The headers that it asks for, each with its value where one is asked for.
    pub headers: Vec<String>,
    /// The path that a server is asked for, where it is another.
    pub rewritten: Option<String>,
}

/// An answer of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// Its status.
    pub status: u16,
    /// The named reason of a refusal; none where the route orders the answer.
    pub reason: Option<String>,
    /// Where it sends the client.
    pub location: Option<String>,
    /// The methods that it says are allowed.
    pub allow: Option<String>,
}

/// What the cache has to do with a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cached {
    /// Why it passes by, if it does. Then there is nothing else to say.
    pub bypass: Option<String>,
    /// What its answer is stored under.
    pub key: Option<Key>,
    /// What is stored under the key, for this request and for others.
    pub stored: Vec<Stored>,
    /// How it would be answered on each worker.
    pub answers: Vec<Answer>,
    /// Whether it would share a fetch.
    pub fetch: Option<String>,
    /// Why nothing that came for it would be stored; none where that is up to what comes.
    pub not_kept: Option<String>,
    /// What the response has to be like to be stored, beyond what any has to be.
    pub kept_if: Vec<String>,
}

/// A key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The URL, as far as it counts.
    pub url: String,
    /// What counts beside the URL: what it is, and its value where the request has one.
    pub beside: Vec<(String, Option<String>)>,
    /// The worker that decides who fetches what is missing.
    pub home: usize,
}

/// A stored response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The workers that have it.
    pub workers: Vec<usize>,
    /// Whether the request selects it: it has in the fields of `vary` what the one had for which it was stored.
    pub selected: bool,
    /// The request fields that select it.
    pub vary: Vec<String>,
    /// Its status.
    pub status: u16,
    /// Bytes of its body.
    pub bytes: usize,
    /// Its entity tag.
    pub etag: Option<String>,
    /// Seconds since it was made.
    pub age: u64,
    /// Seconds for which it stays fresh; negative once it is stale.
    pub ttl: i64,
    /// Seconds for which it was to be fresh.
    pub lifetime: u64,
    /// What said so.
    pub basis: String,
    /// Whether a soft purge covers it.
    pub softly_purged: bool,
    /// Its tags, but for those of its URL and host.
    pub tags: Vec<String>,
}

/// How a request would be answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The workers on which it would be.
    pub workers: Vec<usize>,
    /// As `X-Cache` would say it; `REFUSED` where nothing would be asked for.
    pub outcome: String,
    /// Why a server would be asked (RFC 9211 section 2.2); none where it would not.
    pub forward: Option<String>,
    /// What more there is to say of it.
    pub why: String,
}

/// An upstream, and which of its servers the request would get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// How it picks a server.
    pub balance: String,
    /// What each worker would pick.
    pub picks: Vec<Pick>,
    /// Its servers.
    pub servers: Vec<Server>,
}

/// The server that a worker would pick.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    /// The workers that would.
    pub workers: Vec<usize>,
    /// The server's name; none where there is none to pick.
    pub server: Option<String>,
    /// What decided.
    pub why: String,
}

/// A server of an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// Its share of the requests, against the others' weights.
    pub weight: u32,
    /// Whether it is used only while no other can be.
    pub backup: bool,
    /// How it is: `up`, or what keeps requests from it.
    pub state: String,
}

impl Explanation {
    /// One explanation from those of the workers, by their indices. The key's home has the last word on what it alone knows.
    #[must_use]
    pub fn join(request: String, parts: Vec<(usize, Self)>) -> Self {
        let is_home = |(worker, part): &(usize, Self)| part.home() == Some(*worker);
        let first = parts.iter().position(is_home).unwrap_or(0);
        let Some((_, mut whole)) = parts.get(first).cloned() else {
            return Self {
                request,
                ..Self::default()
            };
        };
        whole.request = request;
        let others = parts.into_iter().enumerate();
        for (_, (_, part)) in others.filter(|(at, _)| *at != first) {
            whole.add(part);
        }
        whole
    }

    fn home(&self) -> Option<usize> {
        Some(self.cache.as_ref()?.key.as_ref()?.home)
    }

    fn add(&mut self, other: Self) {
        if let (Some(cache), Some(more)) = (&mut self.cache, other.cache) {
            let handed = cache.handed_over();
            for mut answer in more.answers {
                if let (Some(_), Some(handed)) = (&answer.forward, &handed) {
                    let workers = std::mem::take(&mut answer.workers);
                    answer = Answer {
                        workers,
                        ..handed.clone()
                    };
                }
                gather(&mut cache.answers, answer, |answer| &mut answer.workers);
            }
            for stored in more.stored {
                gather(&mut cache.stored, stored, |stored| &mut stored.workers);
            }
        }
        if let (Some(upstream), Some(more)) = (&mut self.upstream, other.upstream) {
            for pick in more.picks {
                gather(&mut upstream.picks, pick, |pick| &mut pick.workers);
            }
        }
    }
}

impl Cached {
    /// The answer that the key's home, whose word this is, brings about where it is asked: it hands over all that it has, but
    /// for what was purged softly.
    fn handed_over(&self) -> Option<Answer> {
        let hands = self.stored.iter().any(|stored| !stored.softly_purged);
        let keeps = |stored: &Stored| stored.selected && stored.softly_purged;
        let answer = self.answers.first()?;
        let told = hands && !self.stored.iter().any(keeps) && answer.outcome != REFUSED;
        told.then(|| answer.clone())
    }
}

/// The outcome of a request that is answered by us, since nothing may be asked for.
pub const REFUSED: &str = "REFUSED";

/// Adds to the workers of one that says the same, or beside the others.
fn gather<T: PartialEq>(all: &mut Vec<T>, mut one: T, workers: fn(&mut T) -> &mut Vec<usize>) {
    let who = std::mem::take(workers(&mut one));
    for other in all.iter_mut() {
        let mut theirs = std::mem::take(workers(other));
        let same = *other == one;
        if same {
            theirs.extend(&who);
            theirs.sort_unstable();
        }
        *workers(other) = theirs;
        if same {
            return;
        }
    }
    *workers(&mut one) = who;
    all.push(one);
}

#[cfg(test)]
mod tests;
