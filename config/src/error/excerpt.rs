//! The few lines of a text that a complaint shows. miette's own way reads the text byte by byte, several times for
//! each complaint, and prints lines of any length.

use std::ops::Range;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// Bytes that are shown on either side of a span, and of a span.
const SHOWN: usize = 160;

/// A text from which excerpts are shown.
#[derive(Debug)]
pub(super) struct Excerpts<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

/// The beginning of a span, short enough to be underlined.
pub(super) fn cut(text: &str, span: &Range<usize>) -> Range<usize> {
    let end = span.end.min(span.start + SHOWN);
    span.start..text.floor_char_boundary(end)
}

impl SourceCode for Excerpts<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text = self.text;
        let (start, end) = (span.offset(), span.offset() + span.len());
        let (Some(head), Some(tail)) = (text.get(..start), text.get(end..)) else {
            return Err(MietteError::OutOfBounds);
        };
        let line_start = head.rfind('\n').map_or(0, |at| at + 1);
        let near = text.ceil_char_boundary(start.saturating_sub(SHOWN));
        let mut first = line_start.max(near);
        // Lines before are only shown where the line itself is shown from its beginning.
        for _ in 0..if first == line_start { before } else { 0 } {
            let above = text[..first].trim_end_matches('\n').rfind('\n');
            let above = above.map_or(0, |at| at + 1);
            first = if first - above > SHOWN { first } else { above };
        }
        if before == 0 {
            first = start;
        }
        let last = end + shown_after(tail, after);
        let line = text[..first].bytes().filter(|byte| *byte == b'\n').count();
        let column = text[..first].len() - text[..first].rfind('\n').map_or(0, |at| at + 1);
        let data = &text.as_bytes()[first..last];
        let span = (first, last - first).into();
        let lines = data.iter().filter(|byte| **byte == b'\n').count();
        let contents =
            MietteSpanContents::new_named(self.file.into(), data, span, line, column, lines);
        Ok(Box::new(contents))
    }
}

/// How much of what follows a span is shown: the rest of its line, and as many lines more.
fn shown_after(tail: &str, lines: usize) -> usize {
    let mut shown = 0;
    for _ in 0..=lines {
        let rest = &tail[shown..];
        let length = rest.find('\n').map_or(rest.len(), |at| at + 1);
        if length > SHOWN {
            return tail.floor_char_boundary(shown + SHOWN);
        }
        shown += length;
    }
    shown
}
