//! The tags of kept responses, with holes for the parameters of the path.

use schemars::{Schema, json_schema};

use crate::limits;
use crate::router::params::Params;
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::{Wrong, quoted};

/// A tag with holes: `quests`, `user:{id}`.
///
/// What fills a hole is escaped, so that a request cannot make two tags of one: in the lists that servers write, commas
/// and spaces stand between tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTemplate {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Param(String),
}

impl TagTemplate {
    /// Appends the tag to `out`: bytes that are visible ASCII and no comma. A value is taken as the normalised path has
    /// it, triplets and all; what a tag may not have becomes a triplet. A parameter without a value leaves nothing.
    pub fn render(&self, params: &Params<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Param(name) => escape(params.get(name).unwrap_or_default(), out),
            }
        }
    }

    /// The names of the parameters that the tag uses, `*` among them.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Param(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// The text as the file has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if is_tag_byte(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[
                b'%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        }
    }
}

const fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b','
}

impl FromScalar for TagTemplate {
    const WHAT: &'static str = "a tag such as \"user:{id}\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text.is_empty() {
            return Err(
                Wrong::new("a tag is empty").help("for example \"quests\" or \"user:{id}\"")
            );
        }
        if text.len() > limits::TAG {
            return Err(
                Wrong::new(format!("a tag of {} bytes is too long", text.len()))
                    .help(format!("at most {}", limits::TAG)),
            );
        }
        if !text.bytes().all(is_tag_byte) {
            return Err(Wrong::new(format!(
                "the tag {} has a character that no tag has",
                quoted(text)
            ))
            .help("visible ASCII without commas; a list `[\"a\", \"b\"]` gives several tags"));
        }
        Ok(Self {
            text: text.to_owned(),
            pieces: pieces(text)?,
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "examples": ["quests", "user:{id}"] })
    }
}

impl ToScalar for TagTemplate {
    fn to_scalar(&self) -> Written {
        self.text.clone().into()
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>, Wrong> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let literal = &rest[..rest.find(['{', '}']).unwrap_or(rest.len())];
        rest = &rest[literal.len()..];
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        if rest.is_empty() {
            break;
        }
        let hole = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let Some((name, tail)) = hole.filter(|(name, _)| !name.contains('{')) else {
            return Err(
                Wrong::new(format!("the braces in {} do not match", quoted(text)))
                    .help("for example \"user:{id}\"; a tag itself has no braces"),
            );
        };
        pieces.push(Piece::Param(name.to_owned()));
        rest = tail;
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rendered(tag: &str, params: &[(&str, &str)]) -> String {
        let params: Params<'_> = params
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let mut out = Vec::new();
        TagTemplate::from_text(tag)
            .unwrap()
            .render(&params, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fills_holes() {
        assert_eq!(rendered("quests", &[]), "quests");
        assert_eq!(
            rendered("{kind}:{id}", &[("kind", "user"), ("id", "7")]),
            "user:7"
        );
        assert_eq!(rendered("below:{*}", &[("*", "a/b%2Fc")]), "below:a/b%2Fc");
        assert_eq!(rendered("user:{id}", &[]), "user:");
    }

    #[test]
    fn a_request_cannot_make_two_tags_of_one() {
        assert_eq!(
            rendered("user:{id}", &[("id", "7,all x\r\n")]),
            "user:7%2Call%20x%0D%0A"
        );
    }

    #[test]
    fn refuses_what_is_no_tag() {
        for text in ["", "a b", "a,b", "é", "a\0", "{", "}", "{a", "a}", "{{a}}"] {
            assert!(TagTemplate::from_text(text).is_err(), "{text:?}");
        }
        assert!(TagTemplate::from_text(&"x".repeat(limits::TAG + 1)).is_err());
    }

    proptest! {
        #[test]
        fn output_is_one_tag(tag in "(a|:|\\{id\\}|\\{\\*\\}){1,4}", id in "(?s).{0,12}") {
            let tag = rendered(&tag, &[("id", &id), ("*", &id)]);
            prop_assert!(tag.bytes().all(is_tag_byte), "{tag:?}");
        }

        #[test]
        fn nothing_panics(text in "(?s)[{}a,é]{0,12}") {
            let _ = TagTemplate::from_text(&text);
        }
    }
}
