//! Encoders hold no more than they say.

use ringfence_coding::{ContentCoding, Effort, Encoder, SLICE, memory};

/// Counts what is allocated. The test of this file is one, as it counts for all threads.
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[test]
fn no_encoder_holds_more_than_it_says() {
    let _profiler = dhat::Profiler::builder().testing().build();
    // What shrinks little takes most.
    let noise: Vec<u8> = (0..4_000_000u64)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (n * n)) as u8 >> 2)
        .collect();
    // Zstandard allocates by other means; what it holds is asked of it beside it.
    for coding in [ContentCoding::Brotli, ContentCoding::Gzip] {
        for effort in [Effort::Live, Effort::Kept] {
            for length in [
                None,
                Some(1000),
                Some(16_385),
                Some(65_537),
                Some(noise.len()),
            ] {
                let held = held(coding, effort, length, &noise);
                let says = memory(coding, effort, length.map(|length| length as u64));
                assert!(held <= says, "{coding} {effort:?} {length:?}: {held}");
                assert!(
                    held >= says / 16,
                    "{coding} {effort:?} {length:?}: {held} is too little"
                );
            }
        }
    }
}

/// Bytes that an encoder holds at most while it is given as much of these as it was told of.
fn held(coding: ContentCoding, effort: Effort, length: Option<usize>, noise: &[u8]) -> usize {
    let before = dhat::HeapStats::get().curr_bytes;
    let mut encoder = Encoder::new(coding, effort, length.map(|length| length as u64)).unwrap();
    let (mut out, mut most) = (Vec::with_capacity(256 << 10), 0);
    for slice in noise[..length.unwrap_or(noise.len())].chunks(SLICE) {
        out.clear();
        encoder.push(slice, &mut out).unwrap();
        most = most.max(dhat::HeapStats::get().curr_bytes - before);
    }
    out.clear();
    encoder.flush(&mut out).unwrap();
    most = most.max(dhat::HeapStats::get().curr_bytes - before);
    most - out.capacity()
}
