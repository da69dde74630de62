//! Which requests a kept response was for (RFC 9111 section 4.1).

use ringfence_http::Name;
use ringfence_http::syntax::{is_token, list_members, trim_ows};
use smallvec::SmallVec;

use crate::head::Head;

/// Names that Vary may have; with more, no other request selects the response.
const MOST_NAMES: usize = 32;

/// Preferences for which nothing is allocated.
const USUAL_MEMBERS: usize = 16;

/// The request fields that chose a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vary {
    /// Something that no field tells: no other request has it.
    Any,
    /// These, by their names in lower case, in order and each once; none where all requests are given the same.
    Fields(Vec<Vec<u8>>),
}

impl Vary {
    /// What a response's Vary says, and that its coding was chosen if it has one. A member that is no field name could mean anything.
    #[must_use]
    pub fn of(response: Head<'_>) -> Self {
        let mut names = Vec::new();
        if response.has(Name::ContentEncoding) {
            // Not all that choose a coding say so.
            names.push(b"accept-encoding".to_vec());
        }
        for member in response.values(Name::Vary).flat_map(list_members) {
            if member == b"*" || !is_token(member) {
                return Self::Any;
            }
            if names.len() == MOST_NAMES {
                return Self::Any;
            }
            names.push(member.to_ascii_lowercase());
        }
        names.sort_unstable();
        names.dedup();
        Self::Fields(names)
    }

    /// Whether no other request can be given the response.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::Any
    }

    /// Whether all requests are given the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Fields(names) if names.is_empty())
    }

    /// Appends what a request has in these fields, so that two requests select the same response exactly if the same is
    /// appended for both. Several lines are one list (RFC 9110 section 5.3). It is to be given the request as the origin
    /// gets it, with the fields that we write ourselves.
    pub fn write_selection(&self, request: Head<'_>, out: &mut Vec<u8>) {
        let Self::Fields(names) = self else { return };
        for name in names {
            let all = || request.fields.find_all(request.bytes, name);
            let mut lines = all().peekable();
            // No value has bytes of these kinds: nothing in one can be taken for another field, or for none.
            out.push(u8::from(lines.peek().is_some()));
            match Kind::of(name) {
                Kind::Preferences => join_sorted(lines, out),
                Kind::Agent => join(lines.map(trim_ows), out),
                Kind::Other if all().any(|line| line.contains(&b'"')) => {
                    join(lines.map(trim_ows), out);
                }
                Kind::Other => join(lines.flat_map(list_members), out),
            }
            out.push(b'\n');
        }
    }
}

/// How a field is read.
#[derive(Clone, Copy)]
enum Kind {
    /// A list of preferences, whose case, white space and order mean nothing (RFC 9110 sections 12.4.2, 12.5.3 and 12.5.4).
    Preferences,
    /// One text, in which commas mean nothing.
    Agent,
    /// Taken to be a list, round whose commas white space means nothing (RFC 9110 section 5.6.1), where nothing is quoted: in
    /// quotes it does, as a comma does.
    Other,
}

impl Kind {
    fn of(name: &[u8]) -> Self {
        match name {
            b"accept-encoding" | b"accept-language" => Self::Preferences,
            b"user-agent" | b"cookie" => Self::Agent,
            _ => Self::Other,
        }
    }
}

fn join_sorted<'a>(lines: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    let mut members: SmallVec<[&[u8]; USUAL_MEMBERS]> = lines.flat_map(list_members).collect();
    let lower = |member: &'a [u8]| member.iter().map(u8::to_ascii_lowercase);
    members.sort_unstable_by(|one, other| lower(one).cmp(lower(other)));
    let start = out.len();
    join(members.into_iter(), out);
    out[start..].make_ascii_lowercase();
}

fn join<'a>(parts: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    for (at, part) in parts.enumerate() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(part);
    }
}
