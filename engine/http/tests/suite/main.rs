//! The crate's behaviour as a whole, held against the oracle and against tables of good and bad
//! messages.

#[path = "../oracle/mod.rs"]
mod oracle;

mod chunked_body;
mod compare;
mod copying;
mod generate;
mod head_properties;
mod passage;
mod path_properties;
mod request_head;
mod response_head;
mod smuggling;
