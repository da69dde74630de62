//! What a store and its caller tell each other.

/// A stored response, as the store sees it. It does not change once it is handed over.
pub trait Stored {
    /// Bytes of heap that it holds: head, body, tags, and what surrounds them.
    fn weight(&self) -> usize;

    /// The process's count of purges, as it was read before the origin was asked for this response.
    fn generation(&self) -> u64;

    /// Hashes of its tags, those included that every response has, such as its host's and its URL's.
    fn tags(&self) -> &[u64];

    /// The group that it is counted with: a hash.
    fn group(&self) -> u64;
}

/// What responses are stored under: all of a request that decides which resource it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// A hash of the bytes with a secret of the process, so that no client can choose keys that collide.
    pub hash: u64,
    /// The key itself.
    pub bytes: &'a [u8],
}

/// How much a purge takes from what it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// It is gone.
    Hard,
    /// It is stale, however fresh it was: it has to be validated, and may stand in while that is done or fails.
    Soft,
}

/// A stored response that a request selects.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<'a, V> {
    /// The response.
    pub value: &'a V,
    /// Whether a soft purge covers it: it is stale.
    pub softly_purged: bool,
}

/// Why a response was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is larger than all that the store may hold.
    TooLarge,
    /// It was asked for before a purge that covers it, or before one that may do so and is no longer known exactly.
    Purged,
}

/// What a store holds of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Stored responses, those included that are purged and not swept yet.
    pub entries: usize,
    /// Bytes of memory that go with them. What the store's tables take beside entries is nobody's.
    pub bytes: usize,
    /// Those that went to make room since it was last told.
    pub evictions: u64,
}

/// What a store holds, and what it has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Stored responses, those included that are purged and not swept yet.
    pub entries: usize,
    /// Bytes of memory that all of it takes, see [`Store::bytes`](crate::Store::bytes).
    pub bytes: usize,
    /// Responses taken.
    pub inserts: u64,
    /// Responses refused.
    pub refused: u64,
    /// Those that a newer one took the place of, as its caller said or as one key had too many.
    pub replaced: u64,
    /// Those that went to make room.
    pub evictions: u64,
    /// Those that went because of a hard purge.
    pub purged: u64,
    /// Those that a sweep was told to drop.
    pub expired: u64,
    /// Those that were taken out by their key.
    pub removed: u64,
}
