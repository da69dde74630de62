//! Retries: each case in which a request may be sent again, and each in which it may not.

use std::time::{Duration, Instant};

use ringfence_tests::load::Shape;
use ringfence_tests::{Load, Origin, Request, Ringfence, Visit, kit, misbehave, site, site_with};

/// Servers stay in whatever they do, so that each request meets the bad one.
const NO_JUDGEMENT: &str =
    "check = \"off\"\nejection = false\nretry_budget = { share = 1.0, min_per_second = 1000 }\n";

/// A site over a bad server and a good one.
fn start(bad: &Origin, good: &Origin, retry: &str) -> Ringfence {
    Ringfence::start(&site_with(
        &[bad, good],
        "",
        &format!("{NO_JUDGEMENT}{retry}"),
    ))
}

/// A request in each of many ways; the good server must answer all, since round robin leads every
/// other one to the bad server first.
#[track_caller]
fn saved(bad: Origin, good: Origin, ask: impl Fn(&Ringfence) -> ringfence_tests::Response) {
    let ringfence = start(&bad, &good, "");
    for _ in 0..10 {
        let answer = ask(&ringfence);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.origin(), "good");
    }
}

fn good() -> Origin {
    Origin::kit("good")
}

/// How often a request other than the good server's own was seen there.
fn bodies(origin: &Origin) -> Vec<Request> {
    origin.requests()
}

#[test]
fn a_refused_connection_saves_any_request() {
    saved(Origin::absent("bad"), good(), |r| r.get("/"));
    saved(Origin::absent("bad"), good(), |r| {
        r.client().sends("POST", "/echo", b"not yet sent")
    });
    saved(Origin::absent("bad"), good(), |r| {
        let mut client = r.client();
        client.says("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        std::thread::sleep(Duration::from_millis(20));
        client.says("3\r\nabc\r\n0\r\n\r\n").hears()
    });
}

#[test]
fn a_reset_before_the_answer_saves_idempotent_requests() {
    for script in [
        misbehave::reset_at_once,
        misbehave::reset_after_request,
        misbehave::close_after_request,
    ] as [fn(&mut Visit) -> std::io::Result<()>; 3]
    {
        saved(Origin::serving("bad", script), good(), |r| r.get("/"));
        saved(Origin::serving("bad", script), good(), |r| {
            r.client().asks("DELETE", "/", "")
        });
        saved(Origin::serving("bad", script), good(), |r| {
            r.client().asks("OPTIONS", "/", "")
        });
    }
}

#[test]
fn an_idempotent_body_is_sent_again_whole() {
    let (bad, good) = (
        Origin::serving("bad", misbehave::close_after_request),
        good(),
    );
    let ringfence = start(&bad, &good, "");
    for size in [1, 1000, 60_000] {
        let body = kit::pattern(size);
        for _ in 0..2 {
            let answer = ringfence.client().sends("PUT", "/echo", &body).expect(200);
            assert!(answer.body == body, "{size}");
        }
    }
}

#[test]
fn an_idempotent_body_that_is_too_long_to_keep_is_sent_once() {
    let (bad, good) = (
        Origin::serving("bad", misbehave::close_after_request),
        good(),
    );
    let ringfence = start(&bad, &good, "retry = { max_body = \"1KiB\" }");
    let body = kit::pattern(50_000);
    let mut client = ringfence.client();
    let statuses: Vec<u16> = (0..4)
        .map(|_| client.sends("PUT", "/echo", &body).status)
        .collect();
    assert_eq!(
        statuses.iter().filter(|s| **s == 502).count(),
        2,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|s| **s == 200).count(),
        2,
        "{statuses:?}"
    );
}

#[test]
fn a_request_that_may_have_been_carried_out_is_not_repeated() {
    let (bad, good) = (
        Origin::serving("bad", misbehave::close_after_request),
        good(),
    );
    let ringfence = start(&bad, &good, "");
    let mut client = ringfence.client();
    let statuses: Vec<u16> = (0..6)
        .map(|_| client.sends("POST", "/echo", b"pay").status)
        .collect();
    assert_eq!(
        statuses.iter().filter(|s| **s == 502).count(),
        3,
        "{statuses:?}"
    );
    assert_eq!(
        bodies(&bad).len(),
        3,
        "each was sent to the bad server once"
    );
    assert_eq!(bodies(&good).len(), 3, "and none of them to the good one");
    let patch = client.asks("PATCH", "/", "").status;
    let other = client.asks("PATCH", "/", "").status;
    assert_eq!(patch.min(other), 200);
    assert_eq!(patch.max(other), 502);
}

