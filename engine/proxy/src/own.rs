//! Fields that we write ourselves, where the route's edits leave them to us.

use ringfence_config::HeaderEdits;
use ringfence_http::HeadWriter;

/// A head being written, and what the route says of its fields. Edits have the last word: a field
/// that they set or remove is not written before them, whoever's it is.
pub(crate) struct Own<'o, 'w> {
    pub(crate) writer: &'o mut HeadWriter<'w>,
    pub(crate) edits: Option<&'o HeaderEdits>,
}

impl<'w> Own<'_, 'w> {
    /// Writes a field of ours.
    pub(crate) fn field(&mut self, name: &[u8], value: &[u8]) {
        self.with(name, |writer| writer.field(name, value));
    }

    /// Has `write` write the field called `name`.
    pub(crate) fn with(&mut self, name: &[u8], write: impl FnOnce(&mut HeadWriter<'w>)) {
        if !self.edits.is_some_and(|edits| takes_away(edits, name)) {
            write(self.writer);
        }
    }

    /// Writes what the edits set and add.
    pub(crate) fn end(self) {
        let Some(edits) = self.edits else { return };
        for (name, value) in edits.set.iter().chain(&edits.add) {
            self.writer.field(name.as_bytes(), value.as_bytes());
        }
    }
}

/// True for a field that does not stay as it is.
#[inline]
pub(crate) fn takes_away(edits: &HeaderEdits, name: &[u8]) -> bool {
    let any = !(edits.set.is_empty() && edits.remove.is_empty());
    any && is_edited(edits, name)
}

#[inline(never)]
fn is_edited(edits: &HeaderEdits, name: &[u8]) -> bool {
    let set = edits.set.iter().map(|(name, _)| name);
    let mut edited = set.chain(&edits.remove);
    edited.any(|edited| edited.as_bytes().eq_ignore_ascii_case(name))
}
