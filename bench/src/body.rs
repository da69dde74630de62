//! The bytes that origins serve and the load checks: the same pattern everywhere, so that a lost, doubled or swapped
//! piece shows wherever it happens.

use std::sync::OnceLock;
use std::time::Duration;

/// The longest body, in bytes.
pub const LARGEST: usize = 1024 * 1024;

/// Bodies by the last segment of the path that serves them.
pub const NAMED: [(&str, usize); 6] = [
    ("128", 128),
    ("1k", 1024),
    ("4k", 4 * 1024),
    ("16k", 16 * 1024),
    ("64k", 64 * 1024),
    ("1m", LARGEST),
];

/// The first segment of the path of an object that has a number: `/object/12/4k`.
pub const NUMBERED: &str = "object";
/// The same of one that takes its origin [`SLOW`].
pub const NUMBERED_SLOW: &str = "slow";
/// How long an origin thinks about those.
pub const SLOW: Duration = Duration::from_millis(200);
/// How far apart the bodies of numbers start that follow one another: a prime, so that they do not meet again soon.
const STRIDE: usize = 6_007;

/// Sizes of the objects of a mixed set. Each comes as often as it stands here, in an order in which their popularity has no
/// part: 11.2 KiB in the mean.
const MIXED: [usize; 10] = [
    1 << 10,
    4 << 10,
    16 << 10,
    1 << 10,
    64 << 10,
    4 << 10,
    1 << 10,
    16 << 10,
    4 << 10,
    1 << 10,
];

/// The size of an object of a mixed set.
#[must_use]
pub const fn mixed_size(number: usize) -> usize {
    MIXED[number % MIXED.len()]
}

/// Bytes of all bodies of a mixed set of this many objects.
#[must_use]
pub const fn mixed_bytes(objects: usize) -> u64 {
    let mut sum = 0;
    let mut number = 0;
    while number < objects {
        sum += mixed_size(number) as u64;
        number += 1;
    }
    sum
}

/// The name of a body of this size; that of the smallest where there is none.
#[must_use]
pub fn name_of(size: usize) -> &'static str {
    let named = NAMED.iter().find(|(_, named)| *named == size);
    named.unwrap_or(&NAMED[0]).0
}

/// The body of an object that has a number: a piece of the pattern that starts where no other of its size near it does.
#[must_use]
pub fn of_number(number: usize, size: usize) -> &'static [u8] {
    let start = number * STRIDE % (LARGEST - size).max(1);
    &of(LARGEST)[start..start + size]
}

/// The first `size` bytes of the pattern; all of it where `size` is more than [`LARGEST`].
#[must_use]
pub fn of(size: usize) -> &'static [u8] {
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    let pattern = PATTERN.get_or_init(pattern);
    &pattern[..size.min(LARGEST)]
}

/// The body that a path asks for: by its last segment, and its number where it has one.
#[must_use]
pub fn for_path(path: &str) -> Option<&'static [u8]> {
    let (before, last) = path.rsplit_once('/')?;
    let (_, size) = *NAMED.iter().find(|(name, _)| *name == last)?;
    let number = [NUMBERED, NUMBERED_SLOW].iter().find_map(|first| {
        before
            .strip_prefix('/')?
            .strip_prefix(first)?
            .strip_prefix('/')
    });
    match number {
        Some(number) => Some(of_number(number.parse().ok()?, size)),
        None => Some(of(size)),
    }
}

/// Letters from a xorshift generator: text, so that a wrong body can be read, with a period far past [`LARGEST`].
fn pattern() -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b'a' + (state % 26) as u8
    };
    (0..LARGEST).map(|_| letter()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact_and_share_their_start() {
        assert_eq!(of(128).len(), 128);
        assert_eq!(of(LARGEST + 1).len(), LARGEST);
        assert_eq!(&of(64 * 1024)[..128], of(128));
    }

    #[test]
    fn no_piece_repeats() {
        let mut pieces: Vec<&[u8]> = of(LARGEST).chunks_exact(16).collect();
        let all = pieces.len();
        pieces.sort_unstable();
        pieces.dedup();
        assert_eq!(pieces.len(), all);
    }

    #[test]
    fn paths_name_bodies() {
        assert_eq!(for_path("/64k").map(<[u8]>::len), Some(65_536));
        assert_eq!(for_path("/r12/128").map(<[u8]>::len), Some(128));
        assert_eq!(for_path("/129"), None);
        assert_eq!(for_path("/object/7/4k"), Some(of_number(7, 4096)));
        assert_eq!(for_path("/slow/7/4k"), Some(of_number(7, 4096)));
        assert_eq!(for_path("/object/x/4k"), None);
    }

    #[test]
    fn objects_of_a_size_differ() {
        let mut all: Vec<&[u8]> = (0..10_000).map(|number| of_number(number, 128)).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 10_000);
    }
}
