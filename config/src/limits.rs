//! Every default and every limit of the configuration, in one place.

/// Bytes of a checked body that a body match looks at.
pub const CHECK_BODY: usize = 64 * 1024;
