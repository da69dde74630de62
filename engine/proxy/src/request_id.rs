//! Request ids: kept when a client sends a sound one, made otherwise.

use std::hash::{BuildHasher, RandomState};

/// Longest incoming id that is kept, in bytes.
const MAX_KEPT: usize = 128;

/// Makes ids that are unique in the process and hard to guess from outside: 32 hex digits, of
/// which the first half is random for each worker and the second a scrambled counter.
pub(crate) struct RequestIds {
    prefix: u64,
    secret: u64,
    count: u64,
}

/// One made id.
pub(crate) type MadeId = [u8; 32];

impl RequestIds {
    pub(crate) fn new() -> Self {
        let random = || RandomState::new().hash_one(0_u64);
        Self {
            prefix: random(),
            secret: random(),
            count: 0,
        }
    }

    /// The next id.
    pub(crate) fn make(&mut self) -> MadeId {
        self.count = self.count.wrapping_add(1);
        let mut id = [0; 32];
        hex(self.prefix, &mut id[..16]);
        hex(scramble(self.count ^ self.secret), &mut id[16..]);
        id
    }
}

/// True for an incoming id that is safe to repeat in heads and logs.
pub(crate) fn is_sound(id: &[u8]) -> bool {
    !id.is_empty()
        && id.len() <= MAX_KEPT
        && id
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.+/=:@".contains(b))
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection, so no two counts collide.
fn scramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn hex(value: u64, out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (i, slot) in out.iter_mut().enumerate() {
        *slot = DIGITS[(value >> (60 - 4 * i)) as usize & 15];
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn made_ids_are_sound_and_never_repeat() {
        let mut ids = RequestIds::new();
        let made: HashSet<MadeId> = (0..10_000).map(|_| ids.make()).collect();
        assert_eq!(made.len(), 10_000);
        assert!(made.iter().all(|id| is_sound(id)));
    }

    #[test]
    fn unsound_ids_are_not_kept() {
        let long = [b'a'; MAX_KEPT + 1];
        for id in [&b""[..], b"a b", b"a\"b", b"\xff", b"a,b", &long] {
            assert!(!is_sound(id), "{id:?}");
        }
        assert!(is_sound(b"7b1e-42_x.Y"));
    }
}
