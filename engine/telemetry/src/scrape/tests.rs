//! A small parser of the exposition format, and what a scrape must hold.

use super::*;
use ringfence_http::Reason;
use std::collections::{BTreeMap, HashSet};

/// Samples by name and labels as written.
struct Parsed {
    samples: BTreeMap<String, f64>,
    kinds: BTreeMap<String, String>,
}

impl Parsed {
    fn get(&self, series: &str) -> f64 {
        *self
            .samples
            .get(series)
            .unwrap_or_else(|| panic!("no {series} in {:#?}", self.samples))
    }
}

/// Parses and checks: HELP and TYPE before the samples, metrics in one piece, no series twice, values are numbers.
fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed {
        samples: BTreeMap::new(),
        kinds: BTreeMap::new(),
    };
    let mut helped = HashSet::new();
    let mut current = String::new();
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(!help.is_empty() && helped.insert(name), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(helped.contains(name), "{line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            parsed.kinds.insert(name.into(), kind.into());
            current = name.into();
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = check_series(series);
            let base = match parsed.kinds[&current].as_str() {
                "histogram" => ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|suffix| name.strip_suffix(suffix))
                    .unwrap(),
                "counter" => name.strip_suffix("_total").map(|_| name).unwrap(),
                _ => name,
            };
            assert_eq!(base, current, "{line}");
            let value = value.parse().unwrap();
            assert!(
                parsed.samples.insert(series.into(), value).is_none(),
                "{line}"
            );
        }
    }
    parsed
}

/// Checks a series' name and labels; gives the name.
fn check_series(series: &str) -> &str {
    let word = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let Some((name, labels)) = series.split_once('{') else {
        assert!(word(series), "{series}");
        return series;
    };
    assert!(word(name), "{series}");
    assert!(name.starts_with("ringfence_") || name.starts_with("http_request_duration_seconds_"));
    let mut rest = labels.strip_suffix('}').unwrap();
    loop {
        let (label, after) = rest.split_once("=\"").unwrap();
        assert!(word(label), "{series}");
        rest = after_quoted(after);
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => break,
        }
    }
    assert_eq!(rest, "", "{series}");
    name
}

/// What follows the closing quote; panics on an escape that the format does not know.
fn after_quoted(text: &str) -> &str {
    let mut bytes = text.bytes().enumerate();
    while let Some((ix, byte)) = bytes.next() {
        match byte {
            b'"' => return &text[ix + 1..],
            b'\\' => assert!(matches!(bytes.next(), Some((_, b'\\' | b'"' | b'n')))),
            b'\n' => panic!("line feed in a label"),
            _ => {}
        }
    }
    panic!("no closing quote: {text}");
}

fn extra() -> Extra<'static> {
    Extra {
        version: "0.1.0",
        uptime: Duration::from_millis(1_500),
        started: Duration::from_secs(1_700_000_000),
        thread_cpu: &|thread| (thread == 70).then_some(Duration::from_millis(250)),
        process: Process {
            open_fds: Some(12),
            ..Process::default()
        },
        servers: vec![ServerState {
            upstream: "app",
            server: "127.0.0.1:1",
            up: true,
            ejected: false,
            draining: false,
            ejections: 3,
        }],
    }
}

fn scrape(registry: &Registry) -> Parsed {
    let mut out = String::new();
    registry.render(&mut out, &extra());
    parse(&out)
}

