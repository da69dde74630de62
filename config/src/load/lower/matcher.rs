//! What a route asks of a request.

use std::collections::BTreeMap;

use crate::file::route::Route as Written;
use crate::file::shape::OneOrMany;
use crate::limits;
use crate::load::report::Place;
use crate::matching::{HeaderMatch, HeaderTest, HostPattern, Matcher, PathPattern};
use crate::values::scalar::Scalar;
use crate::values::token::{FieldValue, Token, field_name};
use crate::values::wrong::Wrong;

/// Methods that people write in lower case.
const COMMON_METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE",
];

/// Takes the matcher's keys out of the route.
pub(super) fn take(file: &mut Written, at: &Place<'_>) -> Matcher {
    let hosts = many(file.host.take());
    let paths = many(file.path.take());
    let methods = many(file.methods.take());
    let headers = file.headers.take().unwrap_or_default();
    at.key("host").at_most(hosts.len(), limits::HOSTS, "hosts");
    at.key("path").at_most(paths.len(), limits::PATHS, "paths");
    at.key("methods")
        .at_most(methods.len(), limits::METHODS, "methods");
    at.key("headers")
        .at_most(headers.len(), limits::HEADERS, "headers");
    Matcher {
        hosts: self::hosts(hosts.into_iter().map(|host| host.0)),
        paths: self::paths(paths),
        methods: self::methods(methods, &at.key("methods")),
        headers: self::headers(headers, &at.key("headers")),
    }
}

fn many<T>(field: Option<OneOrMany<Scalar<T>>>) -> Vec<T> {
    field
        .map(|many| many.0)
        .unwrap_or_default()
        .into_iter()
        .map(|item| item.0)
        .collect()
}

/// A star among the hosts means any host, whatever stands beside it.
fn hosts(choices: impl Iterator<Item = Option<HostPattern>>) -> Vec<HostPattern> {
    let hosts: Option<Vec<HostPattern>> = choices.collect();
    let mut hosts = hosts.unwrap_or_default();
    hosts.sort();
    hosts.dedup();
    hosts
}

fn paths(mut paths: Vec<PathPattern>) -> Vec<PathPattern> {
    if paths.is_empty() {
        paths.push(PathPattern::any());
    }
    paths
}

fn methods(written: Vec<Token>, at: &Place<'_>) -> Vec<String> {
    let mut methods: Vec<String> = Vec::new();
    for (place, Token(method)) in written.into_iter().enumerate() {
        if method == "CONNECT" {
            at.index(place).say(
                Wrong::new("CONNECT is never routed")
                    .help("it asks for a tunnel, which is refused"),
            );
        } else if let Some(meant) = COMMON_METHODS
            .iter()
            .find(|common| **common != method && common.eq_ignore_ascii_case(&method))
        {
            at.index(place).say(
                Wrong::new(format!("the method `{method}` is not `{meant}`"))
                    .help(format!("methods are case-sensitive: \"{meant}\"")),
            );
        } else if let Some(meant) = mistyped(&method) {
            at.index(place).say(
                Wrong::new(format!("unknown method `{method}`"))
                    .help(format!("did you mean `{meant}`?")),
            );
        }
        let brings_head = method == "GET";
        methods.push(method);
        if brings_head {
            methods.push("HEAD".to_owned());
        }
    }
    methods.sort();
    methods.dedup();
    methods
}

/// A common method that differs in a letter or two swapped. Other unknown methods are fine: HTTP is open there.
fn mistyped(method: &str) -> Option<&'static str> {
    let lower = method.to_ascii_lowercase();
    let is_near = |common: &&&str| {
        strsim::damerau_levenshtein(&common.to_ascii_lowercase(), &lower) == 1
            && method.len() >= common.len()
    };
    if method.len() < 3 || COMMON_METHODS.contains(&method) {
        return None;
    }
    COMMON_METHODS.iter().find(is_near).copied()
}

fn headers(written: BTreeMap<String, Scalar<FieldValue>>, at: &Place<'_>) -> Vec<HeaderMatch> {
    let mut headers: Vec<HeaderMatch> = Vec::new();
    for (name, Scalar(FieldValue(value))) in written {
        let test = if value == "*" {
            HeaderTest::Present
        } else {
            HeaderTest::Exact(value)
        };
        match field_name(&name) {
            Err(wrong) => at.key(&name).say_of_key(wrong),
            Ok(lower) if headers.iter().any(|header| header.name == lower) => {
                at.key(&name).say_of_key(Wrong::new(format!(
                    "the header `{lower}` is asked for twice"
                )));
            }
            Ok(name) => headers.push(HeaderMatch { name, test }),
        }
    }
    headers.sort();
    headers
}
