//! Reading the Prometheus text format, version 0.0.4, strictly enough to notice when it is broken.

use std::collections::BTreeMap;

/// One scrape.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Every sample in order.
    pub samples: Vec<Sample>,
    /// The declared type of each family.
    pub types: BTreeMap<String, String>,
}

/// One line of a scrape.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The metric's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Metrics {
    /// Parses a scrape; panics on a line that is not in the format.
    #[track_caller]
    pub fn parse(text: &str) -> Metrics {
        let mut metrics = Metrics::default();
        assert!(text.ends_with('\n'), "the last line must be ended");
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(declared) = line.strip_prefix("# TYPE ") {
                let (name, kind) = declared.split_once(' ').expect("a type has a name");
                let twice = metrics.types.insert(name.into(), kind.into());
                assert!(twice.is_none(), "{name} is declared twice");
            } else if !line.starts_with('#') {
                let sample = parse_sample(line);
                metrics
                    .samples
                    .push(sample.unwrap_or_else(|| panic!("no sample: {line:?}")));
            }
        }
        metrics
    }

    /// The sum of all samples of that name that have all of these labels; 0 when there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|sample| sample.value).sum()
    }

    /// Whether there is any sample of that name.
    pub fn has(&self, name: &str) -> bool {
        self.matching(name, &[]).next().is_some()
    }

    /// All samples of that name that have all of these labels.
    pub fn matching<'m>(
        &'m self,
        name: &'m str,
        labels: &'m [(&'m str, &'m str)],
    ) -> impl Iterator<Item = &'m Sample> {
        self.samples.iter().filter(move |sample| {
            let has = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).map(String::as_str) == Some(*value)
            };
            sample.name == name && labels.iter().all(has)
        })
    }
}

fn parse_sample(line: &str) -> Option<Sample> {
    let (series, value) = match line.find('{') {
        Some(_) => line.rsplit_once("} ")?,
        None => line.split_once(' ')?,
    };
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b':';
    if name.is_empty() || !name.bytes().all(word) {
        return None;
    }
    let value = match value.trim() {
        "+Inf" => f64::INFINITY,
        value => value.parse().ok()?,
    };
    Some(Sample {
        name: name.into(),
        labels: parse_labels(labels)?,
        value,
    })
}

fn parse_labels(mut text: &str) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        if labels.insert(name.to_string(), value).is_some() {
            return None;
        }
        text = rest[end + 1..].trim_start_matches(',');
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_labels_with_escapes_and_sums() {
        let text =
            "# TYPE a_total counter\na_total{x=\"1\",y=\"q\\\"}\"} 2\na_total{x=\"2\"} 3\nb 1.5\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.sum("a_total", &[]), 5.0);
        assert_eq!(metrics.sum("a_total", &[("y", "q\"}")]), 2.0);
        assert!(metrics.has("b") && !metrics.has("c"));
    }
}
