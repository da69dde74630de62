//! Hashing of balancing keys.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// The hash of a balancing key: the same for the same bytes in every worker, process and version of Ringfence.
///
/// It only selects a slot of a lookup table, so it needs no secret: colliding keys share a server and cost nothing.
pub fn hash_key(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0x7269_6e67, 0x6665_6e63);
    hasher.write(bytes);
    hasher.finish()
}

/// Spreads every input bit over all output bits; a bijection (the finaliser of splitmix64).
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_never_change() {
        // Another version that hashed differently would send every client to another server.
        let hashes = [b"".as_slice(), b"192.0.2.1", b"user-42"].map(hash_key);
        assert_eq!(
            hashes,
            [
                15_041_389_702_576_274_007,
                14_743_611_896_334_014_937,
                9_652_468_445_823_798_110
            ]
        );
    }
}
