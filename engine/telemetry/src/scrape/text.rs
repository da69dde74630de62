//! Writes Prometheus's text exposition format 0.0.4.

use crate::histogram::Snapshot;
use std::{
    fmt::{Display, Write},
    time::Duration,
};

/// What a metric is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A label's name and its value, not yet escaped.
pub(super) type Label<'a> = (&'a str, &'a str);

/// A writer of metrics. Writing into a string can't fail, so results are dropped.
pub(super) struct Text<'a> {
    out: &'a mut String,
    name: &'static str,
}

impl<'a> Text<'a> {
    pub(super) fn new(out: &'a mut String) -> Self {
        Self { out, name: "" }
    }

    /// Begins a metric; its samples follow.
    pub(super) fn head(&mut self, name: &'static str, kind: Kind, help: &str) {
        self.name = name;
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One sample of the metric begun last.
    pub(super) fn sample(&mut self, labels: &[Label<'_>], value: u64) {
        self.line("", labels, None, value);
    }

    /// One sample that need not be a whole number.
    pub(super) fn real(&mut self, labels: &[Label<'_>], value: f64) {
        self.line("", labels, None, value);
    }

    /// All samples of a histogram: cumulative buckets, sum and count.
    pub(super) fn histogram(
        &mut self,
        labels: &[Label<'_>],
        total: &Snapshot,
        bounds: &[Duration],
    ) {
        for &bound in bounds {
            let le = bound.as_secs_f64().to_string();
            self.line(
                "_bucket",
                labels,
                Some(("le", &le)),
                total.count_up_to(bound),
            );
        }
        self.line("_bucket", labels, Some(("le", "+Inf")), total.count());
        self.line("_sum", labels, None, total.sum_seconds());
        self.line("_count", labels, None, total.count());
    }

    fn line(
        &mut self,
        suffix: &str,
        labels: &[Label<'_>],
        last: Option<Label<'_>>,
        value: impl Display,
    ) {
        self.out.push_str(self.name);
        self.out.push_str(suffix);
        let mut before = '{';
        for (name, label) in labels.iter().copied().chain(last) {
            self.out.push(before);
            before = ',';
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape(label, self.out);
            self.out.push('"');
        }
        if before == ',' {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}

/// The three characters that a label's value must escape.
fn escape(label: &str, out: &mut String) {
    for c in label.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}
