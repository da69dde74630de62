//! One stored response: its head as it is sent again, its body, and all that was found out about it when it came.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ringfence_config::ContentCoding;
use ringfence_http::{
    Fault, Field, FieldCopier, Fields, HeadLimits, HeadWriter, Method, Name, Reason, ResponseHead,
    Version,
};

use crate::freshness::{Freshness, Heuristic, Received};
use crate::head::Head;
use crate::request::RequestControl;
use crate::response::ResponseControl;
use crate::reuse::{Verdict, judge, judge_purged};
use crate::store::Stored;
use crate::vary::Vary;

/// Bytes of a line's end.
const LINE_END: usize = 2;

/// A stored response. It is never changed: what validates it makes another one with the same body.
#[derive(Clone, Debug)]
pub struct Object {
    /// The status code.
    pub status: u16,
    /// The version in which the origin sent it.
    pub version: Version,
    /// Its directives that count.
    pub control: ResponseControl,
    /// How fresh it is.
    pub freshness: Freshness,
    /// When it came, in seconds since 1970.
    pub date: u64,
    /// The body, which all cores share.
    pub body: Bytes,
    head: Box<[u8]>,
    fields: Fields,
    vary: Vary,
    selection: Box<[u8]>,
    tags: Box<[u64]>,
    generation: u64,
    group: u64,
    asked: Duration,
    came: Duration,
    forms: Option<Box<Forms>>,
}

/// What is known of a response's form in each coding.
type Forms = [Option<Form>; ContentCoding::ALL.len()];

/// A stored response's form in a content coding.
#[derive(Clone, Debug)]
pub enum Form {
    /// A response of its own. It belongs to the one that it was made of: whatever becomes of that one becomes of it.
    Made(Arc<Object>),
    /// It would be no shorter.
    Useless,
}

/// What a response is stored with beside its head and body.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// When its head was there.
    pub received: Received,
    /// How its freshness is guessed where it does not say.
    pub heuristic: Heuristic,
    /// The request as the origin got it.
    pub request: Head<'a>,
    /// The process's count of purges before the origin was asked.
    pub generation: u64,
    /// Hashes of its tags.
    pub tags: &'a [u64],
    /// A hash of what it is counted with.
    pub group: u64,
    /// When it was asked for and when it came, since the start of the process.
    pub asked: Duration,
    /// See `asked`.
    pub came: Duration,
}

impl Object {
    /// The response with `head`, which lies in `bytes`, as it is stored. `control` is what counts of its directives.
    ///
    /// # Errors
    /// When the head is too large to be read again.
    pub fn new(
        head: &ResponseHead,
        bytes: &[u8],
        control: ResponseControl,
        body: Bytes,
        circumstances: &Circumstances<'_>,
    ) -> Result<Self, Fault> {
        let mut kept = Vec::with_capacity(bytes.len());
        let mut writer = HeadWriter::new(&mut kept);
        writer.status_line(head.status);
        let mut copier = FieldCopier::new(&mut writer, bytes);
        for field in &*head.fields {
            if is_kept(&head.fields, bytes, field, &control) {
                copier.copy(field);
            }
        }
        copier.finish();
        writer.end();
        let said = Head::of_response(head, bytes);
        let fields = read(&kept)?.fields;
        let vary = Vary::of(said);
        let mut selection = Vec::new();
        vary.write_selection(circumstances.request, &mut selection);
        let Circumstances {
            received,
            heuristic,
            ..
        } = *circumstances;
        Ok(Self {
            status: head.status,
            version: head.version,
            freshness: Freshness::of(said, head.status, &control, received, heuristic),
            control,
            date: received.date,
            body,
            head: kept.into(),
            fields,
            vary,
            selection: selection.into(),
            tags: circumstances.tags.into(),
            generation: circumstances.generation,
            group: circumstances.group,
            asked: circumstances.asked,
            came: circumstances.came,
            forms: None,
        })
    }

    /// What is known of its form in a coding.
    #[must_use]
    pub fn form(&self, coding: ContentCoding) -> Option<&Form> {
        self.forms.as_ref()?[coding as usize].as_ref()
    }

    /// The same response with what has been found out about its form in a coding.
    #[must_use]
    pub fn with_form(&self, coding: ContentCoding, form: Form) -> Self {
        let mut with = self.clone();
        with.forms.get_or_insert_default()[coding as usize] = Some(form);
        with
    }

