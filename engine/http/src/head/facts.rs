//! What a head's fields say about framing and the connection, gathered while they are read.

use crate::fault::Reason;
use crate::field::{Field, Span};
use crate::message::{Framing, Version};
use crate::name::Name;
use crate::syntax::{decimal, list_members};

/// The facts. Each refusal that needs only one field is made at once; the others when the question
/// is asked.
#[derive(Default)]
pub(crate) struct Facts {
    hosts: u32,
    host: Span,
    length: Option<u64>,
    codings: u32,
    coding: Option<Reason>,
    close: bool,
    keep_alive: bool,
    expect: Option<bool>,
    disguised: bool,
    /// Connection holds an entry that may be a field's name.
    pub(super) connection_names_fields: bool,
}

impl Facts {
    /// Takes note of a field with a known name.
    #[inline]
    pub(super) fn note(&mut self, field: &Field, value: &[u8]) -> Result<(), Reason> {
        match field.id {
            Name::Host => {
                self.hosts += 1;
                self.host = field.value;
            }
            Name::Connection => self.note_connection(value),
            Name::ContentLength => self.note_length(value)?,
            Name::TransferEncoding => self.note_coding(value),
            Name::Expect => {
                let known = value.eq_ignore_ascii_case(b"100-continue");
                self.expect = Some(known && self.expect.unwrap_or(true));
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes note of a field with any other name.
    #[inline]
    pub(super) fn note_other(&mut self, name: &[u8]) {
        self.disguised |= name.contains(&b'_') && Name::is_disguise(name);
    }

    /// Refuses names that a server may take for those of framing or forwarding fields.
    #[inline]
    pub(super) fn refuse_disguise(&self) -> Result<(), Reason> {
        if self.disguised {
            return Err(Reason::BadFieldName);
        }
        Ok(())
    }

    /// The one Host value; `None` if there is none, which only HTTP/1.0 allows (RFC 9112 section
    /// 3.2).
    #[inline]
    pub(super) fn host(&self, version: Version) -> Result<Option<Span>, Reason> {
        match self.hosts {
            0 if version == Version::Http11 => Err(Reason::MissingHost),
            0 => Ok(None),
            1 => Ok(Some(self.host)),
            _ => Err(Reason::RepeatedHost),
        }
    }

    /// What Transfer-Encoding or Content-Length say; `None` if neither is there (RFC 9112 sections
    /// 6.1 to 6.3).
    #[inline]
    pub(super) fn framing(&self, version: Version) -> Result<Option<Framing>, Reason> {
        if self.codings == 0 {
            return Ok(self.length.map(Framing::Length));
        }
        if version == Version::Http10 {
            return Err(Reason::TransferEncodingInHttp10);
        }
        if self.length.is_some() {
            return Err(Reason::LengthWithTransferEncoding);
        }
        if self.codings > 1 {
            return Err(Reason::RepeatedTransferCoding);
        }
        self.coding.map_or(Ok(Some(Framing::Chunked)), Err)
    }

    /// Whether the fields speak of a body that is not empty.
    pub(super) fn promises_body(&self) -> bool {
        self.codings > 0 || self.length.is_some_and(|length| length > 0)
    }

    /// Whether the connection may carry another message (RFC 9112 section 9.3).
    #[inline]
    pub(super) fn keep_alive(&self, version: Version) -> bool {
        !self.close && (self.keep_alive || version == Version::Http11)
    }

    /// Whether the client waits for `100 Continue`. HTTP/1.0 clients can't (RFC 9110 section
    /// 10.1.1).
    #[inline]
    pub(super) fn expect_continue(&self, version: Version) -> Result<bool, Reason> {
        match self.expect {
            Some(false) if version == Version::Http11 => Err(Reason::ExpectationFailed),
            Some(known) => Ok(known && version == Version::Http11),
            None => Ok(false),
        }
    }

    fn note_connection(&mut self, value: &[u8]) {
        for member in list_members(value) {
            if member.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if member.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else {
                self.connection_names_fields = true;
            }
        }
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), Reason> {
        let length = decimal(value).ok_or(Reason::BadContentLength)?;
        if self.length.replace(length).is_some() {
            return Err(Reason::ConflictingContentLength);
        }
        Ok(())
    }

    fn note_coding(&mut self, value: &[u8]) {
        self.codings += 1;
        if value.eq_ignore_ascii_case(b"chunked") {
            return;
        }
        let all_chunked = list_members(value).all(|member| member.eq_ignore_ascii_case(b"chunked"));
        self.coding = Some(if all_chunked && list_members(value).count() > 1 {
            Reason::RepeatedTransferCoding
        } else {
            Reason::UnknownTransferCoding
        });
    }
}
