//! The admin listener: health, and metrics that count right.

use std::time::Duration;

use ringfence_tests::{Metrics, Origin, Ringfence, eventually, site, site_with};
use rustix::process::Signal;
use serde_json::Value;

#[test]
fn health() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    ringfence.admin_get("/health/live").expect(200);
    eventually("it is ready", || {
        ringfence.admin_get("/health/ready").status == 200
    });
    let summary: Value =
        serde_json::from_str(&ringfence.admin_get("/health").expect(200).text()).expect("JSON");
    assert_eq!(summary["status"], "up", "{summary}");
    assert_eq!(summary["workers"]["total"], 2, "{summary}");
    assert_eq!(
        summary["upstreams"][0]["servers"][0]["address"],
        origin.address().as_str()
    );
    ringfence.admin_get("/nothing").expect(404);
}

#[test]
fn without_a_server_it_is_alive_but_not_ready() {
    let (mut a, b) = (Origin::kit("a"), Origin::absent("b"));
    let check =
        "check = { type = \"tcp\", interval = \"50ms\", timeout = \"50ms\", rise = 1, fall = 1 }";
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", check));
    let status = |ringfence: &Ringfence| -> String {
        let text = ringfence.admin_get("/health").text();
        let summary: Value = serde_json::from_str(&text).expect("JSON");
        summary["status"].as_str().unwrap_or("none").to_string()
    };
    eventually("it is degraded", || status(&ringfence) == "degraded");
    ringfence.admin_get("/health/ready").expect(200);
    a.dies();
    eventually("it is not ready", || {
        ringfence.admin_get("/health/ready").status == 503
    });
    assert_eq!(status(&ringfence), "down");
    ringfence.admin_get("/health/live").expect(200);
    a.revives();
    eventually("it is ready again", || {
        ringfence.admin_get("/health/ready").status == 200
    });
}

#[test]
fn a_drain_is_not_ready() {
    let origin = Origin::kit("a");
    let mut ringfence = Ringfence::start(&site(&[&origin]));
    let mut slow = ringfence.client();
    slow.says("GET /sleep/1000 HTTP/1.1\r\nHost: h\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    ringfence.signal(Signal::TERM);
    eventually("it is not ready", || {
        ringfence.admin_get("/health/ready").status == 503
    });
    slow.hears().expect(200);
    ringfence.ends();
}

#[test]
fn admin_can_be_switched_off() {
    let origin = Origin::kit("a");
    let config =
        site(&[&origin]) + "\n[admin]\nlisten = \"off\"\ncontrol = \"@dir@/control.sock\"\n";
    let ringfence = Ringfence::start(&config);
    ringfence.get("/").expect(200);
    assert!(ringfence.says("admin off"));
    ringfence.control("stop").succeeded();
    let mut ringfence = ringfence;
    ringfence.ends();
}

/// How much each sample of a name grew between two scrapes.
fn grown(before: &Metrics, after: &Metrics, name: &str, labels: &[(&str, &str)]) -> f64 {
    after.sum(name, labels) - before.sum(name, labels)
}

#[test]
fn requests_are_counted_once_each() {
    let (a, b) = (Origin::kit("a"), Origin::kit("b"));
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", "check = \"off\""));
    let before = ringfence.metrics();
    for _ in 0..4 {
        let mut client = ringfence.client();
        for _ in 0..5 {
            client.gets("/").expect(200);
        }
        client.gets("/status/404").expect(404);
        client.gets("/status/500").expect(500);
        client.gets("/status/301").expect(301);
    }
    // The last answer is counted just after it was sent.
    let counted = || {
        ringfence
            .metrics()
            .sum("http_request_duration_seconds_count", &[("route", "all")])
    };
    eventually("all are counted", || counted() == 32.0);
    let after = ringfence.metrics();
    let since = |name: &str, labels: &[(&str, &str)]| grown(&before, &after, name, labels);
    assert_eq!(since("ringfence_requests_total", &[]), 32.0);
    for (class, count) in [("2xx", 20.0), ("3xx", 4.0), ("4xx", 4.0), ("5xx", 4.0)] {
        let labels = [("route", "all"), ("code_class", class)];
        assert_eq!(
            since("ringfence_http_requests_total", &labels),
            count,
            "{class}"
        );
    }
    assert_eq!(
        since("http_request_duration_seconds_count", &[("route", "all")]),
        32.0
    );
    let (at_a, at_b) = (a.address(), b.address());
    let served = |server: &str| since("ringfence_server_responses_total", &[("server", server)]);
    assert_eq!(served(&at_a) + served(&at_b), 32.0);
    assert_eq!(served(&at_a), a.served() as f64);
    assert_eq!(since("ringfence_connections_accepted_total", &[]), 4.0);
    assert_eq!(since("ringfence_worker_requests_total", &[]), 32.0);
    let (hits, misses) = (
        since("ringfence_pool_hits_total", &[]),
        since("ringfence_pool_misses_total", &[]),
    );
    assert_eq!(hits + misses, 32.0);
    assert_eq!(misses, (a.connections() + b.connections()) as f64);
    assert_eq!(since("ringfence_upstream_connects_total", &[]), misses);
}

