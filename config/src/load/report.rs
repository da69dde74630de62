//! Complaints about what could be read but makes no sense, each with its place.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::ops::Range;
use std::time::Duration;

use crate::error::problem::Problem;
use crate::limits::{self, Bound};
use crate::load::locate::{Located, every_item, has_misspelt, locate, one_line};
use crate::load::step::Step;
use crate::load::tree::Node;
use crate::values::amount::Size;
use crate::values::duration;
use crate::values::wrong::Wrong;

/// Gathers complaints.
pub(super) struct Report<'a> {
    tree: &'a Node<'a>,
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
    more: Cell<usize>,
}

/// A place in the file's structure, or a flag, at which something can be complained about.
#[derive(Clone)]
pub(super) struct Place<'a> {
    report: &'a Report<'a>,
    spot: Spot<'a>,
}

#[derive(Clone)]
enum Spot<'a> {
    Root,
    Flag(&'static str),
    Under(&'a Place<'a>, Step<'a>),
}

impl<'a> Report<'a> {
    pub(super) fn new(tree: &'a Node<'a>, text: &'a str, problems: Vec<Problem>) -> Self {
        Self {
            tree,
            text,
            problems: RefCell::new(problems),
            more: Cell::new(0),
        }
    }

    /// The whole file.
    pub(super) fn root(&'a self) -> Place<'a> {
        Place {
            report: self,
            spot: Spot::Root,
        }
    }

    /// The complaints, and how many more there would have been.
    pub(super) fn finish(self) -> (Vec<Problem>, usize) {
        (self.problems.into_inner(), self.more.get())
    }

    /// Whether enough was complained about; then nothing more is looked up, so that a huge bad file costs no more.
    fn is_full(&self) -> bool {
        self.problems.borrow().len() >= limits::DIAGNOSTICS
    }
}

impl<'a> Place<'a> {
    /// The value of a key under this place.
    pub(super) fn key<'b>(&'b self, key: &'b str) -> Place<'b> {
        Place {
            report: self.report,
            spot: Spot::Under(self, Step::Key(key.into())),
        }
    }

    /// An item of the list at this place.
    pub(super) fn index(&self, at: usize) -> Place<'_> {
        Place {
            report: self.report,
            spot: Spot::Under(self, Step::Index(at)),
        }
    }

    /// A flag of the command line instead of this place, where it was given.
    pub(super) fn or_flag(self, flag: &'static str, given: bool) -> Self {
        if given {
            Self {
                spot: Spot::Flag(flag),
                ..self
            }
        } else {
            self
        }
    }

    /// Complains about the value here.
    pub(super) fn say(&self, wrong: Wrong) {
        self.complain(wrong, |located| located.value.clone(), None);
    }

    /// Complains about the key here: it is the key that should not be there.
    pub(super) fn say_of_key(&self, wrong: Wrong) {
        self.complain(wrong, |located| located.key.clone(), None);
    }

    /// Complains about the value here, and points at another place as well.
    pub(super) fn say_beside(&self, wrong: Wrong, other: &Place<'_>, label: &str) {
        let span = if self.report.is_full() {
            None
        } else {
            other.located().map(|located| self.line(located.value))
        };
        self.complain(
            wrong,
            |located| located.value.clone(),
            span.map(|span| (span, label.to_owned())),
        );
    }

    /// Complains that a key under this place is missing, unless it is there, or a key much like it, and was complained
    /// about already.
    pub(super) fn missing(&self, key: &str, help: &str) {
        if !self.written(key) && !self.misspelt(key) {
            self.key(key).complain(
                Wrong::new(format!("`{key}` is missing")).help(help),
                |located| located.key.clone(),
                None,
            );
        }
    }

    /// Complains that a list under this place is missing or has nothing in it, unless something in it was complained
    /// about already.
    pub(super) fn empty(&self, key: &str, help: &str) {
        self.missing(key, help);
        if self.written(key) && !self.broken(key) {
            self.key(key)
                .say_of_key(Wrong::new(format!("`{key}` is empty")).help(help));
        }
    }

    /// Whether a key under this place is written, be it readable or not.
    pub(super) fn written(&self, key: &str) -> bool {
        self.report.is_full()
            || self
                .key(key)
                .located()
                .is_some_and(|located| located.written)
    }

    /// Whether a key under this place, or a part of it, was complained about already.
    pub(super) fn broken(&self, key: &str) -> bool {
        self.report.is_full()
            || self
                .key(key)
                .located()
                .is_some_and(|located| located.broken)
    }

    fn misspelt(&self, key: &str) -> bool {
        self.steps()
            .is_some_and(|steps| has_misspelt(self.report.tree, &steps, key))
    }

    /// The value, if it is there and within its bound. Complains if it is out of it.
    pub(super) fn within<T: Amount>(&self, value: Option<T>, bound: &Bound<T>) -> Option<T> {
        let value = value?;
        if value < bound.min || value > bound.max {
            let side = if value < bound.min { "small" } else { "large" };
            let wrong = Wrong::new(format!("{} is too {side}", value.shown()));
            self.say(wrong.help(format!(
                "from {} to {}",
                bound.min.shown(),
                bound.max.shown()
            )));
            return None;
        }
        Some(value)
    }

    /// The value if it is there and within its bound, else the default. Complains if it is out of it.
    pub(super) fn bounded<T: Amount>(&self, value: Option<T>, bound: &Bound<T>) -> T {
        self.within(value, bound).unwrap_or(bound.default)
    }

    /// Complains if there are too many of something here.
    pub(super) fn at_most(&self, count: usize, most: usize, what: impl Display) {
        if count > most {
            self.say_of_key(
                Wrong::new(format!("{count} {what} are too many")).help(format!("at most {most}")),
            );
        }
    }

    fn complain(
        &self,
        wrong: Wrong,
        span: impl Fn(&Located) -> Range<usize>,
        related: Option<(Range<usize>, String)>,
    ) {
        if self.report.is_full() {
            self.report.more.set(self.report.more.get() + 1);
            return;
        }
        let located = self.located();
        let path = match (&self.spot, &located) {
            (Spot::Flag(flag), _) => (*flag).to_owned(),
            (_, Some(located)) => located.path.clone(),
            (_, None) => String::new(),
        };
        self.report.problems.borrow_mut().push(Problem {
            message: wrong.message,
            help: wrong.help,
            path,
            span: located.map(|located| self.line(span(&located))),
            related,
        });
    }

    fn line(&self, span: Range<usize>) -> Range<usize> {
        one_line(self.report.text, span)
    }

    /// Where this is in the text; `None` for a flag.
    fn located(&self) -> Option<Located> {
        Some(locate(self.report.tree, &self.steps()?))
    }

    /// The steps to this from the root; `None` for a flag.
    fn steps(&self) -> Option<Vec<Step<'_>>> {
        let mut steps = Vec::new();
        let mut place = self;
        loop {
            match &place.spot {
                Spot::Flag(_) => return None,
                Spot::Root => break,
                Spot::Under(parent, step) => {
                    steps.push(step.clone());
                    place = parent;
                }
            }
        }
        steps.reverse();
        Some(every_item(self.report.tree, steps))
    }
}

/// A value with an order and a text.
pub(super) trait Amount: Copy + PartialOrd {
    fn shown(self) -> String;
}

impl Amount for u32 {
    fn shown(self) -> String {
        self.to_string()
    }
}

impl Amount for u64 {
    fn shown(self) -> String {
        Size(self).show()
    }
}

impl Amount for Duration {
    fn shown(self) -> String {
        duration::show(self)
    }
}
