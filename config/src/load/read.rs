//! From a tree to the file's structures. A value that cannot be read is complained about and passed over, so that one
//! mistake does not hide the next.

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;

use crate::error::problem::Problem;
use crate::file::File;
use crate::limits;
use crate::load::locate::{locate, one_line};
use crate::load::step::Step;
use crate::load::tree::{Entry, Kind, Node};
use crate::values::scalar::{HELP_MARK, expected};
use crate::values::words::unknown;
use crate::values::wrong::Wrong;

/// Reads the file's structures. `None` if there is too much to complain about.
pub(super) fn read(tree: &mut Node<'_>, text: &str, problems: &mut Vec<Problem>) -> Option<File> {
    while problems.len() < limits::DIAGNOSTICS {
        let failure = match File::deserialize(&*tree) {
            Ok(file) => return Some(file),
            Err(failure) => failure,
        };
        let steps: Vec<Step<'static>> = failure.steps.into_iter().rev().collect();
        let place = locate(tree, &steps);
        problems.push(Problem {
            message: failure.wrong.message,
            help: failure.wrong.help,
            path: place.path,
            span: Some(one_line(
                text,
                if failure.of_key {
                    place.key
                } else {
                    place.value
                },
            )),
            related: None,
        });
        if !tree.mark_broken(&steps) {
            return None;
        }
    }
    None
}

/// What stopped the reading, and where.
#[derive(Debug)]
pub(super) struct Failure {
    wrong: Wrong,
    /// The innermost step first.
    steps: Vec<Step<'static>>,
    of_key: bool,
}

impl Failure {
    fn new(wrong: Wrong) -> Self {
        Self {
            wrong,
            steps: Vec::new(),
            of_key: false,
        }
    }

    fn under(mut self, step: Step<'static>) -> Self {
        self.steps.push(step);
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.wrong.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        let text = text.to_string();
        Self::new(match text.split_once(HELP_MARK) {
            Some((message, help)) => Wrong::new(message).help(help),
            None => Wrong::new(text),
        })
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        let found = match found {
            Unexpected::Map => "a table".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            found => found.to_string(),
        };
        Self::new(expected(&wanted.to_string(), &found))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self {
            of_key: true,
            ..Self::new(unknown("key", field, known.iter().copied()))
        }
    }
}

impl<'de> Deserializer<'de> for &'de Node<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.kind {
            Kind::Text(text) => visitor.visit_str(text),
            Kind::Integer(number) => visitor.visit_i64(*number),
            Kind::Float(number) => visitor.visit_f64(*number),
            Kind::Bool(flag) => visitor.visit_bool(*flag),
            Kind::Datetime => Err(Failure::new(Wrong::new("a date means nothing here"))),
            Kind::List(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Kind::Table(entries) => visitor.visit_map(Entries {
                rest: entries.iter(),
                current: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.kind {
            Kind::List(_) => self.deserialize_any(visitor),
            Kind::Table(_) => Err(Failure::new(
                expected("a list of tables", "one table")
                    .help("write its name in two pairs of brackets: `[[…]]`"),
            )),
            _ => Err(Failure::new(expected("a list", self.found()))),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.kind {
            Kind::Table(_) => self.deserialize_any(visitor),
            Kind::List(_) => Err(Failure::new(
                expected("one table", "a list")
                    .help("write its name in one pair of brackets: `[…]`"),
            )),
            _ => Err(Failure::new(expected("a table", self.found()))),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct newtype_struct tuple tuple_struct enum identifier ignored_any
    }
}

struct Items<'de, 'i>(std::iter::Enumerate<std::slice::Iter<'de, Node<'i>>>);

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        match self.0.find(|(_, node)| !node.broken) {
            None => Ok(None),
            Some((at, node)) => seed
                .deserialize(node)
                .map(Some)
                .map_err(|failure| failure.under(Step::Index(at))),
        }
    }
}

struct Entries<'de, 'i> {
    rest: std::slice::Iter<'de, Entry<'i>>,
    current: Option<&'de Entry<'i>>,
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        self.current = self.rest.find(|entry| !entry.value.broken);
        let Some(entry) = self.current else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, Failure> = entry.key.as_ref().into_deserializer();
        seed.deserialize(key)
            .map(Some)
            .map_err(|failure| failure.under(step_to(entry)))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let Some(entry) = self.current.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(&entry.value)
            .map_err(|failure| failure.under(step_to(entry)))
    }
}

fn step_to(entry: &Entry<'_>) -> Step<'static> {
    Step::Key(entry.key.clone().into_owned().into())
}
