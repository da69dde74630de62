//! A route's path is written as a normalised request path would be: what the router is asked for can match it.

use proptest::prelude::*;
use ringfence_config::PathPattern;
use ringfence_config::matching::path::literal_prefix;
use ringfence_config::values::scalar::FromScalar;
use ringfence_http::path::{Normal, normalise};

fn normal(path: &str) -> Option<String> {
    let mut scratch = Vec::new();
    match normalise(path.as_bytes(), &mut scratch, true).ok()? {
        Normal::Same => Some(path.to_owned()),
        Normal::Changed => String::from_utf8(scratch).ok(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn a_pattern_is_in_the_form_that_requests_are_brought_into(text in "(/([a-c.~!:%]|%2[0-9eEfF]|%[46][0-9a-f]|%[cC]3){0,4}){1,4}/?") {
        if let Ok(pattern) = PathPattern::from_text(&text) {
            let shown = pattern.show();
            prop_assert_eq!(normal(&shown), Some(shown.clone()));
            prop_assert_eq!(normal(&text), Some(shown));
        }
    }

    #[test]
    fn a_prefix_is_too(text in "(/([a-c.~!:%]|%2[0-9eEfF]|%[46][0-9a-f]|%[cC]3){0,4}){1,4}") {
        if let Ok(prefix) = literal_prefix(&text) {
            let shown = format!("{prefix}/");
            prop_assert_eq!(normal(&shown), Some(shown.clone()));
        }
    }
}
