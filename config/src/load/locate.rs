//! From steps to bytes of the text.

use std::ops::Range;

use crate::load::step::{Step, dotted};
use crate::load::tree::{Kind, Node};
use crate::values::words::nearest;

/// Where something is.
#[derive(Debug)]
pub(super) struct Located {
    /// Its dotted path.
    pub(super) path: String,
    /// The bytes of its key; of the item itself in a list.
    pub(super) key: Range<usize>,
    /// The bytes of its value.
    pub(super) value: Range<usize>,
    /// Whether all the steps could be gone. If not, the spans are those of the last table that is there.
    pub(super) written: bool,
    /// Whether it was complained about already, or a part of it was.
    pub(super) broken: bool,
}

/// Finds what is at `steps`, whose indices count every item.
pub(super) fn locate(tree: &Node<'_>, steps: &[Step<'_>]) -> Located {
    let (node, key, written) = walk(tree, steps);
    Located {
        path: dotted(steps),
        key,
        value: node.span.clone(),
        written,
        broken: written && has_broken(node),
    }
}

/// Whether the table at `steps` has an unknown key that was to be `key`.
pub(super) fn has_misspelt(tree: &Node<'_>, steps: &[Step<'_>], key: &str) -> bool {
    match walk(tree, steps) {
        (node, _, true) => match &node.kind {
            Kind::Table(entries) => entries
                .iter()
                .filter(|entry| entry.value.broken)
                .any(|entry| nearest(&entry.key, std::iter::once(key)).is_some()),
            _ => false,
        },
        _ => false,
    }
}

/// The node at `steps`, or the last one on the way that is there; its key's bytes; and whether all steps could be gone.
fn walk<'t, 'i>(tree: &'t Node<'i>, steps: &[Step<'_>]) -> (&'t Node<'i>, Range<usize>, bool) {
    let mut node = tree;
    let mut key = tree.span.clone();
    for step in steps {
        let next = match (&node.kind, step) {
            (Kind::Table(_), Step::Key(name)) => node
                .entry(name)
                .map(|entry| (&entry.value, entry.key_span.clone())),
            (Kind::List(items), Step::Index(at)) => {
                items.get(*at).map(|item| (item, item.span.clone()))
            }
            _ => None,
        };
        let Some((next, span)) = next else {
            return (node, key, false);
        };
        (node, key) = (next, span);
    }
    (node, key, true)
}

/// The steps with indices that count every item, from indices that count only what could be read. An index into what
/// is no list is dropped: `host = "a"` and `host = ["a"]` mean the same.
pub(super) fn every_item<'a>(tree: &Node<'_>, steps: Vec<Step<'a>>) -> Vec<Step<'a>> {
    let mut node = Some(tree);
    let mut out = Vec::with_capacity(steps.len());
    for step in steps {
        let next = match (node.map(|node| &node.kind), &step) {
            (Some(Kind::List(items)), Step::Index(at)) => {
                let Some((at, item)) = items
                    .iter()
                    .enumerate()
                    .filter(|(_, item)| !item.broken)
                    .nth(*at)
                else {
                    continue;
                };
                out.push(Step::Index(at));
                node = Some(item);
                continue;
            }
            (Some(_), Step::Index(_)) => continue,
            (Some(Kind::Table(_)), Step::Key(name)) => node
                .and_then(|node| node.entry(name))
                .map(|entry| &entry.value),
            _ => None,
        };
        out.push(step);
        node = next;
    }
    out
}

/// The part of a span that is on its first line: carets under whole tables help nobody.
pub(super) fn one_line(text: &str, span: Range<usize>) -> Range<usize> {
    let bytes = text.as_bytes().get(span.clone()).unwrap_or_default();
    let length = bytes
        .iter()
        .position(|byte| matches!(byte, b'\n' | b'\r'))
        .unwrap_or(bytes.len());
    span.start..span.start + length
}

fn has_broken(node: &Node<'_>) -> bool {
    node.broken
        || match &node.kind {
            Kind::List(items) => items.iter().any(has_broken),
            Kind::Table(entries) => entries.iter().any(|entry| has_broken(&entry.value)),
            _ => false,
        }
}