#[test]
fn an_empty_registry_renders() {
    let parsed = scrape(&Registry::new());
    assert_eq!(parsed.get("ringfence_requests_total"), 0.0);
    assert_eq!(parsed.get("ringfence_uptime_seconds"), 1.5);
    assert_eq!(parsed.get("ringfence_process_open_fds"), 12.0);
    assert!(!parsed.kinds.contains_key("ringfence_process_threads"));
    assert_eq!(parsed.get(r#"ringfence_build_info{version="0.1.0"}"#), 1.0);
}

#[test]
fn workers_are_summed_and_shown_alone() {
    let registry = Registry::new();
    for ix in 0..2 {
        let worker = registry.worker(ix);
        worker.requests.add(10 + ix as u64);
        worker.refused(Reason::NoRoute);
        worker.pool_spill_hits.inc();
    }
    registry.worker(0).describe(crate::About {
        thread: 70,
        cpu: Some(3),
        driver: "monoio",
        lack: Some("no native driver".to_owned()),
    });
    let parsed = scrape(&registry);
    assert_eq!(parsed.get("ringfence_requests_total"), 21.0);
    assert_eq!(
        parsed.get(r#"ringfence_worker_requests_total{worker="1"}"#),
        11.0
    );
    assert_eq!(
        parsed.get(r#"ringfence_refusals_total{reason="no_route"}"#),
        2.0
    );
    assert_eq!(
        parsed.get(r#"ringfence_pool_hits_total{from="spill"}"#),
        2.0
    );
    assert_eq!(
        parsed.get(r#"ringfence_worker_cpu_seconds_total{worker="0"}"#),
        0.25
    );
    assert_eq!(
        parsed.get(
            r#"ringfence_worker_info{worker="0",driver="monoio",lack="no native driver",cpu="3"}"#
        ),
        1.0
    );
}

#[test]
fn routes_and_servers_are_shown_by_class_and_time() {
    let registry = Registry::new();
    registry
        .route(0, "api")
        .record(200, Duration::from_millis(1));
    registry
        .route(1, "api")
        .record(204, Duration::from_millis(30));
    registry
        .route(1, "api")
        .record(503, Duration::from_secs(100));
    let server = registry.server(0, "app", "127.0.0.1:1");
    server.record(200, Duration::from_millis(3));
    server.failures.inc();
    let parsed = scrape(&registry);
    let requests = |class| {
        parsed.get(&format!(
            r#"ringfence_http_requests_total{{route="api",code_class="{class}"}}"#
        ))
    };
    assert_eq!(
        (requests("2xx"), requests("5xx"), requests("3xx")),
        (2.0, 1.0, 0.0)
    );
    let up_to = |le| {
        parsed.get(&format!(
            r#"http_request_duration_seconds_bucket{{route="api",le="{le}"}}"#
        ))
    };
    assert_eq!(
        (up_to("0.0005"), up_to("0.001"), up_to("0.05")),
        (0.0, 1.0, 2.0)
    );
    assert_eq!((up_to("60"), up_to("+Inf")), (2.0, 3.0));
    assert_eq!(
        parsed.get(r#"http_request_duration_seconds_count{route="api"}"#),
        3.0
    );
    let sum = parsed.get(r#"http_request_duration_seconds_sum{route="api"}"#);
    assert!((sum - 100.031).abs() < 1e-9);
    let labels = r#"{upstream="app",server="127.0.0.1:1"}"#;
    assert_eq!(
        parsed.get(&format!("ringfence_server_failures_total{labels}")),
        1.0
    );
    assert_eq!(
        parsed.get(&format!("ringfence_server_ejections_total{labels}")),
        3.0
    );
    assert_eq!(
        parsed.get(&format!("ringfence_server_response_seconds_count{labels}")),
        1.0
    );
}

#[test]
fn caches_are_shown_by_route_and_by_worker() {
    let registry = Registry::new();
    for ix in 0..2 {
        registry.route(ix, "cached").cache.hits.add(2);
        registry.worker(ix).cached.entries.set(3 + ix as u64);
        registry.worker(ix).cached.bytes.set(100);
        registry.worker(ix).cached.evictions.inc();
        registry.route(ix, "cached").cached.entries.set(2);
        registry.route(ix, "cached").cached.bytes.set(40);
        registry.route(ix, "cached").cached.evictions.inc();
    }
    registry.route(0, "(none)").cached.entries.set(1);
    registry.route(0, "plain").record(200, Duration::ZERO);
    let parsed = scrape(&registry);
    let requests = |outcome| {
        parsed.get(&format!(
            r#"ringfence_cache_requests_total{{route="cached",outcome="{outcome}"}}"#
        ))
    };
    assert_eq!((requests("hit"), requests("miss")), (4.0, 0.0));
    assert!(
        !parsed
            .samples
            .keys()
            .any(|series| series.contains("outcome") && series.contains("plain"))
    );
    assert_eq!(parsed.get(r#"ringfence_cache_entries{worker="1"}"#), 4.0);
    assert_eq!(parsed.get(r#"ringfence_cache_bytes{worker="0"}"#), 100.0);
    assert_eq!(parsed.get("ringfence_cache_evictions_total"), 2.0);
    let of = |metric: &str, route: &str| {
        parsed.get(&format!(
            "ringfence_cache_route_{metric}{{route=\"{route}\"}}"
        ))
    };
    assert_eq!(of("entries", "cached"), 4.0);
    assert_eq!(of("bytes", "cached"), 80.0);
    assert_eq!(of("evictions_total", "cached"), 2.0);
    assert_eq!(of("entries", "(none)"), 1.0);
}

#[test]
fn labels_are_escaped() {
    let registry = Registry::new();
    registry
        .route(0, "a\"b\\c\nd é")
        .record(200, Duration::ZERO);
    let parsed = scrape(&registry);
    assert_eq!(
        parsed.get("ringfence_http_requests_total{route=\"a\\\"b\\\\c\\nd é\",code_class=\"2xx\"}"),
        1.0
    );
}

#[test]
fn every_bound_is_the_edge_of_a_bucket() {
    for bound in REQUEST_BOUNDS.iter().chain(&SERVER_BOUNDS) {
        let histogram = crate::Histogram::new();
        histogram.record(*bound);
        histogram.record(*bound + Duration::from_nanos(1));
        let mut total = Snapshot::default();
        histogram.add_to(&mut total);
        assert_eq!(total.count_up_to(*bound), 1, "{bound:?}");
    }
}
