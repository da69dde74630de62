//! Who is fit to serve: active checks and passive ejection.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use ringfence_tests::{Origin, Ringfence, eventually, happens_within, kit, site_with};

/// An origin that answers with a status which the test may change.
fn moody(name: &str) -> (Origin, Arc<AtomicU16>) {
    let mood = Arc::new(AtomicU16::new(200));
    let status = mood.clone();
    let origin = Origin::serving(name, move |visit| {
        while let Some(mut request) = visit.request()? {
            let status = status.load(Ordering::Relaxed);
            if status != 200 {
                request.target = format!("/status/{status}");
            }
            kit::respond(visit, &request)?;
        }
        Ok(())
    });
    (origin, mood)
}

/// Who answers, over a dozen requests; failures are told by their status.
fn seen(ringfence: &Ringfence) -> BTreeSet<String> {
    let mut client = ringfence.client();
    (0..12)
        .map(|_| {
            let answer = client.gets("/");
            match answer.status {
                200 => answer.origin().to_string(),
                status => status.to_string(),
            }
        })
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| name.to_string()).collect()
}

const QUICK_HTTP: &str = "ejection = false\nretry = false\n\
    check = { type = \"http\", path = \"/health?full\", host = \"check.test\", interval = \"50ms\", timeout = \"50ms\", rise = 2, fall = 2 }";

#[test]
fn a_failing_http_check_takes_a_server_out_and_a_passing_one_brings_it_back() {
    let ((a, mood), b) = (moody("a"), Origin::kit("b"));
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", QUICK_HTTP));
    eventually("both serve", || seen(&ringfence) == set(&["a", "b"]));
    mood.store(503, Ordering::Relaxed);
    eventually("only the sound one serves", || {
        seen(&ringfence) == set(&["b"])
    });
    mood.store(200, Ordering::Relaxed);
    eventually("both serve again", || seen(&ringfence) == set(&["a", "b"]));
    let check = a
        .requests()
        .into_iter()
        .find(|r| r.target == "/health?full")
        .expect("a check");
    assert_eq!(
        (check.method.as_str(), check.field("host")),
        ("GET", Some("check.test"))
    );
}

#[test]
fn checks_look_at_status_ranges_and_bodies() {
    let (a, mood) = moody("a");
    let b = Origin::kit("b");
    let check = "ejection = false\nretry = false\ncheck = { path = \"/\", expect = [\"200\", \"429\"], interval = \"50ms\", timeout = \"50ms\", rise = 1, fall = 1 }";
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", check));
    mood.store(429, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        seen(&ringfence),
        set(&["429", "b"]),
        "429 passes this check"
    );
    mood.store(204, Ordering::Relaxed);
    eventually("204 does not", || seen(&ringfence) == set(&["b"]));

    let body = "ejection = false\ncheck = { path = \"/\", body = \"b\", interval = \"50ms\", timeout = \"50ms\", rise = 1, fall = 1 }";
    mood.store(200, Ordering::Relaxed);
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", body));
    eventually("only the one with the word in its body serves", || {
        seen(&ringfence) == set(&["b"])
    });
}

#[test]
fn a_check_that_takes_too_long_fails() {
    let a = Origin::serving("a", |visit| {
        while let Some(request) = visit.request()? {
            if request.target == "/health" {
                visit.pause(Duration::from_millis(400));
            }
            visit.answer("a")?;
        }
        Ok(())
    });
    let b = Origin::kit("b");
    let check = "ejection = false\ncheck = { path = \"/health\", interval = \"100ms\", timeout = \"100ms\", rise = 1, fall = 1 }";
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", check));
    eventually("only the quick one serves", || {
        seen(&ringfence) == set(&["b"])
    });
}

#[test]
fn a_tcp_check_sees_a_dead_server() {
    let (mut a, b) = (Origin::kit("a"), Origin::kit("b"));
    let check = "ejection = false\nretry = false\ncheck = { type = \"tcp\", interval = \"50ms\", timeout = \"50ms\", rise = 2, fall = 2 }";
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", check));
    eventually("both serve", || seen(&ringfence) == set(&["a", "b"]));
    a.dies();
    eventually("only the living one serves", || {
        seen(&ringfence) == set(&["b"])
    });
    a.revives();
    eventually("both serve again", || seen(&ringfence) == set(&["a", "b"]));
}

#[test]
fn a_server_that_is_down_at_the_start_is_said_and_left_out() {
    let (mut a, b) = (Origin::absent("a"), Origin::kit("b"));
    let check =
        "check = { type = \"tcp\", interval = \"100ms\", timeout = \"100ms\", rise = 1, fall = 1 }";
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", check));
    eventually("it is said", || {
        ringfence
            .output()
            .lines()
            .any(|line| line.contains(&a.address()) && line.contains("down"))
    });
    assert_eq!(seen(&ringfence), set(&["b"]));
    a.revives();
    eventually("it joins when it comes up", || {
        seen(&ringfence) == set(&["a", "b"])
    });
}

#[test]
fn without_any_server_the_answer_is_an_error_and_the_process_lives() {
    let a = Origin::absent("a");
    let ringfence = Ringfence::start(&site_with(&[&a], "", ""));
    let mut client = ringfence.client();
    for _ in 0..5 {
        let answer = client.gets("/");
        assert!(matches!(answer.status, 502 | 503), "{}", answer.status);
    }
}

