//! The grammar of chunk extensions (RFC 9112 section 7.1.1):
//! `*( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )`.

use crate::syntax::{TOKEN, is_ows, is_value_byte};

/// Where in the grammar the last byte left us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Extension {
    /// Only a semicolon, or white space before it, may follow.
    #[default]
    BeforeSemicolon,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Value,
    Quoted,
    QuotedEscape,
    AfterQuoted,
}

impl Extension {
    /// The state after `byte`; `None` if the grammar has no place for it.
    pub(super) fn next(self, byte: u8) -> Option<Extension> {
        match (self, byte) {
            (Self::Quoted, b'"') => Some(Self::AfterQuoted),
            (Self::Quoted, b'\\') => Some(Self::QuotedEscape),
            (Self::Quoted | Self::QuotedEscape, _) => is_value_byte(byte).then_some(Self::Quoted),
            (_, b';') if self.may_end() => Some(Self::BeforeName),
            (Self::Name | Self::AfterName, b'=') => Some(Self::BeforeValue),
            (Self::BeforeValue, b'"') => Some(Self::Quoted),
            (Self::BeforeName | Self::Name, _) if TOKEN.has(byte) => Some(Self::Name),
            (Self::BeforeValue | Self::Value, _) if TOKEN.has(byte) => Some(Self::Value),
            (_, _) if is_ows(byte) => Some(self.after_space()),
            _ => None,
        }
    }

    /// True if the line may end here. White space belongs in front of a separator, not at the end.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Name | Self::Value | Self::AfterQuoted)
    }

    /// True if another extension may start here.
    fn may_end(self) -> bool {
        self.is_whole() || matches!(self, Self::BeforeSemicolon | Self::AfterName)
    }

    fn after_space(self) -> Extension {
        match self {
            Self::Name => Self::AfterName,
            Self::Value | Self::AfterQuoted => Self::BeforeSemicolon,
            other => other,
        }
    }
}
