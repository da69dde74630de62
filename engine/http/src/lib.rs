//! The vocabulary of HTTP (heads, fields, framing, faults) and the HTTP/1 parser and serialiser.
//!
//! A mind: it takes bytes and gives facts and bytes back. It has no socket, clock, thread or file,
//! and it never panics on what a peer sent. What RFC 9112 forbids is refused, never repaired, and
//! every refusal has its [`Reason`].
//!
//! | module | what it holds |
//! |---|---|
//! | `fault` | [`Reason`], [`Blame`], [`Fault`]: every "no" of the product by name |
//! | `message` | [`Method`], [`Version`], [`Framing`], [`Form`], [`HeadLimits`] |
//! | `name`, `field` | [`Name`] ids, [`Span`]s into the parsed bytes, the table of [`Fields`] |
//! | `head` | [`RequestHead`] and [`ResponseHead`], parsed in place |
//! | `body` | [`BodyDecoder`]: lengths, chunks and trailers |
//! | [`path`] | paths in one normal form |
//! | [`forwarded`] | `Forwarded`, `X-Forwarded-*` and the real client's address |
//! | `write`, `copy` | [`HeadWriter`], [`FieldCopier`] and chunk frames |
//! | `authority`, [`syntax`] | `host[:port]`; byte classes and lists of the grammar |
//! | [`date`], [`status`] | HTTP dates and reason phrases |

mod authority;
mod body;
mod copy;
pub mod date;
mod fault;
mod field;
pub mod forwarded;
mod head;
mod message;
mod name;
pub mod path;
pub mod status;
pub mod syntax;
mod write;

pub use body::{BodyDecoder, Decoded, Trailers};
pub use copy::FieldCopier;
pub use fault::{Blame, Fault, Reason};
pub use field::{Field, Fields, Span};
pub use head::{RequestHead, ResponseHead};
pub use message::{Form, Framing, HeadLimits, Method, Version};
pub use name::Name;
pub use write::{CHUNK_END, HeadWriter, LAST_CHUNK, chunk_header, write_decimal};
