//! The list that Cache-Control is (RFC 9111 section 5.2), member by member.

use ringfence_http::syntax::{is_ows, is_token, trim_ows};

use crate::seconds::Seconds;

/// One directive as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Directive<'a> {
    /// Its name, of whatever case.
    pub(crate) name: &'a [u8],
    /// What stands behind `=`: a token, or what is between quotes with its escapes as they are.
    pub(crate) value: Option<&'a [u8]>,
    /// Whether it is as the grammar has it.
    pub(crate) sound: bool,
}

impl<'a> Directive<'a> {
    fn of(member: &'a [u8]) -> Self {
        let Some(at) = member.iter().position(|byte| *byte == b'=') else {
            return Self {
                name: member,
                value: None,
                sound: is_token(member),
            };
        };
        let (name, value) = (trim_ows(&member[..at]), &member[at + 1..]);
        let unspaced = name.len() == at && !value.first().is_some_and(|byte| is_ows(*byte));
        let value = trim_ows(value);
        let (value, whole) = match quoted_len(value) {
            Some(len) => (&value[1..len - 1], len == value.len()),
            None => (value, is_token(value)),
        };
        Self {
            name,
            value: Some(value),
            sound: unspaced && whole && is_token(name),
        }
    }

    /// The count of seconds that it gives.
    pub(crate) fn seconds(&self) -> Seconds {
        match self.value {
            Some(value) if self.sound => Seconds::parse(value),
            _ => Seconds::Invalid,
        }
    }

    /// Whether it is the directive of this name, which is in lower case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The directives of one field line.
pub(crate) struct Directives<'a> {
    rest: &'a [u8],
}

impl<'a> Directives<'a> {
    pub(crate) fn of(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    /// Where the first member ends: at the first comma that is not quoted. Only a value is quoted, and all of it: any other
    /// quote is a byte like others, so that it hides no `no-store` behind it.
    fn member_end(&self) -> usize {
        let list = self.rest;
        let comma = |from: usize| {
            let comma = list[from..].iter().position(|byte| *byte == b',');
            comma.map_or(list.len(), |at| from + at)
        };
        let end = comma(0);
        match list[..end].iter().position(|byte| *byte == b'=') {
            Some(at) => comma(at + 1 + quoted_value(&list[at + 1..])),
            None => end,
        }
    }
}

/// The length of the quoted string that `text` begins with, where nothing but the member's end follows; else 0.
fn quoted_value(text: &[u8]) -> usize {
    let len = quoted_len(text).unwrap_or(0);
    let behind = text[len..].iter().find(|byte| !is_ows(**byte));
    match behind {
        None | Some(b',') => len,
        Some(_) => 0,
    }
}

impl<'a> Iterator for Directives<'a> {
    type Item = Directive<'a>;

    fn next(&mut self) -> Option<Directive<'a>> {
        while !self.rest.is_empty() {
            let (member, rest) = self.rest.split_at(self.member_end());
            self.rest = rest.get(1..).unwrap_or_default();
            let member = trim_ows(member);
            if !member.is_empty() {
                return Some(Directive::of(member));
            }
        }
        None
    }
}

/// The length of the quoted string that `text` begins with, quotes included (RFC 9110 section 5.6.4); nothing where it
/// does not begin with one that ends.
fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut bytes = text.iter().enumerate().skip(1);
    if text.first() != Some(&b'"') {
        return None;
    }
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some(at + 1),
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(line: &str) -> Vec<(&str, Option<&str>, bool)> {
        let text = |bytes| std::str::from_utf8(bytes).expect("a test's own text");
        Directives::of(line.as_bytes())
            .map(|directive| {
                let Directive { name, value, sound } = directive;
                (text(name), value.map(text), sound)
            })
            .collect()
    }

    #[test]
    fn members_as_the_grammar_has_them() {
        let line = r#",max-age=60 ,, Private="a, b" ,no-store,x="\"",y="""#;
        assert_eq!(
            read(line),
            [
                ("max-age", Some("60"), true),
                ("Private", Some("a, b"), true),
                ("no-store", None, true),
                ("x", Some(r#"\""#), true),
                ("y", Some(""), true),
            ]
        );
        assert_eq!(read(""), []);
        assert_eq!(read(" , ,"), []);
    }

    #[test]
    fn what_is_not_so_is_told() {
        for line in [
            "max-age =60",
            "max-age= 60",
            "max-age=",
            "max-age=\"60\"0",
            "max-age=6 0",
            "max-age=60;x",
            "=60",
            "a b",
            "max-age=60=1",
        ] {
            let found = read(line);
            assert_eq!(found.len(), 1, "{line}: {found:?}");
            assert!(!found[0].2, "{line}");
        }
    }

    #[test]
    fn a_stray_quote_hides_nothing() {
        for (line, want) in [
            (
                r#"private="x, no-store, max-age=1"#,
                ["private", "no-store", "max-age"],
            ),
            (
                r#"s-maxage=100, a=b", private, x="y""#,
                ["s-maxage", "a", "private"],
            ),
            (
                r#"max-age=9, y", no-store, x="1""#,
                ["max-age", "y\"", "no-store"],
            ),
            (r#"x="1"2, no-store, y="3""#, ["x", "no-store", "y"]),
            (r#"x= "1, no-store, y="#, ["x", "no-store", "y"]),
            (r#""a, no-store, b"="c""#, ["\"a", "no-store", "b\""]),
        ] {
            let names: Vec<_> = read(line).iter().map(|member| member.0).collect();
            assert_eq!(names[..3], want, "{line}");
        }
    }

    /// Splits at commas by trying each end that a member may have, the longest quoted value last.
    fn slow_members(line: &[u8]) -> Vec<Vec<u8>> {
        let mut members = Vec::new();
        let mut rest = line.to_vec();
        while !rest.is_empty() {
            let ends = (0..=rest.len()).filter(|end| *end == rest.len() || rest[*end] == b',');
            let ends: Vec<usize> = ends.collect();
            let quoted = ends.iter().find(|end| is_quoted_member(&rest[..**end]));
            let end = *quoted.unwrap_or(&ends[0]);
            members.push(trim_ows(&rest[..end]).to_vec());
            rest = rest[(end + 1).min(rest.len())..].to_vec();
        }
        members.retain(|member| !member.is_empty());
        members
    }

    /// Whether it is a name without a comma, `=`, and one quoted string that does not end before it does.
    fn is_quoted_member(member: &[u8]) -> bool {
        let text = String::from_utf8_lossy(member).into_owned();
        let Some((name, value)) = text.split_once('=') else {
            return false;
        };
        let value = value.trim_end_matches([' ', '\t']);
        let inner = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'));
        let closed = |inner: &str| {
            let unescaped = inner.replace("\\\\", "").replace("\\\"", "");
            !unescaped.contains('"') && !unescaped.ends_with('\\')
        };
        !name.contains(',') && inner.is_some_and(closed)
    }

    proptest! {
        #[test]
        fn members_are_those_of_a_slow_reader(line in r#"[a=, "\\]{0,24}"#) {
            let names: Vec<_> = Directives::of(line.as_bytes()).collect();
            let members = slow_members(line.as_bytes());
            prop_assert_eq!(names.len(), members.len());
            for (directive, member) in names.iter().zip(&members) {
                let again = Directive::of(member);
                prop_assert_eq!((directive.name, directive.value), (again.name, again.value));
            }
        }

        #[test]
        fn any_bytes_are_read(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let read: usize = Directives::of(&line).map(|directive| directive.name.len()).sum();
            prop_assert!(read <= line.len());
        }
    }
}
