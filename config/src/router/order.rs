//! Which of two paths of the same host is tried first.

use std::cmp::Ordering;

use crate::matching::{PathPattern, Segment};

/// Exact paths before patterns with parameters before prefixes; longer prefixes before shorter; and, segment by
/// segment, text before a parameter. Patterns of the same shape are equal, whatever their parameters are called.
pub(super) fn compare(a: &PathPattern, b: &PathPattern) -> Ordering {
    let length = |path: &PathPattern| if path.open { path.segments.len() } else { 0 };
    class(a)
        .cmp(&class(b))
        .then_with(|| length(b).cmp(&length(a)))
        .then_with(|| compare_segments(&a.segments, &b.segments))
}

fn class(path: &PathPattern) -> u8 {
    match (path.open, path.params().next()) {
        (true, _) => 2,
        (false, Some(_)) => 1,
        (false, None) => 0,
    }
}

fn compare_segments(a: &[Segment], b: &[Segment]) -> Ordering {
    let differing = a.iter().zip(b).map(|pair| match pair {
        (Segment::Literal(a), Segment::Literal(b)) => a.cmp(b),
        (Segment::Literal(_), Segment::Param(_)) => Ordering::Less,
        (Segment::Param(_), Segment::Literal(_)) => Ordering::Greater,
        (Segment::Param(_), Segment::Param(_)) => Ordering::Equal,
    });
    differing
        .into_iter()
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}
