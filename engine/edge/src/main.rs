//! The Ringfence binary.

fn main() {}
