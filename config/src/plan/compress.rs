//! Compression: which responses of a route are compressed, and how.

use crate::values::media::MediaPattern;
use crate::values::words::words;

/// A content coding that we can produce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentCoding {
    /// Zstandard (RFC 8878).
    Zstd,
    /// Brotli (RFC 7932).
    Brotli,
    /// GZIP (RFC 1952).
    Gzip,
}

words!(ContentCoding, "content coding", {
    Zstd => "zstd",
    Brotli => "br",
    Gzip => "gzip",
});

/// Which responses of a route are compressed, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompressRules {
    /// The codings that clients may be sent, the best first; none is there twice.
    pub codings: Vec<ContentCoding>,
    /// The media types that are compressed; none is there twice.
    pub types: Vec<MediaPattern>,
    /// Bytes of the smallest body that is compressed, where its length is known.
    pub min_size: u64,
}

impl CompressRules {
    /// Whether responses of this `Content-Type` are compressed.
    #[must_use]
    pub fn covers(&self, content_type: &[u8]) -> bool {
        self.types
            .iter()
            .any(|pattern| pattern.matches(content_type))
    }
}