#[test]
fn an_answer_that_has_begun_is_never_begun_again() {
    for (script, what) in [
        (
            misbehave::cut_mid_body as fn(&mut Visit) -> std::io::Result<()>,
            "cut",
        ),
        (misbehave::cut_mid_chunk, "cut in a chunk"),
        (misbehave::reset_mid_body, "reset"),
        (misbehave::bad_chunk, "garbled"),
    ] {
        let (bad, good) = (Origin::serving("bad", script), good());
        let ringfence = start(&bad, &good, "");
        while bad.requests().is_empty() {
            let mut client = ringfence.client();
            client.says("GET /bytes/10 HTTP/1.1\r\nHost: h\r\n\r\n");
            match client.try_hears() {
                // Seen before anything was passed on, it may still be told.
                Ok(answer) => {
                    let fine = answer.status == 502 || answer.origin() == "good";
                    assert!(fine, "{what}: taken for whole");
                }
                Err(wrong) => assert!(!wrong.to_string().contains("protocol"), "{what}: {wrong}"),
            }
        }
        let told = ringfence.metrics().sum("ringfence_retries_total", &[]);
        assert_eq!((bad.requests().len(), told), (1, 0.0), "{what}");
    }
}

#[test]
fn a_bad_head_is_an_upstream_fault() {
    for script in [
        misbehave::cut_mid_head as fn(&mut Visit) -> std::io::Result<()>,
        misbehave::garbage,
        misbehave::huge_head,
        misbehave::two_lengths,
        misbehave::length_and_coding,
    ] {
        let bad = Origin::serving("bad", script);
        let ringfence = Ringfence::start(&site_with(&[&bad], "", NO_JUDGEMENT));
        let mut client = ringfence.client();
        client.gets("/").expect(502);
        // The client's connection is none the worse for it.
        client.gets("/").expect(502);
    }
}

