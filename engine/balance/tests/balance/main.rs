//! The balancer through its public interface.

mod health;
mod pick;
mod properties;
mod roster;
mod upstreams;
