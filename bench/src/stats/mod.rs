//! The few statistics that a comparison needs: latency percentiles, and the spread of a figure over rounds.

pub mod histogram;
pub mod spread;

pub use histogram::Histogram;
pub use spread::Spread;