#[test]
fn interim_responses_without_end_are_cut_off() {
    let bad = Origin::serving("bad", misbehave::interim_flood);
    let ringfence = Ringfence::start(&site_with(&[&bad], "", NO_JUDGEMENT));
    let before = ringfence.resident_kib();
    let mut client = ringfence.client();
    client.says("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut last = client.try_hears();
    let mut count = 0;
    while let Ok(answer) = &last {
        if answer.status != 103 {
            break;
        }
        count += 1;
        last = client.try_hears();
    }
    assert!(count < 5_000, "{count} interim responses were passed on");
    assert!(ringfence.resident_kib() < before + 16 * 1024);
}

#[test]
fn chosen_statuses_are_retried() {
    let bad = Origin::serving("bad", |visit| {
        while let Some(mut request) = visit.request()? {
            request.target = "/status/503".into();
            kit::respond(visit, &request)?;
        }
        Ok(())
    });
    let good = good();
    let ringfence = start(&bad, &good, "retry = { statuses = [\"503\"] }");
    let mut client = ringfence.client();
    for _ in 0..6 {
        assert_eq!(client.gets("/").expect(200).origin(), "good");
    }
    // Not for a request that the server has had and that may not be repeated.
    let statuses: Vec<u16> = (0..4)
        .map(|_| client.sends("POST", "/echo", b"x").status)
        .collect();
    assert_eq!(
        statuses.iter().filter(|s| **s == 503).count(),
        2,
        "{statuses:?}"
    );
}

#[test]
fn statuses_that_were_not_chosen_are_passed_on() {
    let bad = Origin::serving("bad", |visit| {
        while let Some(mut request) = visit.request()? {
            request.target = "/status/500".into();
            kit::respond(visit, &request)?;
        }
        Ok(())
    });
    let good = good();
    let ringfence = start(&bad, &good, "retry = { statuses = [\"502-504\"] }");
    let mut client = ringfence.client();
    let statuses: Vec<u16> = (0..4).map(|_| client.gets("/").status).collect();
    assert_eq!(
        statuses.iter().filter(|s| **s == 500).count(),
        2,
        "{statuses:?}"
    );
}

#[test]
fn when_all_answer_badly_the_last_answer_is_passed_on() {
    let bad = || {
        Origin::serving("bad", |visit| {
            while visit.request()?.is_some() {
                visit.send("HTTP/1.1 503 X\r\nX-Why: busy\r\nContent-Length: 4\r\n\r\nbusy")?;
            }
            Ok(())
        })
    };
    let (one, two) = (bad(), bad());
    let ringfence = start(&one, &two, "retry = { statuses = [\"503\"], attempts = 1 }");
    let answer = ringfence.get("/").expect(503);
    assert_eq!(
        (answer.field("x-why"), answer.text().as_str()),
        (Some("busy"), "busy")
    );
    assert_eq!(
        (one.requests().len(), two.requests().len()),
        (1, 1),
        "another server was asked"
    );
}

#[test]
fn retry_after_is_respected() {
    let bad = |seconds: &'static str| {
        Origin::serving("bad", move |visit| {
            while let Some(mut request) = visit.request()? {
                request.target = format!("/retry-after/{seconds}");
                kit::respond(visit, &request)?;
            }
            Ok(())
        })
    };
    // Longer than a client should be kept waiting: the client is told.
    let (long, other) = (bad("120"), good());
    let ringfence = start(
        &long,
        &other,
        "retry = { statuses = [\"503\"], max_retry_after = \"2s\" }",
    );
    let mut client = ringfence.client();
    let answers: Vec<_> = (0..4).map(|_| client.gets("/")).collect();
    let told: Vec<_> = answers.iter().filter(|a| a.status == 503).collect();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].field("retry-after"), Some("120"));
    // Short enough: waited out.
    let (short, other) = (bad("1"), good());
    let ringfence = start(
        &short,
        &other,
        "retry = { statuses = [\"503\"], max_retry_after = \"2s\" }",
    );
    let mut client = ringfence.client();
    let start = Instant::now();
    for _ in 0..2 {
        client.gets("/").expect(200);
    }
    assert!(
        start.elapsed() >= Duration::from_millis(950),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn attempts_are_counted() {
    let bad: Vec<Origin> = (0..4)
        .map(|_| Origin::serving("bad", misbehave::close_after_request))
        .collect();
    let all: Vec<&Origin> = bad.iter().collect();
    for (attempts, tries) in [(0, 1), (1, 2), (3, 4), (9, 4)] {
        bad.iter().for_each(Origin::forgets);
        let lines = format!("{NO_JUDGEMENT}retry = {{ attempts = {attempts} }}");
        let ringfence = Ringfence::start(&site_with(&all, "", &lines));
        ringfence.get("/").expect(502);
        let total: usize = bad.iter().map(|origin| origin.requests().len()).sum();
        assert_eq!(total, tries, "{attempts} attempts after the first");
    }
}

#[test]
fn retry_false_means_never() {
    let (bad, good) = (Origin::absent("bad"), good());
    let ringfence = start(&bad, &good, "retry = false");
    let mut client = ringfence.client();
    let statuses: Vec<u16> = (0..4).map(|_| client.gets("/").status).collect();
    assert_eq!(
        statuses.iter().filter(|s| **s == 502).count(),
        2,
        "{statuses:?}"
    );
}

#[test]
fn a_route_may_have_its_own_rules() {
    let (bad, good) = (Origin::absent("bad"), good());
    let ringfence = Ringfence::start(&site_with(&[&bad, &good], "retry = false", NO_JUDGEMENT));
    let mut client = ringfence.client();
    let statuses: Vec<u16> = (0..4).map(|_| client.gets("/").status).collect();
    assert!(statuses.contains(&502), "{statuses:?}");
}

#[test]
fn the_budget_keeps_retries_from_doubling_an_outage() {
    let bad: Vec<Origin> = (0..2)
        .map(|_| Origin::serving("bad", misbehave::close_after_request))
        .collect();
    let lines = "check = \"off\"\nejection = false\nretry = { attempts = 1 }\nretry_budget = { share = 0.2, min_per_second = 0 }";
    let ringfence = Ringfence::start(&site_with(&[&bad[0], &bad[1]], "", lines));
    let mut client = ringfence.client();
    for _ in 0..200 {
        client.gets("/");
    }
    let tries = bad[0].served() + bad[1].served();
    assert!(
        (200..=260).contains(&tries),
        "{tries} tries for 200 requests at a budget of 20 %"
    );
}

#[test]
fn a_pooled_connection_that_died_is_noticed_before_use() {
    let origin = Origin::serving("a", misbehave::close_after_answer);
    let ringfence = Ringfence::start(&site_with(
        &[&origin],
        "",
        "check = \"off\"\nejection = false\nretry = false",
    ));
    let mut client = ringfence.client();
    for _ in 0..10 {
        client.sends("POST", "/", b"never lost").expect(200);
        std::thread::sleep(Duration::from_millis(30));
    }
    assert_eq!(origin.requests().len(), 10);
}

#[test]
fn a_pooled_connection_that_dies_under_a_request_costs_nothing() {
    let origin = Origin::serving("a", misbehave::close_on_second);
    let ringfence = Ringfence::start(&site_with(&[&origin], "", NO_JUDGEMENT));
    let mut client = ringfence.client();
    for _ in 0..10 {
        client.gets("/").expect(200);
        client.sends("PUT", "/", b"whole").expect(200);
    }
}

#[test]
fn a_server_that_kills_every_pooled_connection_fails_no_idempotent_request() {
    // Every connection serves one request and dies under the next, and there is only one server:
    // the retry has to go back to it on a fresh connection.
    let origin = Origin::serving("a", misbehave::close_on_second);
    let ringfence = Ringfence::start(&site_with(&[&origin], "", NO_JUDGEMENT));
    let address = ringfence.address();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = ringfence_tests::Client::connect(address);
                for _ in 0..20 {
                    client.gets("/").expect(200);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("no request fails");
    }
}

/// What the README promises, with every default: a server is killed under load, no request is lost.
#[test]
fn a_killed_server_costs_nobody_a_request() {
    let mut origins: Vec<Origin> = (0..3)
        .map(|n| Origin::forgetful_kit(&n.to_string()))
        .collect();
    let all: Vec<&Origin> = origins.iter().collect();
    let ringfence = Ringfence::start(&site(&all));
    let load = Load::start(ringfence.address(), vec![Shape::get("/"); 16]);
    std::thread::sleep(Duration::from_millis(500));
    origins[0].dies();
    std::thread::sleep(Duration::from_millis(2000));
    origins[0].revives();
    std::thread::sleep(Duration::from_millis(500));
    let report = load.stop();
    report.is_clean();
    assert!(report.good > 1000, "{}", report.good);
}

#[test]
fn a_first_byte_that_does_not_come_is_retried_only_when_asked() {
    let (bad, good) = (Origin::serving("bad", misbehave::silent), good());
    let quick = "timeouts = { first_byte = \"200ms\" }\n";
    let ringfence = start(
        &bad,
        &good,
        &format!("{quick}retry = {{ on = [\"timeout\"] }}"),
    );
    let mut client = ringfence.client();
    for _ in 0..4 {
        assert_eq!(client.gets("/").expect(200).origin(), "good");
    }
    let ringfence = start(&bad, &good, quick);
    let mut client = ringfence.client();
    let statuses: Vec<u16> = (0..4).map(|_| client.gets("/").status).collect();
    assert_eq!(
        statuses.iter().filter(|s| **s == 504).count(),
        2,
        "{statuses:?}"
    );
}

/// Takes the head of a request and its content, and resets as soon as it has the head.
fn reset_after_head(visit: &mut Visit) -> std::io::Result<()> {
    visit.head()?;
    visit.resets()
}

#[test]
fn a_body_of_which_nothing_was_sent_may_go_to_another_server() {
    let (bad, good) = (Origin::serving("bad", reset_after_head), good());
    let ringfence = start(&bad, &good, "");
    for _ in 0..6 {
        let mut client = ringfence.client();
        client.says(
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n",
        );
        assert!(client.hears_through("\r\n\r\n").starts_with("HTTP/1.1 100"));
        assert_eq!(client.says("body").hears().expect(200).text(), "body");
    }
    assert!(bad.served() > 0);
}

#[test]
fn a_break_within_the_head_saves_idempotent_requests() {
    saved(
        Origin::serving("bad", misbehave::cut_mid_head),
        good(),
        |r| r.get("/"),
    );
    let (bad, good) = (Origin::serving("bad", misbehave::cut_mid_head), good());
    let ringfence = start(&bad, &good, "");
    let statuses: Vec<u16> = (0..4)
        .map(|_| ringfence.client().sends("POST", "/echo", b"x").status)
        .collect();
    assert!(
        statuses.contains(&502) && statuses.contains(&200),
        "{statuses:?}"
    );
}

#[test]
fn the_wait_for_retry_after_ends_with_the_request_and_with_the_client() {
    let origins = [Origin::kit("a"), Origin::kit("b")];
    let retry = "retry = { statuses = [503], max_retry_after = \"5s\" }";
    let ringfence = Ringfence::start(&site_with(
        &[&origins[0], &origins[1]],
        "timeouts = { request = \"700ms\" }",
        &format!("{NO_JUDGEMENT}{retry}"),
    ));
    let began = Instant::now();
    ringfence.get("/retry-after/1").expect(503);
    assert!(
        began.elapsed() < Duration::from_millis(700),
        "it does not wait in vain"
    );

    let ringfence = start(&origins[0], &origins[1], retry);
    let before = origins.iter().map(Origin::served).sum::<usize>();
    let mut client = ringfence.client();
    client.says("GET /retry-after/3 HTTP/1.1\r\nHost: h\r\n\r\n");
    std::thread::sleep(Duration::from_millis(200));
    client.resets();
    ringfence_tests::eventually("the request is over", || {
        ringfence.metrics().sum("ringfence_requests_in_flight", &[]) == 0.0
    });
    let after = origins.iter().map(Origin::served).sum::<usize>();
    assert_eq!(
        after - before,
        1,
        "nobody is asked for a client that has gone"
    );
}

#[test]
fn a_chosen_status_says_nothing_of_the_server() {
    let (one, other) = (Origin::kit("one"), Origin::kit("other"));
    let rules = "check = \"off\"\nretry_budget = { share = 1.0, min_per_second = 1000 }\n\
                 retry = { statuses = [404] }\nejection = { consecutive_failures = 2 }";
    let ringfence = Ringfence::start(&site_with(&[&one, &other], "", rules));
    for _ in 0..20 {
        ringfence.get("/status/404").expect(404);
    }
    let metrics = ringfence.metrics();
    assert_eq!(metrics.sum("ringfence_server_failures_total", &[]), 0.0);
    assert_eq!(metrics.sum("ringfence_server_ejections_total", &[]), 0.0);
    // The last answer is counted a moment after the client has it.
    ringfence_tests::eventually("all answers are counted", || {
        ringfence
            .metrics()
            .sum("ringfence_server_responses_total", &[])
            == 40.0
    });
}

#[test]
fn an_idle_connection_that_closes_under_a_post_says_nothing_of_the_server() {
    let origin = Origin::serving("a", misbehave::close_on_second);
    let ringfence = Ringfence::start(&site_with(&[&origin], "", "check = \"off\""));
    let statuses: Vec<u16> = (0..20)
        .map(|_| ringfence.client().sends("POST", "/", b"x").status)
        .collect();
    assert!(statuses.contains(&502), "{statuses:?}");
    let metrics = ringfence.metrics();
    assert_eq!(metrics.sum("ringfence_server_failures_total", &[]), 0.0);
    // What may be repeated is, and is counted.
    let before = metrics.sum("ringfence_redials_total", &[]);
    for _ in 0..10 {
        ringfence.get("/").expect(200);
    }
    assert!(ringfence.metrics().sum("ringfence_redials_total", &[]) > before);
}

/// Takes a whole request and ends the connection without an answer: it may have been carried out.
fn silent_after_request(visit: &mut Visit) -> std::io::Result<()> {
    visit.request()?;
    Ok(())
}

#[test]
fn a_body_that_turns_out_empty_was_sent() {
    let origins = ["a", "b"].map(|name| Origin::serving(name, silent_after_request));
    let ringfence = start(&origins[0], &origins[1], "");
    for _ in 0..4 {
        let mut client = ringfence.client();
        client.says("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        std::thread::sleep(Duration::from_millis(100));
        client.says("0\r\n\r\n").hears().expect(502);
    }
    let served = origins.iter().map(Origin::served).sum::<usize>();
    assert_eq!(served, 4, "each was sent to one server");
}

#[test]
fn a_client_that_uses_up_the_time_blames_no_server() {
    let origin = Origin::kit("a");
    let other = Origin::kit("b");
    let ringfence = Ringfence::start(&site_with(
        &[&origin, &other],
        "timeouts = { request = \"500ms\" }",
        "check = \"off\"\nejection = { consecutive_failures = 1 }",
    ));
    for _ in 0..3 {
        let mut client = ringfence.client();
        client.says("POST /sleep/300 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx");
        std::thread::sleep(Duration::from_millis(400));
        client.says("y").hears().expect(504);
    }
    let failures = |r: &Ringfence| r.metrics().sum("ringfence_server_failures_total", &[]);
    assert_eq!(failures(&ringfence), 0.0);
    // A server that has most of the time is to blame.
    ringfence.get("/sleep/2000").expect(504);
    assert_eq!(failures(&ringfence), 1.0);
}
