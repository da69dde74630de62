//! The list that Cache-Control is (RFC 9111 section 5.2), member by member.

use ringfence_http::syntax::{is_ows, is_token, trim_ows};

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

    /// Whether it is the directive of this name, which is in lower case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The directives of one field line.
pub(crate) struct Directives<'a> {
    rest: &'a [u8],
    /// Quotes quote. From one on that is not closed they do not, so that a `no-store` behind it is seen, and so that
    /// no line is searched twice.
    quotes: bool,
}

impl<'a> Directives<'a> {
    pub(crate) fn of(line: &'a [u8]) -> Self {
        Self {
            rest: line,
            quotes: true,
        }
    }

    /// Where the first member ends: at the first comma that is not quoted.
    fn member_end(&mut self) -> usize {
        let mut at = 0;
        while let Some(byte) = self.rest.get(at) {
            match byte {
                b',' => break,
                b'"' if self.quotes => match quoted_len(&self.rest[at..]) {
                    Some(len) => at += len,
                    None => self.quotes = false,
                },
                _ => at += 1,
            }
        }
        at
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
    fn an_open_quote_hides_nothing() {
        let found = read(r#"private="x, no-store, max-age=1"#);
        assert_eq!(
            found,
            [
                ("private", Some("\"x"), false),
                ("no-store", None, true),
                ("max-age", Some("1"), true),
            ]
        );
    }

    /// Splits at commas outside quotes by trying every way to read the quotes from the left.
    fn slow_members(line: &[u8]) -> Vec<Vec<u8>> {
        let closes = |from: usize| {
            let mut escaped = false;
            (from + 1..line.len()).find(|at| {
                let ends = line[*at] == b'"' && !escaped;
                escaped = line[*at] == b'\\' && !escaped;
                ends
            })
        };
        let (mut members, mut member, mut at, mut open) = (vec![], vec![], 0, false);
        while at < line.len() {
            let end = match line[at] {
                b'"' if !open => closes(at),
                _ => None,
            };
            open |= line[at] == b'"' && end.is_none();
            match end {
                Some(end) => {
                    member.extend_from_slice(&line[at..=end]);
                    at = end;
                }
                None if line[at] == b',' => members.push(std::mem::take(&mut member)),
                None => member.push(line[at]),
            }
            at += 1;
        }
        members.push(member);
        let trimmed = members.iter().map(|member| trim_ows(member).to_vec());
        trimmed.filter(|member| !member.is_empty()).collect()
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
