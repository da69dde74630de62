//! In which form a response goes out: as it is, or coded for its client.

use std::rc::Rc;

use ringfence_coding::{
    Candidate, CannotEncode, CompressRules, ContentCoding, Effort, Encoder, forbids, is_of_bytes,
    memory, negotiate, plain_of, weak,
};
use ringfence_http::syntax::{decimal, list_members};
use ringfence_http::{Fields, Framing, Method, Name, Version};

use crate::exchange::{Call, Exchange};
use crate::own::Own;
use crate::recode::is_said;
use crate::worker::Worker;

/// The part of the memory for receiving that encoders may have beside it, as a divisor. A response that finds no room goes out
/// as it is.
const SHARE: usize = 4;

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
    /// That of the response whose head has come, which is being stored or is not.
    pub(crate) fn of(ex: &Exchange<'_>, call: &Call, stored: bool) -> Self {
        match &ex.route().compress {
            Some(rules) => Self::by(rules, ex, call, stored),
            None => Self::default(),
        }
    }

    fn by(rules: &CompressRules, ex: &Exchange<'_>, call: &Call, stored: bool) -> Self {
        let head = &ex.heads.response;
        let tag = head.fields.get(&call.head, Name::ETag);
        if head.status == 304 {
            return Self {
                varies: true,
                coding: None,
                tag: tag.and_then(|tag| as_asked(ex, tag)),
            };
        }
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
        if !candidate.is_fit(rules) {
            return Self::default();
        }
        // What GET would be sent where there is a cache depends on whether it is stored, and so is not known.
        let unknown = ex.heads.request.method == Method::Head && ex.route().cache.is_some();
        let coding = match stored || unknown || ex.conn.client.is_nobody() {
            true => None,
            false => wanted(ex, rules),
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

/// Says that the form depends on what the client takes (RFC 9110 section 12.5.5), where that is not said already.
pub(crate) fn write_vary(fields: &Fields, bytes: &[u8], own: &mut Own<'_, '_>) {
    let edits = own.edits.map_or(&[][..], |edits| &edits.add);
    let added = edits.iter().filter(|(name, _)| name == "vary");
    let added = added.map(|(_, value)| value.as_bytes());
    let mut said = fields
        .get_all(bytes, Name::Vary)
        .chain(added)
        .flat_map(list_members);
    if !said.any(is_said) {
        own.field(b"Vary", b"Accept-Encoding");
    }
}

/// The coding that the client is to be sent, if it wants one and may have it: HTTP/1.0 has no chunks, parts are of the form as it
/// is, and whoever says `no-transform` gets nothing else (RFC 9111 section 5.2.1.6).
pub(crate) fn wanted(ex: &Exchange<'_>, rules: &CompressRules) -> Option<ContentCoding> {
    let head = &ex.heads.request;
    let as_it_is = head.version != Version::Http11
        || head.fields.has(Name::Range)
        || forbids(&head.fields, &ex.bytes);
    if as_it_is {
        return None;
    }
    negotiate(
        head.get_all(&ex.bytes, Name::AcceptEncoding),
        &rules.codings,
    )
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
/// forms. The server is to find the one in which it has changed nothing.
pub(crate) fn write_plain_tags(ex: &Exchange<'_>, id: Name, own: &mut Own<'_, '_>) {
    let lines = ex.heads.request.get_all(&ex.bytes, id);
    for plain in lines.flat_map(list_members).filter_map(plain_of) {
        own.field(id.as_str().as_bytes(), &plain);
    }
}

/// Codes a response on its way through.
pub(crate) struct Coder {
    encoder: Encoder,
    /// What it has made and was not taken yet.
    made: Vec<u8>,
    /// It was given bytes since it was last flushed.
    holds: bool,
    room: Room,
}

impl Coder {
    /// One for a response with this length, where that is known; nothing where there is no room for it.
    pub(crate) fn new(
        ex: &Exchange<'_>,
        coding: ContentCoding,
        length: Option<u64>,
    ) -> Option<Self> {
        let memory = memory(coding, Effort::Live);
        let room = Room::take(&ex.conn.worker, memory, ex.epoch.most_held / SHARE)?;
        let encoder = Encoder::new(coding, Effort::Live, length).ok()?;
        Some(Self {
            encoder,
            made: Vec::new(),
            holds: false,
            room,
        })
    }

    /// Codes bytes, no more than [`ringfence_coding::SLICE`], and gives what there is to be sent.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<&[u8], CannotEncode> {
        self.made.clear();
        self.encoder.push(bytes, &mut self.made)?;
        self.holds |= !bytes.is_empty();
        self.room.0.stats.coded_in.add(bytes.len() as u64);
        Ok(self.count())
    }

    /// Gives what was held back.
    pub(crate) fn flush(&mut self) -> Result<&[u8], CannotEncode> {
        self.made.clear();
        if std::mem::take(&mut self.holds) {
            self.encoder.flush(&mut self.made)?;
        }
        Ok(self.count())
    }

    /// Ends the response, and gives its last bytes.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, CannotEncode> {
        let mut last = std::mem::take(&mut self.made);
        last.clear();
        self.encoder.finish(&mut last)?;
        self.room.0.stats.coded_out.add(last.len() as u64);
        Ok(last)
    }

    fn count(&mut self) -> &[u8] {
        self.room.0.stats.coded_out.add(self.made.len() as u64);
        &self.made
    }
}

/// Memory that an encoder on this core has, for as long as this lives.
pub(crate) struct Room(Rc<Worker>, usize);

impl Room {
    /// Takes so many bytes, where there are no more than `most` then.
    pub(crate) fn take(worker: &Rc<Worker>, bytes: usize, most: usize) -> Option<Self> {
        let sum = worker.encoding.get() + bytes;
        (sum <= most).then(|| {
            worker.encoding.set(sum);
            Self(worker.clone(), bytes)
        })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let Self(worker, bytes) = self;
        worker.encoding.set(worker.encoding.get() - *bytes);
    }
}
