//! A request as an origin received it.

/// One request as an origin received it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The request target, as it stood on the line.
    pub target: String,
    /// The field lines in order; values trimmed.
    pub fields: Vec<(String, String)>,
    /// The decoded content.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: Vec<(String, String)>,
    /// The bytes of the head as they came.
    pub head: String,
    /// Which connection of the origin it came on, counted from 0.
    pub connection: usize,
}

impl Request {
    /// The value of the only field of that name; panics when it came more than once.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} came more than once: {all:?}");
        all.first().copied()
    }

    /// The values of every field of that name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .filter(same)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub(super) fn has(&self, name: &str, word: &str) -> bool {
        self.all(name)
            .iter()
            .any(|value| value.to_ascii_lowercase().contains(word))
    }

    pub(super) fn parse(head: &[u8], connection: usize) -> Request {
        let head = String::from_utf8_lossy(head).into_owned();
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let mut words = lines
            .next()
            .unwrap_or_default()
            .splitn(3, ' ')
            .map(str::to_string);
        let (method, target) = (words.next(), words.next());
        Request {
            method: method.unwrap_or_default(),
            target: target.unwrap_or_default(),
            fields: lines.filter_map(split_field).collect(),
            connection,
            head: head.clone(),
            ..Request::default()
        }
    }
}

/// Name and value of a field line.
pub(super) fn split_field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.to_string(), value.trim().to_string()))
}
