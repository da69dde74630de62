//! `[route.compress]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::file::shape::OneOrMany;
use crate::plan::compress::ContentCoding;
use crate::values::amount::Size;
use crate::values::scalar::Scalar;

/// Which of a route's responses are compressed, and how.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteCompress {
    /// The codings that clients may be sent, the best first: of those that a client takes equally well it gets the first.
    /// Default `["zstd", "br", "gzip"]`.
    pub codings: Option<OneOrMany<Scalar<ContentCoding>>>,
    /// The media types that are compressed, such as `text/css`, `text/*` or `application/*+json`. Default: those that are
    /// text at heart, and WebAssembly.
    pub types: Option<OneOrMany<Scalar<String>>>,
    /// The smallest body that is compressed. What comes without a length is, whatever comes of it. Default `1KiB`.
    pub min_size: Option<Scalar<Size>>,
}
