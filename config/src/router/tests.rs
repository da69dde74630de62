//! The router against a slow, obvious model, and by example.

use proptest::prelude::*;

use super::*;
use crate::matching::host::HostChoice;
use crate::matching::{HostPattern, Matcher, Segment};
use crate::values::scalar::FromScalar;

/// A route as a test writes it: host, path, methods, headers.
type Written<'a> = (&'a str, &'a str, &'a [&'a str], &'a [(&'a str, &'a str)]);

fn matcher((host, path, methods, headers): Written<'_>) -> Matcher {
    Matcher {
        hosts: HostChoice::from_text(host).unwrap().0.into_iter().collect(),
        paths: vec![PathPattern::from_text(path).unwrap()],
        methods: methods.iter().map(|method| (*method).to_owned()).collect(),
        headers: headers
            .iter()
            .map(|(name, value)| HeaderMatch {
                name: (*name).to_owned(),
                test: if *value == "*" {
                    HeaderTest::Present
                } else {
                    HeaderTest::Exact((*value).to_owned())
                },
            })
            .collect(),
    }
}

fn router(routes: &[Written<'_>]) -> Router {
    let matchers: Vec<Matcher> = routes.iter().map(|route| matcher(*route)).collect();
    Router::build(matchers.iter())
}

fn ask(router: &Router, host: &str, path: &str, method: &str) -> Result<u32, Miss> {
    let query = Query {
        host: host.as_bytes(),
        path: path.as_bytes(),
        method: method.as_bytes(),
        header: &|_, _| false,
    };
    router.find(&query).map(|found| found.route.0)
}

#[test]
fn the_most_specific_host_wins() {
    let router = router(&[
        ("*", "/*", &[], &[]),
        ("*.com", "/*", &[], &[]),
        ("*.a.com", "/*", &[], &[]),
        ("b.a.com", "/*", &[], &[]),
    ]);
    for (host, route) in [
        ("x.org", 0),
        ("a.com", 1),
        ("x.a.com", 2),
        ("y.x.a.com", 2),
        ("b.a.com", 3),
        ("B.A.com:80", 3),
        ("b.a.com.", 3),
        ("com", 0),
        ("", 0),
        ("[::1]:80", 0),
    ] {
        assert_eq!(ask(&router, host, "/", "GET"), Ok(route), "{host}");
    }
}

#[test]
fn the_most_specific_path_wins() {
    let router = router(&[
        ("*", "/*", &[], &[]),
        ("*", "/api/*", &[], &[]),
        ("*", "/api/v1/*", &[], &[]),
        ("*", "/api/{x}", &[], &[]),
        ("*", "/api/health", &[], &[]),
        ("*", "/{a}/v1/*", &[], &[]),
    ]);
    for (path, route) in [
        ("/", 0),
        ("/apis", 0),
        ("/api", 1),
        ("/api/", 1),
        ("/api/a/b", 1),
        ("/api/v1/x", 2),
        ("/api/v1", 3),
        ("/api/q", 3),
        ("/api/health", 4),
        ("/q/v1", 5),
        ("*", 0),
    ] {
        assert_eq!(ask(&router, "h", path, "GET"), Ok(route), "{path}");
    }
}

#[test]
fn a_refused_method_falls_back_and_then_tells_what_is_allowed() {
    let router = router(&[
        ("*", "/a", &["GET", "HEAD"], &[]),
        ("*", "/a", &["PUT"], &[]),
        ("*", "/a/*", &["POST"], &[]),
        ("h", "/b", &["GET"], &[]),
    ]);
    assert_eq!(ask(&router, "h", "/a", "PUT"), Ok(1));
    assert_eq!(ask(&router, "h", "/a", "POST"), Ok(2));
    let allow = |allow: &str| {
        Err(Miss::MethodNotAllowed {
            allow: allow.to_owned(),
        })
    };
    assert_eq!(
        ask(&router, "h", "/a", "DELETE"),
        allow("GET, HEAD, POST, PUT")
    );
    assert_eq!(ask(&router, "h", "/b", "get"), allow("GET"));
    assert_eq!(ask(&router, "other", "/b", "GET"), Err(Miss::NoRoute));
}

#[test]
fn a_host_without_the_path_leaves_it_to_the_next() {
    let router = router(&[("*", "/*", &[], &[]), ("a.com", "/x", &[], &[])]);
    assert_eq!(ask(&router, "a.com", "/y", "GET"), Ok(0));
}

#[test]
fn parameters_are_views_into_the_path() {
    let router = router(&[
        ("*", "/users/{id}/posts", &[], &[]),
        ("*", "/files/{id}/*", &[], &[]),
    ]);
    let params = |path: &'static str| {
        let query = Query {
            host: b"",
            path: path.as_bytes(),
            method: b"GET",
            header: &|_, _| false,
        };
        let found = router.find(&query).unwrap();
        let params = router.params(found, path.as_bytes());
        params
            .iter()
            .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(params("/users/7/posts"), "id=7");
    assert_eq!(params("/files/7"), "id=7 *=");
    assert_eq!(params("/files/7/"), "id=7 *=");
    assert_eq!(params("/files/7/a/b"), "id=7 *=a/b");
    assert_eq!(ask(&router, "", "/users//posts", "GET"), Err(Miss::NoRoute));
}

#[test]
fn an_empty_router_has_no_route() {
    assert_eq!(ask(&Router::default(), "h", "/", "GET"), Err(Miss::NoRoute));
}

/// The slow, obvious model: every path of every route that matches, the most specific first.
fn model(matchers: &[Matcher], query: &Query<'_>) -> Result<u32, Vec<String>> {
    let host = String::from_utf8(query.host.to_vec()).unwrap();
    let mut matching = Vec::new();
    for (at, matcher) in matchers.iter().enumerate() {
        for host_rank in host_ranks(matcher, &host) {
            for path in matcher
                .paths
                .iter()
                .filter(|path| path_matches(path, query.path))
            {
                let restricted = !matcher.methods.is_empty() || !matcher.headers.is_empty();
                matching.push((host_rank, path_rank(path), !restricted, at));
            }
        }
    }
    matching.sort();
    let mut allowed = Vec::new();
    for (.., at) in matching {
        let matcher = &matchers[at];
        let headers_hold = matcher.headers.iter().all(|header| match &header.test {
            HeaderTest::Present => (query.header)(&header.name, &|_| true),
            HeaderTest::Exact(wanted) => {
                (query.header)(&header.name, &|value| value == wanted.as_bytes())
            }
        });
        if !headers_hold {
            continue;
        }
        if matcher.methods.is_empty()
            || matcher
                .methods
                .iter()
                .any(|method| method.as_bytes() == query.method)
        {
            return Ok(u32::try_from(at).unwrap());
        }
        allowed.extend(matcher.methods.clone());
    }
    allowed.sort();
    allowed.dedup();
    Err(allowed)
}

/// Lower is more specific; one rank for each of the matcher's hosts that match.
fn host_ranks(matcher: &Matcher, host: &str) -> Vec<i64> {
    if matcher.hosts.is_empty() {
        return vec![1];
    }
    let rank = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(exact) => (exact == host).then_some(-1_000),
        HostPattern::Below(suffix) => host
            .ends_with(&format!(".{suffix}"))
            .then_some(-(i64::try_from(suffix.len()).unwrap())),
    };
    matcher.hosts.iter().filter_map(rank).collect()
}

