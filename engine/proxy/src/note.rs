//! What the caches of the cores tell one another.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use bytes::Bytes;
use ringfence_cache::{Key, Object, Purge, UrlPattern};
use ringfence_coding::ContentCoding;
use ringfence_http::Reason;

use crate::stretch::Stretch;

/// A message from one core's cache to another's.
pub struct CacheNote(pub(crate) Note);

/// A key that may be handed to another core.
#[derive(Clone)]
pub(crate) struct SharedKey {
    pub(crate) hash: u64,
    pub(crate) bytes: Arc<[u8]>,
}

impl SharedKey {
    pub(crate) fn key(&self) -> Key<'_> {
        Key {
            hash: self.hash,
            bytes: &self.bytes,
        }
    }
}

/// One origin fetch that all who want the same share: the key, and what Vary is known to select by.
#[derive(Clone)]
pub(crate) struct FlightKey {
    /// The hash of the key, by which its home is found.
    pub(crate) home: u64,
    /// That of all of it.
    pub(crate) hash: u64,
    pub(crate) bytes: Arc<[u8]>,
}

impl FlightKey {
    /// That of all who want the key, as far as nothing is known of what its response depends on.
    pub(crate) fn of(key: &SharedKey) -> Self {
        Self {
            home: key.hash,
            hash: key.hash,
            bytes: key.bytes.clone(),
        }
    }
}

/// A request that waits for what the key's home answers; where it was told to fetch, what it fetches goes by this too.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Asker {
    pub(crate) worker: usize,
    pub(crate) ticket: u64,
}

/// What a request wants of a key's home.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// What is stored, or nothing.
    Stored,
    /// What is stored, or the leave to fetch it.
    Any,
    /// The leave to fetch it: what is stored was of no use.
    Fetched,
}

/// What of another's fetch is of use to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// What comes, as it comes.
    Streamed,
    /// Only what is whole.
    Whole,
    /// As `Streamed`, but nothing of what this one fetches: it began before a purge that may cover it.
    Not(Asker),
}

/// A message to a core's cache.
pub(crate) enum Note {
    /// To a key's home: may this request go to the origin?
    Ask {
        key: SharedKey,
        flight: FlightKey,
        wish: Wish,
        way: Way,
        asker: Asker,
    },
    /// The home's answer.
    Answer {
        ticket: u64,
        flight: FlightKey,
        answer: Answer,
    },
    /// To the home: the one that went to the origin is back, or one that nobody waited for has something to store.
    Ended {
        flight: FlightKey,
        by: Option<Asker>,
        outcome: Outcome,
    },
    /// To the one that went to the origin: somebody waits, so tell the home of what comes.
    Followed { flight: FlightKey, leader: Asker },
    /// To the home, and from there to those whose clients wait: a response is coming.
    Begun {
        flight: FlightKey,
        leader: Asker,
        head: Arc<Object>,
        /// Bytes of its body, where they were announced.
        announced: Option<usize>,
        so_far: Stretch,
        from: usize,
    },
    /// To the same: more of its body has come.
    More {
        leader: Asker,
        news: News,
        from: usize,
    },
    /// Back to the one that told: the next may come.
    Took { leader: Asker, by: usize },
    /// To the same, of what may not be stored: all have read so much of it here, or nobody reads it any more.
    Read {
        leader: Asker,
        by: usize,
        until: Option<usize>,
    },
    /// To the one that was told: cut off who has not read so much of it, and takes nothing while others wait. Whether
    /// others have is said.
    Hasten {
        leader: Asker,
        until: usize,
        others: bool,
    },
    /// To the same: nothing more of it comes but this.
    Over {
        leader: Asker,
        so_far: Stretch,
        end: End,
    },
    /// To all that may hold an older one: this one takes its place.
    Replace { key: SharedKey, object: Arc<Object> },
    /// To a key's home: make a form of this in a coding, for all.
    Code {
        key: SharedKey,
        object: Arc<Object>,
        coding: ContentCoding,
        /// The worker that wants it.
        asker: usize,
    },
    /// To all that may hold it: this is what it was coded to.
    Coded { key: SharedKey, coded: Coded },
    /// To all: this is not to be answered with any more.
    Purge {
        what: Arc<[Purged]>,
        generation: u64,
        kind: Purge,
        /// Who waits until it is done, where somebody does.
        done: Option<Sender<()>>,
    },
}

/// What another core is told of a response that is coming.
pub(crate) struct News {
    /// What has come since it was told last.
    pub(crate) so_far: Stretch,
    /// It is more than may be stored.
    pub(crate) outgrown: bool,
}

/// What a stored response was coded to.
pub(crate) struct Coded {
    pub(crate) object: Arc<Object>,
    pub(crate) coding: ContentCoding,
    /// Nothing where it would hardly be shorter.
    pub(crate) body: Option<Bytes>,
}

/// What a request is told that asked.
pub(crate) enum Answer {
    /// These are stored, the newest last.
    Have(Vec<Arc<Object>>),
    /// It goes to the origin, and others wait for what it brings.
    Lead,
    /// It goes to the origin, and nobody waits.
    Alone,
    /// What this one fetches is coming.
    Join(Asker),
}

/// How a response ended that came for several.
#[derive(Clone)]
pub(crate) enum End {
    /// All is there, and stored under this key if it was taken.
    Whole(Option<(SharedKey, Arc<Object>)>),
    /// It was cut off.
    Cut(Reason),
}

/// What became of an origin fetch.
pub(crate) enum Outcome {
    Stored(SharedKey, Arc<Object>),
    /// Each has to go for itself, and whoever asks within so many seconds.
    Alone(u64),
    /// The one that fetched has gone: another one may try.
    Failed,
}

/// A URL that is purged: its path is in normal form.
pub(crate) struct Url {
    pub(crate) host: Box<[u8]>,
    pub(crate) path: Box<[u8]>,
    pub(crate) query: Option<Box<[u8]>>,
}

/// What a purge covers.
pub(crate) enum Purged {
    /// All that has this tag.
    Tag(u64),
    /// All of a URL that is alike to this one in what counts of it on a route where that is not all.
    Counted(Url),
    /// All whose URL this one means.
    Urls(Arc<UrlPattern>),
    All,
}
