//! The paths of one host, as a trie of segments.

use std::ops::Range;

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::matching::{RouteId, Segment};

/// The paths of one host. Its entries lie in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    entries: Vec<Entry>,
}

/// One path of one route.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry {
    pub(super) route: RouteId,
    /// The place of the path in the router's list.
    pub(super) path: u32,
}

/// A run of entries.
pub(super) type Run = Range<u32>;

/// The runs of entries whose path matches, in the order in which they are tried.
pub(super) type Candidates = SmallVec<[Run; 6]>;

#[derive(Debug, Clone, PartialEq, Default)]
struct Node {
    literals: HashMap<Box<[u8]>, u32>,
    param: Option<u32>,
    /// Entries whose path ends here.
    closed: Run,
    /// Entries that let anything follow.
    open: Run,
}

impl Trie {
    /// The runs of entries whose path matches. Visits each node at most once: a node has one depth, so one offset.
    pub(super) fn candidates(&self, path: &[u8]) -> Candidates {
        let mut runs = Candidates::new();
        let Some(root) = self.nodes.first() else {
            return runs;
        };
        let Some(path) = path.strip_prefix(b"/") else {
            runs.push(root.open.clone());
            return runs;
        };
        let mut waiting: SmallVec<[(&Node, usize); 6]> = SmallVec::new();
        waiting.push((root, 0));
        while let Some((node, start)) = waiting.pop() {
            if !node.open.is_empty() {
                runs.push(node.open.clone());
            }
            // One past the end means that the last segment has been taken.
            let Some(rest) = path.get(start..) else {
                if !node.closed.is_empty() {
                    runs.push(node.closed.clone());
                }
                continue;
            };
            let length = rest
                .iter()
                .position(|byte| *byte == b'/')
                .unwrap_or(rest.len());
            let after = start + length + 1;
            if let (Some(param), 1..) = (node.param, length) {
                waiting.push((&self.nodes[param as usize], after));
            }
            if let Some(literal) = node.literal(&rest[..length]) {
                waiting.push((&self.nodes[literal as usize], after));
            }
        }
        runs.sort_unstable_by_key(|run| run.start);
        runs
    }

    /// The entries of a run.
    pub(super) fn entries(&self, run: Run) -> &[Entry] {
        &self.entries[run.start as usize..run.end as usize]
    }

    /// Adds an entry behind all others. Entries of one path must be added one after another.
    pub(super) fn push(&mut self, segments: &[Segment], open: bool, entry: Entry) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let at = segments
            .iter()
            .fold(0, |at, segment| self.child(at, segment));
        let place = index(self.entries.len());
        self.entries.push(entry);
        let node = &mut self.nodes[at as usize];
        let run = if open {
            &mut node.open
        } else {
            &mut node.closed
        };
        if run.start == run.end {
            *run = place..place;
        }
        debug_assert!(run.end == place, "entries of one path lie together");
        run.end = place + 1;
    }

    fn child(&mut self, parent: u32, segment: &Segment) -> u32 {
        let new = index(self.nodes.len());
        let node = &mut self.nodes[parent as usize];
        let child = match segment {
            Segment::Literal(text) => *node.literals.entry(text.as_bytes().into()).or_insert(new),
            Segment::Param(_) => *node.param.get_or_insert(new),
        };
        if child == new {
            self.nodes.push(Node::default());
        }
        child
    }
}

impl Node {
    fn literal(&self, segment: &[u8]) -> Option<u32> {
        if self.literals.is_empty() {
            None
        } else {
            self.literals.get(segment).copied()
        }
    }
}

/// Entries and nodes are bounded far below 2^32 by `limits`.
fn index(length: usize) -> u32 {
    u32::try_from(length).expect("limits bound the number of routes and segments")
}