    /// A form of it with this body: with its fields but for those that `drops` is true for, and with those of `adds`.
    ///
    /// # Errors
    /// When its head is too large to be read again.
    pub fn recoded(
        &self,
        body: Bytes,
        drops: impl Fn(Name, &[u8]) -> bool,
        adds: &[(&[u8], &[u8])],
    ) -> Result<Self, Fault> {
        let mut kept = Vec::with_capacity(self.head.len());
        let mut writer = HeadWriter::new(&mut kept);
        writer.status_line(self.status);
        let mut copier = FieldCopier::new(&mut writer, &self.head);
        for field in &*self.fields {
            if !drops(field.id, field.name.of(&self.head)) {
                copier.copy(field);
            }
        }
        copier.finish();
        for (name, value) in adds {
            writer.field(name, value);
        }
        writer.end();
        Ok(Self {
            fields: read(&kept)?.fields,
            head: kept.into(),
            body,
            forms: None,
            ..self.clone()
        })
    }

    /// Whether both have the very same body and are for the same requests: one is the other, or was once it was validated.
    #[must_use]
    pub fn has_same_body(&self, other: &Self) -> bool {
        let is_one = std::ptr::eq(&*self.body, &*other.body);
        is_one && self.is_for_same(other)
    }

    /// The head that it has after a 304 said that it still holds, which has `head`: with the fields of both (RFC 9111 section
    /// 3.2), and the bytes that it lies in.
    ///
    /// # Errors
    /// When it is too large to be read again.
    pub fn merged(
        &self,
        head: &ResponseHead,
        bytes: &[u8],
    ) -> Result<(ResponseHead, Vec<u8>), Fault> {
        let mut merged = Vec::with_capacity(self.head.len() + bytes.len());
        let mut writer = HeadWriter::new(&mut merged);
        writer.status_line(self.status);
        let mut copier = FieldCopier::new(&mut writer, &self.head);
        for field in &*self.fields {
            let name = field.name.of(&self.head);
            if is_of_body(field.id, name) || head.fields.find(bytes, name).is_none() {
                copier.copy(field);
            }
        }
        copier.finish();
        let mut copier = FieldCopier::new(&mut writer, bytes);
        for field in &*head.fields {
            let of_connection =
                field.id.is_hop_by_hop() || head.fields.is_connection_named(bytes, field);
            if !of_connection && !is_of_body(field.id, field.name.of(bytes)) {
                copier.copy(field);
            }
        }
        copier.finish();
        writer.end();
        let mut both = read(&merged)?;
        both.version = head.version;
        Ok((both, merged))
    }

    /// The same response with this body, where it was made before its body was there.
    #[must_use]
    pub fn with_body(&self, body: Bytes) -> Self {
        Self {
            body,
            ..self.clone()
        }
    }

