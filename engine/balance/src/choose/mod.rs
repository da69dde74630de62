//! The policies: each proposes one of the eligible servers, cheaply, and keeps what it needs to do so.

pub(crate) mod draw;
pub(crate) mod latency;
pub(crate) mod least;
pub(crate) mod member;
pub(crate) mod smooth;
