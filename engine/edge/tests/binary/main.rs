//! The binary, started as a user starts it.

mod commands;
mod serving;
mod support;
