//! Complaints as miette draws them.

use std::fmt;
use std::iter::once;
use std::ops::Range;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use crate::error::excerpt::{Excerpts, cut};
use crate::error::problem::Problem;

/// Columns of a drawing; longer texts are wrapped.
const WIDTH: usize = 110;

/// Appends the drawing of a complaint.
pub(super) fn problem(file: &str, text: &str, problem: &Problem, colours: bool, out: &mut String) {
    let theme = if colours {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_links(false);
    let shown = Shown {
        problem,
        source: Excerpts { file, text },
    };
    if handler.render_report(out, &shown).is_err() {
        out.push_str(&problem.message);
        out.push('\n');
    }
}

/// A complaint beside its source, as miette asks for it.
#[derive(Debug)]
struct Shown<'a> {
    problem: &'a Problem,
    source: Excerpts<'a>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            message,
            path,
            span,
            ..
        } = self.problem;
        match span {
            Some(_) => f.write_str(message),
            None => write!(f, "{path}: {message}"),
        }
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.problem.span.as_ref().map(|_| &self.source as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Problem {
            path,
            span,
            related,
            ..
        } = self.problem;
        let label = |text: &String| (!text.is_empty()).then(|| text.clone());
        let short = |span: &Range<usize>| cut(self.source.text, span);
        let main = LabeledSpan::new_primary_with_span(label(path), short(span.as_ref()?));
        let other = related
            .iter()
            .map(move |(span, text)| LabeledSpan::new_with_span(label(text), short(span)));
        Some(Box::new(once(main).chain(other)))
    }
}
