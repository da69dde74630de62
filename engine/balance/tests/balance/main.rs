//! The balancer through its public interface.

mod health;
mod pick;
mod plans;
mod properties;
mod roster;
mod upstreams;
