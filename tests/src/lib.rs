//! The harness that drives the real binary over real sockets.
