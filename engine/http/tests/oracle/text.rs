//! Lines, fields and byte classes, from the grammar as printed.

/// Name and value of a field.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body.
    None,
    /// A length.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Until the peer closes.
    UntilClose,
}

/// `tchar` of RFC 9110 section 5.6.2.
pub(crate) fn is_tchar(c: char) -> bool {
    matches!(
        c,
        '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '.' | '^' | '_' | '`' | '|' | '~'
    ) || c.is_ascii_digit()
        || c.is_ascii_alphabetic()
}

/// `token` of the same section.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| is_tchar(char::from(*b)))
}

/// A byte that may stand in a field value or a reason phrase.
pub(crate) fn is_text(byte: u8) -> bool {
    byte == 9 || (32..127).contains(&byte) || byte > 127
}

/// Lines without their CRLF; an error if one of them ends otherwise.
pub(crate) type Lines = Result<Vec<Vec<u8>>, ()>;

/// The lines of the section at the start of `bytes`, without CRLF, up to its empty line; and its
/// length with that. `None` if the empty line is not there.
pub(crate) fn section(bytes: &[u8]) -> Option<(Lines, usize)> {
    let mut lines = Ok(Vec::new());
    let mut at = 0;
    loop {
        let len = bytes[at..].iter().position(|b| *b == b'\n')?;
        let mut line = bytes[at..at + len].to_vec();
        at += len + 1;
        let had_cr = line.pop_if(|last| *last == b'\r').is_some();
        if !had_cr || line.contains(&b'\r') {
            lines = Err(());
        }
        if line.is_empty() {
            return Some((lines, at));
        }
        if let Ok(lines) = &mut lines {
            lines.push(line);
        }
    }
}

/// `field-name ":" OWS field-value OWS`
pub(crate) fn field(line: &[u8]) -> Option<Field> {
    let colon = line.iter().position(|b| *b == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) || !value.iter().all(|b| is_text(*b)) {
        return None;
    }
    Some((name.to_vec(), trim(value)))
}

/// Without spaces and tabs around.
pub(crate) fn trim(value: &[u8]) -> Vec<u8> {
    let is_space = |b: &u8| *b == b' ' || *b == b'\t';
    let start = value.iter().position(|b| !is_space(b));
    let Some(start) = start else {
        return Vec::new();
    };
    let end = value.iter().rposition(|b| !is_space(b)).unwrap();
    value[start..=end].to_vec()
}

/// All values of a field.
pub(crate) fn values(fields: &[Field], name: &str) -> Vec<Vec<u8>> {
    let same = |other: &[u8]| other.to_ascii_lowercase() == name.as_bytes();
    fields
        .iter()
        .filter(|field| same(&field.0))
        .map(|field| field.1.clone())
        .collect()
}

/// True if the list field holds this member, in any case.
pub(crate) fn lists(fields: &[Field], name: &str, member: &str) -> bool {
    values(fields, name).iter().any(|value| {
        value
            .split(|b| *b == b',')
            .any(|part| trim(part).to_ascii_lowercase() == member.as_bytes())
    })
}

/// What Content-Length and Transfer-Encoding say; an error if they must be refused.
pub(crate) fn framing(fields: &[Field], minor: u8) -> Result<Option<Framing>, ()> {
    let lengths = values(fields, "content-length");
    let codings = values(fields, "transfer-encoding");
    match (&lengths[..], &codings[..]) {
        ([], []) => Ok(None),
        ([length], []) => {
            let text = String::from_utf8(length.clone()).map_err(|_| ())?;
            if text.is_empty() || !text.chars().all(|c| c.is_ascii_digit()) {
                return Err(());
            }
            Ok(Some(Framing::Length(text.parse().map_err(|_| ())?)))
        }
        ([], [coding]) if minor == 1 && coding.eq_ignore_ascii_case(b"chunked") => {
            Ok(Some(Framing::Chunked))
        }
        _ => Err(()),
    }
}

/// Whether the connection may be kept.
pub(crate) fn keep_alive(fields: &[Field], minor: u8) -> bool {
    let asked = lists(fields, "connection", "keep-alive");
    !lists(fields, "connection", "close") && (minor == 1 || asked)
}
