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
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n * n) as u8 >> 2)
        .collect();
    // Zstandard allocates by other means; what it holds is asked of it beside it.
    for coding in [ContentCoding::Brotli, ContentCoding::Gzip] {
        for effort in [Effort::Live, Effort::Kept] {
            for length in [None, Some(noise.len() as u64)] {
                let before = dhat::HeapStats::get().curr_bytes;
                let mut encoder = Encoder::new(coding, effort, length).unwrap();
                let (mut out, mut most) = (Vec::with_capacity(256 << 10), 0);
                for slice in noise.chunks(SLICE) {
                    out.clear();
                    encoder.push(slice, &mut out).unwrap();
                    most = most.max(dhat::HeapStats::get().curr_bytes - before);
                }
                let held = most - out.capacity();
                assert!(
                    held <= memory(coding),
                    "{coding} {effort:?} {length:?}: {held}"
                );
                assert!(
                    held >= memory(coding) / 16,
                    "{coding} {effort:?}: {held} is too little"
                );
            }
        }
    }
}
