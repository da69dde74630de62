//! Slow readings of the fields that caches heed, from their grammars alone.

use std::collections::BTreeMap;

/// What a dictionary's member is (RFC 8941 section 3.2), as far as anybody here asks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Member {
    True,
    Integer(i64),
    Text(String),
    Other,
}

/// A dictionary; nothing where it is none.
pub(crate) fn dictionary(text: &[u8]) -> Option<BTreeMap<String, Member>> {
    let mut reader = Reader(text);
    let mut all = BTreeMap::new();
    reader.skip(b" ");
    while !reader.0.is_empty() {
        let key = reader.key()?;
        let member = match reader.eat(b'=') {
            true if reader.peek() == Some(b'(') => reader.inner_list()?,
            true => reader.bare()?,
            false => Member::True,
        };
        reader.parameters()?;
        all.insert(key, member);
        reader.skip(b" \t");
        if reader.0.is_empty() {
            break;
        }
        if !reader.eat(b',') {
            return None;
        }
        reader.skip(b" \t");
        if reader.0.is_empty() {
            return None;
        }
    }
    Some(all)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.0 = &self.0[1..];
        }
        there
    }

    fn skip(&mut self, bytes: &[u8]) {
        while self.peek().is_some_and(|byte| bytes.contains(&byte)) {
            self.0 = &self.0[1..];
        }
    }

    fn run(&mut self, is_in: impl Fn(u8) -> bool) -> String {
        let len = self.0.iter().position(|byte| !is_in(*byte));
        let (run, rest) = self.0.split_at(len.unwrap_or(self.0.len()));
        self.0 = rest;
        String::from_utf8_lossy(run).into_owned()
    }

    fn key(&mut self) -> Option<String> {
        if !matches!(self.peek()?, b'a'..=b'z' | b'*') {
            return None;
        }
        Some(self.run(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*')))
    }

    fn parameters(&mut self) -> Option<()> {
        while self.eat(b';') {
            self.skip(b" ");
            self.key()?;
            if self.eat(b'=') {
                self.bare()?;
            }
        }
        Some(())
    }

    fn inner_list(&mut self) -> Option<Member> {
        self.next();
        loop {
            self.skip(b" ");
            if self.eat(b')') {
                return Some(Member::Other);
            }
            self.bare()?;
            self.parameters()?;
            if !matches!(self.peek()?, b' ' | b')') {
                return None;
            }
        }
    }

    fn bare(&mut self) -> Option<Member> {
        match self.peek()? {
            b'"' => self.text(),
            b'-' | b'0'..=b'9' => self.number(),
            b':' => self.bytes(),
            b'?' => {
                self.next();
                match self.next()? {
                    b'0' => Some(Member::Other),
                    b'1' => Some(Member::True),
                    _ => None,
                }
            }
            b'@' => {
                self.next();
                // A date is a count of seconds (RFC 9651 section 3.3.7).
                matches!(self.number()?, Member::Integer(_)).then_some(Member::Other)
            }
            b'%' => self.display(),
            b'*' | b'a'..=b'z' | b'A'..=b'Z' => {
                self.run(|byte| {
                    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
                });
                Some(Member::Other)
            }
            _ => None,
        }
    }

    fn text(&mut self) -> Option<Member> {
        self.next();
        let mut text = String::new();
        loop {
            match self.next()? {
                b'"' => return Some(Member::Text(text)),
                b'\\' => match self.next()? {
                    byte @ (b'"' | b'\\') => text.push(byte.into()),
                    _ => return None,
                },
                byte @ b' '..=b'~' => text.push(byte.into()),
                _ => return None,
            }
        }
    }

    fn number(&mut self) -> Option<Member> {
        let sign = if self.eat(b'-') { -1 } else { 1 };
        let whole = self.run(|byte| byte.is_ascii_digit());
        if whole.is_empty() {
            return None;
        }
        if !self.eat(b'.') {
            let fits = whole.len() <= 15;
            return fits.then(|| Some(Member::Integer(sign * whole.parse::<i64>().ok()?)))?;
        }
        let part = self.run(|byte| byte.is_ascii_digit());
        (whole.len() <= 12 && (1..=3).contains(&part.len())).then_some(Member::Other)
    }

    fn bytes(&mut self) -> Option<Member> {
        self.next();
        let text = self.run(|byte| byte != b':');
        let sound = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        (self.eat(b':') && sound && is_base64(&text)).then_some(Member::Other)
    }

    fn display(&mut self) -> Option<Member> {
        self.next();
        if !self.eat(b'"') {
            return None;
        }
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(text).ok().map(|_| Member::Other),
                b'%' => {
                    let mut digit = || match self.next()? {
                        byte @ (b'0'..=b'9' | b'a'..=b'f') => char::from(byte).to_digit(16),
                        _ => None,
                    };
                    text.push((digit()? * 16 + digit()?) as u8);
                }
                byte @ b' '..=b'~' => text.push(byte),
                _ => return None,
            }
        }
    }
}

/// Whether it is in base 64; padding and the bits that nobody reads may be missing or set (RFC 8941 section 4.2.7).
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let whole = (digits.len() + padding).is_multiple_of(4) && padding <= 2;
    !digits.contains('=') && digits.len() % 4 != 1 && (padding == 0 || whole)
}

/// What a request's lines of a field mean to a Vary that names it: the same for lines that say the same; nothing where there
/// are none.
pub(crate) fn meaning(name: &str, lines: &[String]) -> Option<Vec<String>> {
    if lines.is_empty() {
        return None;
    }
    let all = lines
        .iter()
        .map(|line| line.trim_matches([' ', '\t']).to_owned());
    let all = all.collect::<Vec<_>>().join(", ");
    let preference = matches!(name, "accept-encoding" | "accept-language");
    if matches!(name, "cookie" | "user-agent") || !preference && all.contains('"') {
        return Some(vec![all]);
    }
    let members = all
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']));
    let mut members: Vec<String> = members
        .filter(|member| !member.is_empty())
        .map(str::to_owned)
        .collect();
    if preference {
        for member in &mut members {
            member.make_ascii_lowercase();
        }
        members.sort();
    }
    Some(members)
}

/// Which of `len` bytes a Range asks for, as often and in the order in which it does; nothing where it is not to be heeded.
pub(crate) fn asked_for(range: &[u8], len: u64) -> Option<Vec<u64>> {
    let text = std::str::from_utf8(range).ok()?;
    let (unit, set) = text.split_once('=')?;
    if !unit.trim_matches([' ', '\t']).eq_ignore_ascii_case("bytes") {
        return None;
    }
    let members = set
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']));
    let members: Vec<_> = members.filter(|member| !member.is_empty()).collect();
    if members.is_empty() {
        return None;
    }
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().ok())?
    };
    let mut bytes = Vec::new();
    for member in members {
        let (first, last) = member.split_once('-')?;
        let asks = |at: u64| -> Option<bool> {
            Some(match (first, last) {
                ("", last) => len - at <= number(last)?,
                (first, "") => at >= number(first)?,
                (first, last) => at >= number(first)? && at <= number(last)?,
            })
        };
        match (first, last) {
            ("", last) => drop(number(last)?),
            (first, "") => drop(number(first)?),
            (first, last) if number(first)? > number(last)? => return None,
            _ => {}
        }
        for at in 0..len {
            if asks(at)? {
                bytes.push(at);
            }
        }
    }
    Some(bytes)
}
