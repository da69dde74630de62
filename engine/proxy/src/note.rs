//! What the caches of the cores tell one another.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use ringfence_cache::{Key, Object, Purge};

use crate::pattern::UrlPattern;

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

/// A request that waits for what the key's home answers.
#[derive(Clone, Copy)]
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

/// A message to a core's cache.
pub(crate) enum Note {
    /// To a key's home: may this request go to the origin?
    Ask {
        key: SharedKey,
        flight: FlightKey,
        wish: Wish,
        asker: Asker,
    },
    /// The home's answer.
    Answer {
        ticket: u64,
        flight: FlightKey,
        answer: Answer,
    },
    /// To the home: the one that went to the origin is back.
    Ended { flight: FlightKey, outcome: Outcome },
    /// To all that may hold an older one: this one takes its place.
    Replace { key: SharedKey, object: Arc<Object> },
    /// To all: this is not to be answered with any more.
    Purge {
        what: Arc<[Purged]>,
        generation: u64,
        kind: Purge,
        /// Who waits until it is done, where somebody does.
        done: Option<Sender<()>>,
    },
}

/// What a request is told that asked.
pub(crate) enum Answer {
    /// These are stored, the newest last.
    Have(Vec<Arc<Object>>),
    /// It goes to the origin, and others wait for what it brings.
    Lead,
    /// It goes to the origin, and nobody waits.
    Alone,
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
    /// All whose URL one of these means.
    Urls(Box<[UrlPattern]>),
    All,
}
