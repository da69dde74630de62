//! The bytes that origins serve and the load checks: the same pattern everywhere, so that a lost, doubled or swapped
//! piece shows wherever it happens.

use std::sync::OnceLock;

/// The longest body, in bytes.
pub const LARGEST: usize = 1024 * 1024;

/// Bodies by the last segment of the path that serves them.
pub const NAMED: [(&str, usize); 3] = [("128", 128), ("64k", 64 * 1024), ("1m", LARGEST)];

/// The first `size` bytes of the pattern; all of it where `size` is more than [`LARGEST`].
#[must_use]
pub fn of(size: usize) -> &'static [u8] {
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    let pattern = PATTERN.get_or_init(pattern);
    &pattern[..size.min(LARGEST)]
}

/// The body that a path asks for by its last segment.
#[must_use]
pub fn for_path(path: &str) -> Option<&'static [u8]> {
    let last = path.rsplit('/').next()?;
    NAMED
        .iter()
        .find(|(name, _)| *name == last)
        .map(|(_, size)| of(*size))
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
    }
}
