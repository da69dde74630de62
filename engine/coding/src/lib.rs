//! Content codings (RFC 9110 section 8.4.1): which one a client is sent, which responses are coded at all, what that changes in
//! their heads, and the encoders.
//!
//! A mind: bytes in, bytes out.
//!
//! | module | what it holds |
//! |---|---|
//! | `negotiate` | [`negotiate`]: the coding that a client's `Accept-Encoding` asks for |
//! | `fitness` | [`Candidate`]: which responses are coded |
//! | `fields` | [`is_of_bytes`]: what of a head is not true of the coded form |
//! | `tag` | [`coded`], [`weak`]: the entity tags of coded forms |
//! | `encoder` | [`Encoder`]: the encoders, as one |

mod encoder;
mod fields;
mod fitness;
mod negotiate;
mod tag;

pub use encoder::{CannotEncode, Effort, Encoder, SLICE, memory};
pub use fields::is_of_bytes;
pub use fitness::{Candidate, forbids};
pub use negotiate::negotiate;
pub use ringfence_config::{CompressRules, ContentCoding};
pub use tag::{coded, plain_of, weak};
