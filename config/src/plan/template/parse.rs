//! Reading a template, and refusing one that would let a request choose where clients are sent.

use schemars::{Schema, json_schema};

use crate::limits;
use crate::plan::template::{Hole, Piece, Place, Template};
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::{Wrong, quoted};

impl FromScalar for Template {
    const WHAT: &'static str = "a URL such as \"https://example.com{path}?{query}\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        check_start(text)?;
        let mut parser = Parser {
            text,
            pieces: Vec::new(),
            place: first_place(text),
        };
        parser.run()?;
        let template = Self {
            text: text.to_owned(),
            pieces: parser.pieces,
            relative: text.starts_with('/') || text.starts_with("{path}"),
        };
        check_authority(&template)?;
        Ok(template)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "examples": ["https://{host}{path}?{query}", "/new/{id}"] })
    }
}

impl ToScalar for Template {
    fn to_scalar(&self) -> Written {
        self.text.clone().into()
    }
}

fn check_start(text: &str) -> Result<(), Wrong> {
    const HELP: &str = "begin with `https://`, `http://`, `{scheme}://` or `/`";
    if text.is_empty() {
        return Err(Wrong::new("the redirect goes nowhere").help(HELP));
    }
    if text.len() > limits::TEMPLATE {
        return Err(
            Wrong::new(format!("a redirect of {} bytes is too long", text.len()))
                .help(format!("at most {}", limits::TEMPLATE)),
        );
    }
    let absolute = ["http://", "https://", "{scheme}://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let relative = (text.starts_with('/') && !text.starts_with("//")) || text.starts_with("{path}");
    match absolute {
        Some(rest) if rest.is_empty() || rest.starts_with(['/', '?', '#']) => Err(Wrong::new(
            format!("the redirect {} has no host", quoted(text)),
        )
        .help("for example \"https://{host}{path}\"")),
        None if !relative => {
            Err(Wrong::new(format!("the redirect {} goes nowhere", quoted(text))).help(HELP))
        }
        _ => Ok(()),
    }
}

fn first_place(text: &str) -> Place {
    if text.starts_with('/') || text.starts_with("{path}") {
        Place::Path
    } else {
        Place::Scheme
    }
}

struct Parser<'a> {
    text: &'a str,
    pieces: Vec<Piece>,
    place: Place,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), Wrong> {
        let mut rest = self.text;
        while !rest.is_empty() {
            let literal = &rest[..rest.find(['{', '}']).unwrap_or(rest.len())];
            rest = &rest[literal.len()..];
            self.literal(literal)?;
            if rest.is_empty() {
                break;
            }
            let end = rest
                .find('}')
                .filter(|_| rest.starts_with('{'))
                .ok_or_else(|| {
                    Wrong::new(format!("the braces in {} do not match", quoted(self.text)))
                })?;
            self.hole(&rest[1..end])?;
            rest = &rest[end + 1..];
        }
        Ok(())
    }

    fn literal(&mut self, literal: &str) -> Result<(), Wrong> {
        let fine = |b: u8| {
            b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'|')
        };
        if !literal.bytes().all(fine) {
            return Err(Wrong::new(format!(
                "the redirect {} has a character that no URL has",
                quoted(self.text)
            ))
            .help("escape it as `%` and two hex digits"));
        }
        for (at, byte) in literal.bytes().enumerate() {
            self.place = match (self.place, byte) {
                (Place::Scheme, b'/') if literal[..=at].ends_with("//") => Place::Authority,
                (Place::Authority, b'/') => Place::Path,
                (Place::Authority | Place::Path, b'?' | b'#') => Place::Query,
                (place, _) => place,
            };
        }
        if !literal.is_empty() {
            self.pieces.push(Piece::Literal(literal.to_owned()));
        }
        Ok(())
    }

    fn hole(&mut self, name: &str) -> Result<(), Wrong> {
        let hole = match name {
            "scheme" => Hole::Scheme,
            "host" => Hole::Host,
            "path" => Hole::Path,
            "query" => Hole::Query,
            name => Hole::Param(name.to_owned()),
        };
        if self.place == Place::Authority && hole == Hole::Path {
            self.place = Place::Path;
        }
        if hole == Hole::Query {
            self.query_mark();
        }
        self.pieces.push(Piece::Hole(hole, self.place));
        Ok(())
    }

    /// Takes a `?` off the end of the literal before the hole, and puts the mark that comes and goes with the query.
    fn query_mark(&mut self) {
        let Some(Piece::Literal(before)) = self.pieces.last_mut() else {
            return;
        };
        if before.ends_with('?') {
            before.pop();
            if before.is_empty() {
                self.pieces.pop();
            }
            self.pieces.push(Piece::QueryMark);
        }
    }
}

/// In the host's place only `{host}`, alone, or parameters in front of a fixed domain; else a request could send clients anywhere.
fn check_authority(template: &Template) -> Result<(), Wrong> {
    let in_authority = |piece: &&Piece| matches!(piece, Piece::Hole(_, Place::Authority));
    let Some(last) = template
        .pieces
        .iter()
        .rposition(|piece| in_authority(&piece))
    else {
        return Ok(());
    };
    let wrong = |message: String| {
        Err(Wrong::new(message).help("in the host's place: `{host}`, or a parameter before a fixed domain such as \"https://{tenant}.example.com/\""))
    };
    for piece in &template.pieces[..=last] {
        if let Piece::Hole(Hole::Query | Hole::Scheme | Hole::Path, Place::Authority) = piece {
            return wrong(format!(
                "the redirect {} has this hole in the host's place",
                quoted(&template.text)
            ));
        }
    }
    let after = match template.pieces.get(last + 1) {
        Some(Piece::Literal(text)) => text.split(['/', '?', '#', ':']).next().unwrap_or_default(),
        _ => "",
    };
    let fixed = match template.pieces[last] {
        Piece::Hole(Hole::Host, _) => after.is_empty() || after.starts_with('.'),
        _ => after
            .strip_prefix('.')
            .is_some_and(|domain| domain.bytes().any(|b| b.is_ascii_alphabetic())),
    };
    if fixed {
        Ok(())
    } else {
        wrong(format!(
            "the redirect {} lets the request choose the host",
            quoted(&template.text)
        ))
    }
}
