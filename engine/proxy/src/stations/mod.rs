//! The stations of the request path, in the order in which a request meets them.

pub(crate) mod accept;
pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod dial;
pub(crate) mod finish;
pub(crate) mod head;
pub(crate) mod hit;
pub(crate) mod join;
pub(crate) mod keep;
pub(crate) mod lookup;
pub(crate) mod refuse;
pub(crate) mod relay;
pub(crate) mod route;
pub(crate) mod screen;