const QUICK_EJECTION: &str = "check = \"off\"\nretry = false\n\
    ejection = { consecutive_failures = 3, failure_rate = \"off\", base_time = \"600ms\", max_time = \"5s\" }";

#[test]
fn consecutive_failures_eject_for_a_time() {
    let ((a, mood), b) = (moody("a"), Origin::kit("b"));
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", QUICK_EJECTION));
    mood.store(502, Ordering::Relaxed);
    eventually("it is ejected", || seen(&ringfence) == set(&["b"]));
    mood.store(200, Ordering::Relaxed);
    let start = Instant::now();
    eventually("it comes back after its time", || {
        seen(&ringfence) == set(&["a", "b"])
    });
    assert!(
        start.elapsed() > Duration::from_millis(300),
        "{:?}",
        start.elapsed()
    );
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn ejections_grow_longer() {
    let ((a, mood), b) = (moody("a"), Origin::kit("b"));
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", QUICK_EJECTION));
    mood.store(503, Ordering::Relaxed);
    // Seen from the origin: the pauses between visits are the ejections.
    let mut pauses = Vec::new();
    let mut before = Instant::now();
    let end = Instant::now() + Duration::from_secs(6);
    let mut client = ringfence.client();
    let mut count = 0;
    while pauses.len() < 2 && Instant::now() < end {
        client.gets("/");
        if a.served() != count {
            let pause = before.elapsed();
            if pause > Duration::from_millis(300) {
                pauses.push(pause);
            }
            (count, before) = (a.served(), Instant::now());
        }
    }
    assert_eq!(pauses.len(), 2, "{pauses:?}");
    assert!(
        pauses[1] > pauses[0] + Duration::from_millis(200),
        "{pauses:?}"
    );
}

#[test]
fn a_failure_rate_ejects() {
    let a = Origin::serving("a", |visit| {
        let mut count = 0;
        while let Some(mut request) = visit.request()? {
            count += 1;
            if count % 2 == 0 {
                request.target = "/status/503".into();
            }
            kit::respond(visit, &request)?;
        }
        Ok(())
    });
    let b = Origin::kit("b");
    let lines = "check = \"off\"\nretry = false\nejection = { consecutive_failures = \"off\", failure_rate = 0.4, window = \"5s\", min_requests = 10, base_time = \"30s\" }";
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", lines));
    eventually("it is ejected though it never fails twice in a row", || {
        seen(&ringfence) == set(&["b"])
    });
}

#[test]
fn no_more_than_a_share_is_ejected() {
    let (a, a_mood) = moody("a");
    let (b, b_mood) = moody("b");
    let lines = "check = \"off\"\nretry = false\nejection = { consecutive_failures = 2, base_time = \"30s\", max_share = 0.5 }";
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", lines));
    a_mood.store(503, Ordering::Relaxed);
    b_mood.store(503, Ordering::Relaxed);
    for _ in 0..5 {
        seen(&ringfence);
    }
    // One is out, the other is kept although it fails: better than nothing.
    let before = a.served() + b.served();
    assert_eq!(seen(&ringfence), set(&["503"]));
    assert_eq!(a.served() + b.served(), before + 12);
}

#[test]
fn when_too_few_are_fit_all_are_used() {
    let mut origins: Vec<Origin> = (0..4).map(|n| Origin::kit(&n.to_string())).collect();
    let all: Vec<&Origin> = origins.iter().collect();
    let lines = "retry = { attempts = 3 }\nejection = { panic_threshold = 0.5 }\n\
        check = { path = \"/status/500\", interval = \"50ms\", timeout = \"50ms\", rise = 1, fall = 1 }";
    // Every server fails its check, though every server can serve.
    let ringfence = Ringfence::start(&site_with(&all, "", lines));
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(seen(&ringfence), set(&["0", "1", "2", "3"]));
    origins.truncate(4);
}

#[test]
fn a_refused_connection_counts_as_a_failure() {
    let (a, b) = (Origin::absent("a"), Origin::kit("b"));
    let lines = "check = \"off\"\nejection = { consecutive_failures = 2, base_time = \"30s\" }";
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", lines));
    seen(&ringfence);
    seen(&ringfence);
    let retries = || ringfence.metrics().sum("ringfence_retries_total", &[]);
    let before = retries();
    seen(&ringfence);
    assert_eq!(retries(), before, "nobody tries the dead server any more");
}

#[test]
fn a_server_warms_up_slowly_when_it_comes_back() {
    let (mut a, b) = (Origin::kit("a"), Origin::kit("b"));
    let lines = "slow_start = \"3s\"\nretry = false\nejection = false\ncheck = { type = \"tcp\", interval = \"50ms\", timeout = \"50ms\", rise = 1, fall = 1 }";
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", lines));
    a.dies();
    eventually("only the other serves", || seen(&ringfence) == set(&["b"]));
    a.revives();
    eventually("it is back", || seen(&ringfence).contains("a"));
    a.forgets();
    b.forgets();
    let mut client = ringfence.client();
    for _ in 0..60 {
        client.gets("/").expect(200);
    }
    assert!(
        a.served() * 2 < b.served(),
        "{} of {} at once",
        a.served(),
        a.served() + b.served()
    );
    let even = || {
        a.forgets();
        b.forgets();
        for _ in 0..5 {
            seen(&ringfence);
        }
        a.served().abs_diff(b.served()) <= 12
    };
    assert!(
        happens_within(Duration::from_secs(8), even),
        "{} {}",
        a.served(),
        b.served()
    );
}
