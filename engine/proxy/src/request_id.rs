//! Request ids: kept when a client sends a sound one, made otherwise.

use std::hash::{BuildHasher, RandomState};

/// Longest incoming id that is kept, in bytes.
const MAX_KEPT: usize = 128;

/// Makes ids that are unique in the process and hard to guess from outside: 32 hex digits, of
/// which the first half is random for each worker and the second a scrambled counter.
pub(crate) struct RequestIds {
    /// In hex.
    prefix: [u8; 16],
    secret: u64,
    count: u64,
}

/// One made id.
pub(crate) type MadeId = [u8; 32];

impl RequestIds {
    pub(crate) fn new() -> Self {
        let random = || RandomState::new().hash_one(0_u64);
        Self {
            prefix: hex(random()),
            secret: random(),
            count: 0,
        }
    }

    /// The next id.
    pub(crate) fn make(&mut self) -> MadeId {
        self.count = self.count.wrapping_add(1);
        let mut id = [0; 32];
        let (first, second) = id.split_at_mut(16);
        first.copy_from_slice(&self.prefix);
        second.copy_from_slice(&hex(scramble(self.count ^ self.secret)));
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

/// A number's hex digits.
fn hex(value: u64) -> [u8; 16] {
    let halves = [(value >> 32) as u32, value as u32].map(|half| hex_digits(half).to_be_bytes());
    let mut digits = [0; 16];
    digits.copy_from_slice(halves.as_flattened());
    digits
}

/// The hex digits of a number, the first one uppermost.
fn hex_digits(value: u32) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let spread = |x: u64, by: u32, mask: u64| (x | x << by) & mask;
    let x = spread(u64::from(value), 16, 0x0000_ffff_0000_ffff);
    let x = spread(x, 8, 0x00ff_00ff_00ff_00ff);
    let nibbles = spread(x, 4, 0x0f0f_0f0f_0f0f_0f0f);
    // A nibble of ten or more carries into the bit above it.
    let letters = (nibbles + 6 * ONES) >> 4 & ONES;
    nibbles + u64::from(b'0') * ONES + letters * u64::from(b'a' - b'9' - 1)
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
    fn hex_is_as_the_library_writes_it() {
        let mut value = 1_u64;
        for _ in 0..10_000 {
            value = scramble(value);
            assert_eq!(hex(value), format!("{value:016x}").as_bytes());
        }
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
