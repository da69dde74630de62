//! Paths in normal form.

use proptest::prelude::*;
use ringfence_http::path::{Normal, normalise};

fn run(path: &[u8], merge_slashes: bool) -> Option<Vec<u8>> {
    let mut scratch = Vec::new();
    match normalise(path, &mut scratch, merge_slashes).ok()? {
        Normal::Same => Some(path.to_vec()),
        Normal::Changed => Some(scratch),
    }
}

/// The same by RFC 3986 section 6.2.2, on lists of segments.
fn slow(path: &str, merge_slashes: bool) -> Option<String> {
    let decoded = decode(path)?;
    let segments: Vec<&str> = decoded.split('/').skip(1).collect();
    let last = segments.len() - 1;
    let mut kept: Vec<&str> = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        match *segment {
            "." => {}
            ".." => drop(kept.pop()?),
            "" if merge_slashes && index != last => {}
            other => kept.push(other),
        }
        if index == last && matches!(*segment, "." | "..") {
            kept.push("");
        }
    }
    let hides = |segment: &&str| {
        let split = segment.replace("%5C", "\\").replace("%2F", "\\");
        let mut names = split
            .split('\\')
            .map(|part| part.split(';').next().unwrap());
        names.any(|name| name == "." || name == "..")
    };
    if segments.iter().any(|s| *s != "." && *s != ".." && hides(s)) {
        return None;
    }
    Some(kept.iter().map(|segment| format!("/{segment}")).collect())
}

fn decode(path: &str) -> Option<String> {
    let mut parts = path.split('%');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let byte = u8::from_str_radix(part.get(..2)?, 16).ok()?;
        if byte == 0 || part.starts_with('+') {
            return None;
        }
        let byte = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-._~".contains(byte) {
            out.push(byte);
        } else {
            out.push_str(&format!("%{:02X}", u32::from(byte)));
        }
        out.push_str(&part[2..]);
    }
    Some(out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn as_the_slow_way(
        path in "(/(a|\\.|%2e|%2F|%5c|%41|%00|%0|;|b){0,4}){1,6}",
        merge_slashes in any::<bool>(),
    ) {
        let fast = run(path.as_bytes(), merge_slashes).map(|path| String::from_utf8(path).unwrap());
        prop_assert_eq!(fast, slow(&path, merge_slashes));
    }

    #[test]
    fn normal_paths_stay(path in "(/[a-z.%;2eEfF]{0,5}){1,5}", merge_slashes in any::<bool>()) {
        if let Some(once) = run(path.as_bytes(), merge_slashes) {
            prop_assert_eq!(once.first(), Some(&b'/'));
            let mut scratch = Vec::new();
            prop_assert_eq!(normalise(&once, &mut scratch, merge_slashes), Ok(Normal::Same));
        }
    }

    #[test]
    fn any_bytes(path in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = run(&path, true);
    }
}
