//! `Forwarded` (RFC 7239), `X-Forwarded-*` and the address of the real client.

mod origin;
mod values;

pub use origin::client_ip;
pub use values::{Client, write_ip};