#[test]
fn histograms_hold_what_was_measured() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    for _ in 0..5 {
        ringfence.get("/sleep/100").expect(200);
    }
    let counted = || {
        ringfence
            .metrics()
            .sum("http_request_duration_seconds_count", &[("route", "all")])
    };
    eventually("all are counted", || counted() == 5.0);
    let metrics = ringfence.metrics();
    assert_eq!(
        metrics
            .types
            .get("http_request_duration_seconds")
            .map(String::as_str),
        Some("histogram")
    );
    let labels = [("route", "all")];
    let sum = metrics.sum("http_request_duration_seconds_sum", &labels);
    assert!((0.45..2.5).contains(&sum), "{sum}");
    let mut last = 0.0;
    for sample in metrics.matching("http_request_duration_seconds_bucket", &labels) {
        assert!(sample.value >= last, "buckets are cumulative");
        last = sample.value;
        let bound: f64 = sample.labels["le"]
            .replace("+Inf", "inf")
            .parse()
            .expect("a bound");
        if bound < 0.09 {
            assert_eq!(sample.value, 0.0, "le {bound}");
        }
    }
    assert_eq!(last, 5.0);
}

#[test]
fn what_goes_on_now_is_told() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site_with(&[&origin], "", "check = \"off\""));
    let mut clients: Vec<_> = (0..3).map(|_| ringfence.client()).collect();
    for client in &mut clients {
        client.says("GET /sleep/700 HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    std::thread::sleep(Duration::from_millis(200));
    let metrics = ringfence.metrics();
    assert_eq!(metrics.sum("ringfence_requests_in_flight", &[]), 3.0);
    assert_eq!(metrics.sum("ringfence_connections_active", &[]), 3.0);
    assert_eq!(metrics.sum("ringfence_server_requests_in_flight", &[]), 3.0);
    for client in &mut clients {
        client.hears().expect(200);
    }
    drop(clients);
    eventually("all are gone", || {
        let metrics = ringfence.metrics();
        metrics.sum("ringfence_connections_active", &[]) == 0.0
            && metrics.sum("ringfence_requests_in_flight", &[]) == 0.0
    });
}

#[test]
fn bytes_are_counted() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let before = ringfence.metrics();
    ringfence
        .client()
        .sends("POST", "/echo", &[b'x'; 100_000])
        .expect(200);
    // The client has its answer a moment before the exchange is counted.
    for name in [
        "ringfence_received_bytes_total",
        "ringfence_sent_bytes_total",
    ] {
        eventually(name, || {
            let bytes = grown(&before, &ringfence.metrics(), name, &[]);
            (100_000.0..102_000.0).contains(&bytes)
        });
    }
}

#[test]
fn servers_and_workers_and_the_process_are_told() {
    let (a, b) = (Origin::kit("a"), Origin::absent("b"));
    let check =
        "check = { type = \"tcp\", interval = \"50ms\", timeout = \"50ms\", rise = 1, fall = 1 }";
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", check));
    let up = |server: &str| {
        ringfence
            .metrics()
            .sum("ringfence_server_up", &[("server", server)])
    };
    eventually("one server is up, one is down", || {
        up(&a.address()) == 1.0 && up(&b.address()) == 0.0
    });
    let metrics = ringfence.metrics();
    let drivers: Vec<_> = metrics.matching("ringfence_worker_info", &[]).collect();
    assert_eq!(drivers.len(), 2);
    if let Some(driver) = ringfence_tests::launch::suite_driver() {
        assert!(
            drivers
                .iter()
                .all(|sample| sample.labels["driver"] == driver),
            "{drivers:?}"
        );
    }
    let memory = metrics.sum("ringfence_process_resident_memory_bytes", &[]) / 1024.0;
    assert!(
        (memory - ringfence.resident_kib() as f64).abs() < 16_384.0,
        "{memory}"
    );
    assert!(metrics.sum("ringfence_process_open_fds", &[]) > 5.0);
    assert!(metrics.has("ringfence_process_cpu_seconds_total"));
    assert!(metrics.has("ringfence_build_info"));
    assert!(metrics.sum("ringfence_uptime_seconds", &[]) < 60.0);
}

#[test]
fn every_family_is_declared() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    ringfence.get("/").expect(200);
    let answer = ringfence.admin_get("/metrics").expect(200);
    assert!(
        answer
            .field("content-type")
            .is_some_and(|t| t.starts_with("text/plain; version=0.0.4"))
    );
    let metrics = Metrics::parse(&answer.text());
    for sample in &metrics.samples {
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| sample.name.strip_suffix(end));
        let declared = metrics.types.contains_key(&sample.name)
            || family.is_some_and(|family| metrics.types.contains_key(family));
        assert!(declared, "{} has no TYPE", sample.name);
    }
}

#[test]
fn reloads_and_retries_are_counted() {
    let (bad, good) = (Origin::absent("bad"), Origin::kit("good"));
    let config = site_with(&[&bad, &good], "", "check = \"off\"\nejection = false");
    let ringfence = Ringfence::start(&config);
    let mut client = ringfence.client();
    for _ in 0..10 {
        client.gets("/").expect(200);
    }
    ringfence.reload(&config);
    ringfence.rewrite("nonsense");
    ringfence
        .control("reload")
        .failed_saying(&["ringfence.toml"]);
    let metrics = ringfence.metrics();
    let retries = metrics.sum("ringfence_retries_total", &[]);
    assert!(retries >= 5.0, "{retries}");
    assert_eq!(
        metrics.sum("ringfence_upstream_connect_failures_total", &[]),
        retries
    );
    assert_eq!(metrics.sum("ringfence_reloads_total", &[]), 2.0);
}

#[test]
fn scrapes_under_load_harm_nobody() {
    use ringfence_tests::{Load, load::Shape};
    let origin = Origin::forgetful_kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let load = Load::start(ringfence.address(), vec![Shape::get("/"); 4]);
    for _ in 0..30 {
        ringfence.metrics();
        ringfence.admin_get("/health").expect(200);
    }
    load.stop().is_clean();
}