    /// Its head's fields, as they are sent again.
    #[must_use]
    pub fn head(&self) -> Head<'_> {
        Head {
            fields: &self.fields,
            bytes: &self.head,
        }
    }

    /// All lines of its head but the first one and the empty one, each with its line's end.
    #[must_use]
    pub fn lines(&self) -> &[u8] {
        let (Some(first), Some(last)) = (self.fields.first(), self.fields.last()) else {
            return &[];
        };
        &self.head[first.name.start as usize..last.value.end() + LINE_END]
    }

    /// What selects it.
    #[must_use]
    pub fn vary(&self) -> &Vary {
        &self.vary
    }

    /// Whether a request selects it; `buf` is room to work in. It is to be given the request as the origin would get it.
    pub fn is_selected_by(&self, request: Head<'_>, buf: &mut Vec<u8>) -> bool {
        // Two empty slices lie nowhere, and some processors take long to compare what lies nowhere.
        if self.vary.is_empty() {
            return true;
        }
        buf.clear();
        self.vary.write_selection(request, buf);
        **buf == *self.selection
    }

    /// The fields of the requests that select it, with a value that does so; those that they do not have are left out.
    pub fn selecting(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let names = match &self.vary {
            Vary::Any => &[][..],
            Vary::Fields(names) => names,
        };
        let parts = self.selection.split(|byte| *byte == b'\n');
        let both = names.iter().zip(parts);
        both.filter_map(|(name, part)| match part.split_first() {
            Some((1, value)) => Some((&**name, value)),
            _ => None,
        })
    }

    /// Whether both are for the same requests, so that the newer one takes the older one's place.
    #[must_use]
    pub fn is_for_same(&self, other: &Self) -> bool {
        self.vary == other.vary && self.selection == other.selection
    }

    /// Whether it is more recent than one that was on its way at the same time: by their dates (RFC 9111 section 4), and where
    /// those do not tell by when they were asked for. What was asked for after this one came is never outdated by it, so that
    /// a server's wrong clock bars nothing, and neither is what was asked for after a purge that this one was before.
    #[must_use]
    pub fn outdates(&self, other: &Self) -> bool {
        let dated = |object: &Self| object.head().date(Name::Date);
        let by_date = dated(self)
            .zip(dated(other))
            .map(|(own, its)| own.cmp(&its));
        let order = by_date.unwrap_or(Ordering::Equal);
        other.asked < self.came
            && other.generation <= self.generation
            && order.then(self.asked.cmp(&other.asked)).is_gt()
    }

    /// Seconds since it was made, at `now` (RFC 9111 section 4.2.3).
    #[must_use]
    pub fn age(&self, now: u64) -> u64 {
        self.freshness.age(now)
    }

    /// What is to be done with it for a request that says `asked`; see [`judge`].
    #[must_use]
    pub fn judge(&self, asked: &RequestControl, now: u64) -> Verdict {
        judge(&self.freshness, &self.control, asked, now)
    }

    /// What is to be done with it where it was purged softly; see [`judge_purged`].
    #[must_use]
    pub fn judge_purged(&self, now: u64) -> Verdict {
        judge_purged(&self.freshness, &self.control, now)
    }
}

impl Stored for Arc<Object> {
    fn weight(&self) -> usize {
        let counts = 2 * size_of::<usize>();
        let fields = std::mem::size_of_val(&*self.fields);
        let vary = match &self.vary {
            Vary::Any => 0,
            Vary::Fields(names) => names
                .iter()
                .map(|name| name.capacity() + size_of::<Vec<u8>>())
                .sum(),
        };
        let tags = std::mem::size_of_val(&*self.tags);
        let forms = self.forms.as_deref().map_or(0, |forms| {
            let made = forms.iter().flatten().map(|form| match form {
                Form::Made(object) => object.weight(),
                Form::Useless => 0,
            });
            size_of::<Forms>() + made.sum::<usize>()
        });
        counts
            + size_of::<Object>()
            + self.head.len()
            + fields
            + vary
            + self.selection.len()
            + tags
            + forms
            + self.body.len()
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn tags(&self) -> &[u64] {
        &self.tags
    }

    fn group(&self) -> u64 {
        self.group
    }
}

/// Fields that are no part of what is stored: those of the connection, those that frame, the age that the message had, and
/// those that may not be given to all (RFC 9111 sections 3.1, 5.2.2.4 and 5.2.2.7).
fn is_kept(fields: &Fields, bytes: &[u8], field: &Field, control: &ResponseControl) -> bool {
    let name = field.name.of(bytes);
    !(field.id.is_hop_by_hop()
        || matches!(field.id, Name::ContentLength | Name::Age | Name::Trailer)
        || fields.is_connection_named(bytes, field)
        || control.private.names(name)
        || control.no_cache.names(name))
}

/// Fields that are about the body which is stored, so that a 304 changes nothing in them (RFC 9111 section 3.2). Its entity
/// tag is among them: what a 304 says is that the body still is the one with the tag that was asked for.
fn is_of_body(id: Name, name: &[u8]) -> bool {
    matches!(
        id,
        Name::ContentLength | Name::ContentEncoding | Name::ContentRange | Name::ETag
    ) || name.eq_ignore_ascii_case(b"Content-MD5")
}

/// Reads a head that we have written ourselves.
fn read(bytes: &[u8]) -> Result<ResponseHead, Fault> {
    let limits = HeadLimits {
        max_line: bytes.len(),
        max_head: bytes.len(),
        max_fields: HeadLimits::MOST_FIELDS,
    };
    let mut head = ResponseHead::new();
    match head.parse(bytes, &limits, Method::Get)? {
        Some(_) => Ok(head),
        None => Err(Reason::BadUpstreamHead.into()),
    }
}
