//! The paths of one host, as a trie of segments.

use std::ops::Range;

use smallvec::SmallVec;

use crate::matching::{RouteId, Segment};
use crate::router::literals::Literals;

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
    /// Whether the route asks for more than host and path. If not, there is nothing else to look at.
    pub(super) special: bool,
    /// The place of the path in the router's list.
    pub(super) path: u32,
}

/// A run of entries.
pub(super) type Run = Range<u32>;

/// The runs of entries whose path matches, in the order in which they are tried.
pub(super) type Candidates = SmallVec<[Run; 6]>;

#[derive(Debug, Clone, PartialEq, Default)]
struct Node {
    literals: Literals,
    param: Option<u32>,
    /// Entries whose path ends here.
    closed: Run,
    /// Entries that let anything follow.
    open: Run,
}

impl Trie {
    /// Gives the runs of entries whose path matches. Visits each node at most once: a node has one depth, so one offset.
    pub(super) fn candidates(&self, path: &[u8], runs: &mut Candidates) {
        runs.clear();
        let Some(root) = self.nodes.first() else {
            return;
        };
        let Some(path) = path.strip_prefix(b"/") else {
            runs.push(root.open.clone());
            return;
        };
        // Where a segment matches both text and a parameter, the parameter's branch waits.
        let mut waiting: SmallVec<[(u32, usize); 6]> = SmallVec::new();
        let (mut node, mut start) = (root, 0);
        loop {
            if !node.open.is_empty() {
                runs.push(node.open.clone());
            }
            let next = match path.get(start..) {
                Some(rest) => node.step(rest, start, &mut waiting),
                None => {
                    // One past the end: the last segment has been taken.
                    if !node.closed.is_empty() {
                        runs.push(node.closed.clone());
                    }
                    None
                }
            };
            let Some((child, after)) = next.or_else(|| waiting.pop()) else {
                break;
            };
            (node, start) = (&self.nodes[child as usize], after);
        }
        if runs.len() > 1 {
            runs.sort_unstable_by_key(|run| run.start);
        }
    }

    /// The entries of a run.
    pub(super) fn entries(&self, run: &Run) -> &[Entry] {
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
            Segment::Literal(text) => node.literals.get_or_insert(text.as_bytes(), new),
            Segment::Param(_) => *node.param.get_or_insert(new),
        };
        if child == new {
            self.nodes.push(Node::default());
        }
        child
    }
}

impl Node {
    /// The child for the first segment of `rest`, which begins at `start`, and where what follows it begins.
    fn step(
        &self,
        rest: &[u8],
        start: usize,
        waiting: &mut SmallVec<[(u32, usize); 6]>,
    ) -> Option<(u32, usize)> {
        let slash = rest.iter().position(|byte| *byte == b'/');
        let segment = &rest[..slash.unwrap_or(rest.len())];
        let after = start + segment.len() + 1;
        let param = self.param.filter(|_| !segment.is_empty());
        let Some(literal) = self.literals.get(segment) else {
            return param.map(|param| (param, after));
        };
        if let Some(param) = param {
            waiting.push((param, after));
        }
        Some((literal, after))
    }
}

/// Entries and nodes are bounded far below 2^32 by `limits`.
fn index(length: usize) -> u32 {
    u32::try_from(length).expect("limits bound the number of routes and segments")
}