fn path_matches(pattern: &PathPattern, path: &[u8]) -> bool {
    let path = std::str::from_utf8(path).unwrap();
    let segments: Vec<&str> = path[1..].split('/').collect();
    let long_enough = if pattern.open {
        segments.len() >= pattern.segments.len()
    } else {
        segments.len() == pattern.segments.len()
    };
    long_enough
        && pattern
            .segments
            .iter()
            .zip(&segments)
            .all(|(segment, text)| match segment {
                Segment::Literal(literal) => literal == text,
                Segment::Param(_) => !text.is_empty(),
            })
}

/// Lower is more specific: the class, then the length of a prefix, then whether each segment is a parameter.
fn path_rank(pattern: &PathPattern) -> (u8, i64, Vec<bool>) {
    let params: Vec<bool> = pattern
        .segments
        .iter()
        .map(|segment| matches!(segment, Segment::Param(_)))
        .collect();
    if pattern.open {
        (2, -i64::try_from(params.len()).unwrap(), params)
    } else {
        (u8::from(params.contains(&true)), 0, params)
    }
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let host = prop::sample::select(vec!["a.b", "*.b", "*.a.b", "b", "c.a.b"])
        .prop_map(|host| HostChoice::from_text(host).unwrap().0.unwrap());
    let path = "(/(a|b|\\{x\\})){0,3}(/|/\\*)"
        .prop_map(|path| PathPattern::from_text(&path).unwrap_or(PathPattern::any()));
    let path = (path, "(/(a|b|\\{x\\})){1,3}").prop_map(|(open, closed)| {
        if closed.len() % 2 == 0 {
            open
        } else {
            PathPattern::from_text(&closed).unwrap_or(open)
        }
    });
    let method = prop::sample::select(vec!["GET", "POST"]).prop_map(str::to_owned);
    let test = prop::sample::select(vec![HeaderTest::Present, HeaderTest::Exact("1".to_owned())]);
    let header = ("[xy]", test).prop_map(|(name, test)| HeaderMatch { name, test });
    (
        prop::collection::vec(host, 0..3),
        prop::collection::vec(path, 1..3),
        prop::collection::vec(method, 0..2),
        prop::collection::vec(header, 0..2),
    )
        .prop_map(|(hosts, paths, methods, headers)| Matcher {
            hosts,
            paths,
            methods,
            headers,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn agrees_with_the_model(
        matchers in prop::collection::vec(any_matcher(), 0..12),
        host in prop::sample::select(vec!["a.b", "b", "c.b", "c.a.b", "d.c.a.b", ""]),
        path in "(/(a|b|c|)){1,4}",
        method in prop::sample::select(vec!["GET", "POST", "PUT"]),
        x in prop::collection::vec("[12]", 0..3), y in prop::collection::vec("[12]", 0..3),
    ) {
        let header = |name: &str, holds: ValueTest<'_>| {
            let lines = if name == "x" { &x } else { &y };
            lines.iter().any(|value| holds(value.as_bytes()))
        };
        let query = Query { host: host.as_bytes(), path: path.as_bytes(), method: method.as_bytes(), header: &header };
        let found = Router::build(matchers.iter()).find(&query).map(|found| found.route.0);
        let expected = model(&matchers, &query).map_err(|allowed| match allowed.is_empty() {
            true => Miss::NoRoute,
            false => Miss::MethodNotAllowed { allow: allowed.join(", ") },
        });
        prop_assert_eq!(found, expected);
        for matcher in &matchers {
            let taken = !host_ranks(matcher, host).is_empty();
            for authority in [host.to_owned(), format!("{}:80", host.to_uppercase())] {
                let patterns = patterns_of(&authority);
                let takes = matcher.hosts.iter().any(|host| patterns.contains(host));
                prop_assert_eq!(takes || matcher.hosts.is_empty(), taken);
            }
        }
    }

    #[test]
    fn no_query_panics(host in prop::collection::vec(any::<u8>(), 0..80), path in prop::collection::vec(any::<u8>(), 0..80)) {
        let router = router(&[("*.a", "/{x}/b", &[], &[]), ("[::1]", "/*", &["GET"], &[])]);
        let query = Query { host: &host, path: &path, method: b"GET", header: &|_, _| false };
        if let Ok(found) = router.find(&query) {
            let _ = router.params(found, &path);
        }
    }
}
