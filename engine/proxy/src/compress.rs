//! In which form a response goes out: as it is, or coded for its client.

use std::collections::HashSet;

use ringfence_coding::{
    Candidate, CompressRules, ContentCoding, forbids, is_of_bytes, negotiate, plain_of, weak,
};
use ringfence_http::syntax::{decimal, list_members};
use ringfence_http::{Fields, Framing, Name, Version};

use crate::coder::has_room;
use crate::exchange::{Call, Exchange};
use crate::own::{Own, takes_away};
use crate::recode::says;

/// The form in which a response is passed on.
#[derive(Default)]
pub(crate) struct Form {
    /// Others may get another form.
    varies: bool,
    /// What it is coded with.
    pub(crate) coding: Option<ContentCoding>,
    /// The entity tag that it has instead of the server's.
    tag: Option<Vec<u8>>,
}

impl Form {
    /// That of the response whose head has come, which is being stored, or would be if the request were GET, or is not.
    pub(crate) fn of(ex: &Exchange<'_>, call: &Call, stored: impl FnOnce() -> bool) -> Self {
        match &ex.route().compress {
            Some(rules) => Self::by(rules, ex, call, stored),
            None => Self::default(),
        }
    }

    fn by(
        rules: &CompressRules,
        ex: &Exchange<'_>,
        call: &Call,
        stored: impl FnOnce() -> bool,
    ) -> Self {
        let head = &ex.heads.response;
        let tag = head.fields.get(&call.head, Name::ETag);
        let length = match head.framing {
            Framing::Length(length) => Some(length),
            Framing::None => head
                .fields
                .get(&call.head, Name::ContentLength)
                .and_then(decimal),
            Framing::Chunked | Framing::UntilClose => None,
        };
        let candidate = Candidate {
            status: head.status,
            fields: &head.fields,
            bytes: &call.head,
            length,
        };
        if head.status == 304 {
            let tag = tag.and_then(|tag| as_asked(ex, tag));
            return Self {
                varies: tag.is_some() || candidate.may_be_fit(rules),
                coding: None,
                tag,
            };
        }
        if !candidate.is_fit(rules) {
            return Self::default();
        }
        let coding = match stored() || ex.conn.client.is_nobody() {
            true => None,
            false => affordable(ex, rules, length),
        };
        Self {
            varies: true,
            coding,
            tag: coding.and(tag).and_then(weak),
        }
    }

    /// It goes out as it is after all.
    pub(crate) fn stay(&mut self) {
        if self.coding.take().is_some() {
            self.tag = None;
        }
    }

    /// Whether any field of the response does not go out as it came.
    pub(crate) fn changes_any(&self) -> bool {
        self.coding.is_some() || self.tag.is_some()
    }

    /// Whether this one does not.
    pub(crate) fn changes(&self, id: Name, name: &[u8]) -> bool {
        match id {
            Name::ETag => self.coding.is_some() || self.tag.is_some(),
            _ => self.coding.is_some() && is_of_bytes(id, name),
        }
    }

    /// Writes what it has instead, and beside what came.
    pub(crate) fn write(&self, fields: &Fields, bytes: &[u8], own: &mut Own<'_, '_>) {
        if let Some(coding) = self.coding {
            own.field(b"Content-Encoding", coding.as_str().as_bytes());
        }
        if let Some(tag) = &self.tag {
            own.field(b"ETag", tag);
        }
        if self.varies {
            write_vary(fields, bytes, own);
        }
    }
}

/// Says that the form depends on what the client takes (RFC 9110 section 12.5.5), where what goes out does not say that already.
/// That is past the route's edits: without it caches would give coded bytes to those who cannot read them.
pub(crate) fn write_vary(fields: &Fields, bytes: &[u8], own: &mut Own<'_, '_>) {
    let stays = !own.edits.is_some_and(|edits| takes_away(edits, b"vary"));
    let came = fields.iter().filter(|field| {
        stays && field.id == Name::Vary && !fields.is_connection_named(bytes, field)
    });
    let edits = own.edits.into_iter();
    let ours = edits.flat_map(|edits| edits.set.iter().chain(&edits.add));
    let ours = ours.filter(|(name, _)| name == "vary");
    let said = came
        .map(|field| field.value.of(bytes))
        .chain(ours.map(|(_, value)| value.as_bytes()));
    if !says(said) {
        own.writer.field(b"Vary", b"Accept-Encoding");
    }
}

/// The coding that the client is to be sent, if it wants one and may have it: HTTP/1.0 has no chunks, parts are of the form as it
/// is, and whoever says `no-transform` gets nothing else (RFC 9111 section 5.2.1.6).
pub(crate) fn wanted(ex: &Exchange<'_>, ours: &[ContentCoding]) -> Option<ContentCoding> {
    let head = &ex.heads.request;
    let as_it_is = head.version != Version::Http11
        || head.fields.has(Name::Range)
        || forbids(&head.fields, &ex.bytes);
    if as_it_is {
        return None;
    }
    negotiate(head.get_all(&ex.bytes, Name::AcceptEncoding), ours)
}

/// As [`wanted`], of those for which there is room.
fn affordable(
    ex: &Exchange<'_>,
    rules: &CompressRules,
    length: Option<u64>,
) -> Option<ContentCoding> {
    let fits = |coding: &ContentCoding| has_room(ex, *coding, length);
    let best = wanted(ex, &rules.codings)?;
    if fits(&best) {
        return Some(best);
    }
    ex.conn.worker.stats.coded_short.inc();
    let others: Vec<_> = rules.codings.iter().copied().filter(fits).collect();
    wanted(ex, &others)
}

/// The tag by which the client knows what the server calls `tag`, where that is a coded form.
fn as_asked(ex: &Exchange<'_>, tag: &[u8]) -> Option<Vec<u8>> {
    let asked = || {
        let lines = ex.heads.request.get_all(&ex.bytes, Name::IfNoneMatch);
        lines.flat_map(list_members)
    };
    if asked().any(|asked| asked == tag) {
        return None;
    }
    let kept = |asked: &&[u8]| plain_of(asked).is_some_and(|plain| plain == tag);
    let passed = |asked: &&[u8]| weak(tag).is_some_and(|weak| weak == *asked);
    asked()
        .find(|asked| kept(asked) || passed(asked))
        .map(<[u8]>::to_vec)
}

/// Has a condition of the request name what the server knows beside what the client knows: the response as it is beside its coded
/// forms. The server is to find the one in which it has changed nothing. One line, as servers bound the number of lines.
pub(crate) fn write_plain_tags(ex: &Exchange<'_>, id: Name, own: &mut Own<'_, '_>) {
    let asked = || {
        let lines = ex.heads.request.get_all(&ex.bytes, id);
        lines.flat_map(list_members)
    };
    let mut plain = asked().filter_map(plain_of).peekable();
    if plain.peek().is_none() {
        return;
    }
    let mut named: HashSet<Vec<u8>> = asked().map(<[u8]>::to_vec).collect();
    let more: Vec<Vec<u8>> = plain.filter(|tag| named.insert(tag.clone())).collect();
    if !more.is_empty() {
        own.field(id.as_str().as_bytes(), &more.join(&b", "[..]));
    }
}
