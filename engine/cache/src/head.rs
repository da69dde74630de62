//! A parsed head together with the bytes that it was parsed from.

use ringfence_http::date::parse_http_date;
use ringfence_http::{Fields, Name, ResponseHead};

/// The fields of a message, as this crate reads them.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The table of fields.
    pub fields: &'a Fields,
    /// What its spans point into.
    pub bytes: &'a [u8],
}

impl<'a> Head<'a> {
    /// That of a response, parsed from these bytes.
    #[must_use]
    pub fn of_response(head: &'a ResponseHead, bytes: &'a [u8]) -> Self {
        Self {
            fields: &head.fields,
            bytes,
        }
    }

    /// Whether there is a field with this id.
    #[must_use]
    pub fn has(self, id: Name) -> bool {
        self.fields.has(id)
    }

    /// The value of the first field line with this id.
    #[must_use]
    pub fn value(self, id: Name) -> Option<&'a [u8]> {
        self.values(id).next()
    }

    /// The value of the first cookie of that name.
    #[must_use]
    pub fn cookie(self, name: &str) -> Option<&'a [u8]> {
        self.fields.cookie(self.bytes, name)
    }

    /// The values of all field lines with this id.
    pub fn values(self, id: Name) -> impl Iterator<Item = &'a [u8]> {
        self.fields.get_all(self.bytes, id)
    }

    /// The date that the first field line with this id gives, in seconds since 1970.
    pub(crate) fn date(self, id: Name) -> Option<u64> {
        parse_http_date(self.values(id).next()?)
    }
}
