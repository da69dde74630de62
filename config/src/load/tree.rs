//! The parsed text with its variables filled in, and where each part of it stands.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::problem::Problem;
use crate::limits;
use crate::load::interpolate::{Env, fill};
use crate::load::step::{Step, dotted};
use crate::values::wrong::Wrong;

/// A value of the file.
#[derive(Debug)]
pub(super) struct Node<'i> {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind<'i>,
    /// Complained about already; reading passes over it.
    pub(super) broken: bool,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Kind<'i> {
    Text(Cow<'i, str>),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Datetime,
    List(Vec<Node<'i>>),
    Table(Vec<Entry<'i>>),
}

/// A key and its value.
#[derive(Debug)]
pub(super) struct Entry<'i> {
    pub(super) key: Cow<'i, str>,
    pub(super) key_span: Range<usize>,
    pub(super) value: Node<'i>,
}

/// Makes a tree of a parsed text. Values that cannot be used are marked as broken, each with a complaint.
pub(super) fn build<'i>(
    table: Spanned<DeTable<'i>>,
    text: &str,
    env: Env<'_>,
    problems: &mut Vec<Problem>,
) -> Node<'i> {
    let span = table.span();
    let mut builder = Builder {
        text,
        env,
        problems,
        steps: Vec::new(),
    };
    let kind = builder.table(table.into_inner());
    Node {
        span,
        kind,
        broken: false,
    }
}

struct Builder<'a> {
    text: &'a str,
    env: Env<'a>,
    problems: &'a mut Vec<Problem>,
    steps: Vec<Step<'static>>,
}

impl Builder<'_> {
    fn table<'i>(&mut self, table: DeTable<'i>) -> Kind<'i> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let key_span = key.span();
            let key = key.into_inner();
            self.steps
                .push(Step::Key(Cow::Owned(key.clone().into_owned())));
            entries.push(Entry {
                key,
                key_span,
                value: self.node(value),
            });
            self.steps.pop();
        }
        Kind::Table(entries)
    }

    fn node<'i>(&mut self, value: Spanned<DeValue<'i>>) -> Node<'i> {
        let span = value.span();
        let (kind, broken) = match self.kind(value.into_inner(), &span) {
            Ok(kind) => (kind, false),
            Err((wrong, span)) => {
                self.complain(wrong, span);
                (Kind::Datetime, true)
            }
        };
        Node { span, kind, broken }
    }

    fn kind<'i>(
        &mut self,
        value: DeValue<'i>,
        span: &Range<usize>,
    ) -> Result<Kind<'i>, (Wrong, Range<usize>)> {
        let here = |wrong| (wrong, span.clone());
        if self.steps.len() > limits::DEPTH {
            return Err(here(Wrong::new("tables are nested too deeply")));
        }
        Ok(match value {
            DeValue::Boolean(flag) => Kind::Bool(flag),
            DeValue::Datetime(_) => Kind::Datetime,
            DeValue::Float(float) => Kind::Float(float.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Integer(integer) => {
                let number = i64::from_str_radix(integer.as_str(), integer.radix());
                Kind::Integer(number.map_err(|_| here(Wrong::new("the number is too large")))?)
            }
            DeValue::String(text) => self.filled(text, span)?,
            DeValue::Table(table) => self.table(table),
            DeValue::Array(array) => {
                let mut items = Vec::with_capacity(array.len());
                for (at, item) in array.into_iter().enumerate() {
                    self.steps.push(Step::Index(at));
                    items.push(self.node(item));
                    self.steps.pop();
                }
                Kind::List(items)
            }
        })
    }

    fn filled<'i>(
        &mut self,
        text: Cow<'i, str>,
        span: &Range<usize>,
    ) -> Result<Kind<'i>, (Wrong, Range<usize>)> {
        match fill(&text, self.env) {
            Ok(None) => Ok(Kind::Text(text)),
            Ok(Some(filled)) => Ok(Kind::Text(Cow::Owned(filled))),
            Err((wrong, hole)) => Err((wrong, self.within(span, hole))),
        }
    }

    /// The bytes of `part` within the written form of a string, or the whole string where escapes hide it.
    fn within(&self, span: &Range<usize>, part: &str) -> Range<usize> {
        let start = self
            .text
            .get(span.clone())
            .and_then(|written| written.find(part));
        start.map_or(span.clone(), |at| {
            span.start + at..span.start + at + part.len()
        })
    }

    fn complain(&mut self, wrong: Wrong, span: Range<usize>) {
        if self.problems.len() < limits::DIAGNOSTICS {
            self.problems.push(Problem {
                message: wrong.message,
                help: wrong.help,
                path: dotted(&self.steps),
                span: Some(span),
                related: None,
            });
        }
    }
}

impl<'i> Node<'i> {
    /// The value of a key, broken or not.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry<'i>> {
        match &self.kind {
            Kind::Table(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// What this is, for a complaint about its type.
    pub(super) fn found(&self) -> &'static str {
        match self.kind {
            Kind::Text(_) => "a string",
            Kind::Integer(_) | Kind::Float(_) => "a number",
            Kind::Bool(_) => "a boolean",
            Kind::Datetime => "a date",
            Kind::List(_) => "a list",
            Kind::Table(_) => "a table",
        }
    }

    /// Marks the value at `steps` as broken. `false` if there is none, or it was broken before.
    pub(super) fn mark_broken(&mut self, steps: &[Step<'_>]) -> bool {
        let Some((step, rest)) = steps.split_first() else {
            return !std::mem::replace(&mut self.broken, true);
        };
        let next = match (&mut self.kind, step) {
            (Kind::Table(entries), Step::Key(key)) => entries
                .iter_mut()
                .find(|entry| entry.key == *key)
                .map(|entry| &mut entry.value),
            (Kind::List(items), Step::Index(at)) => items.get_mut(*at),
            _ => None,
        };
        next.is_some_and(|next| next.mark_broken(rest))
    }
}
