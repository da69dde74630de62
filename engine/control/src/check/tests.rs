//! Checks against origins that misbehave.

use super::*;
use crate::testing::{Origin, Script, http_check, response, roster};
use ringfence_config::{CheckKind, Endpoint};
use std::{net::TcpListener, os::unix::net::UnixListener, time::Instant as StdInstant};
use tokio::time::sleep;

fn clock() -> Duration {
    static ORIGIN: std::sync::LazyLock<StdInstant> = std::sync::LazyLock::new(StdInstant::now);
    ORIGIN.elapsed()
}

fn checks() -> (Checks, Arc<ControlStats>) {
    let stats = Arc::new(ControlStats::default());
    (Checks::new(stats.clone(), clock, 64), stats)
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(5);
    while !is_so() {
        assert!(Instant::now() < limit, "waited in vain: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn verdict(script: Script, check: &Check) -> Result<(), String> {
    let origin = Origin::start(script);
    let outcome = probe(&origin.endpoint(), check).await;
    outcome.map_err(|trouble| trouble.to_string())
}

#[tokio::test]
async fn a_good_answer_passes() {
    let origin = Origin::start(Script::Say(response(200, "all is fine")));
    probe(&origin.endpoint(), &http_check(Some("is f")))
        .await
        .unwrap();
    let head = origin.heads().remove(0).to_lowercase();
    assert!(
        head.starts_with("get /health?deep=1 http/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains(&format!("host: {}\r\n", origin.address)),
        "{head}"
    );
}

#[tokio::test]
async fn the_host_is_the_configured_one() {
    let origin = Origin::start(Script::Say(response(200, "")));
    let mut check = http_check(None);
    let CheckKind::Http { host, method, .. } = &mut check.kind else {
        unreachable!()
    };
    *host = Some("app.example".into());
    *method = "HEAD".into();
    probe(&origin.endpoint(), &check).await.unwrap();
    let head = origin.heads().remove(0).to_lowercase();
    assert!(
        head.starts_with("head ") && head.contains("host: app.example\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn bad_answers_fail_with_a_reason() {
    let plain = http_check(None);
    let text = http_check(Some("fine"));
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot";
    let cases = [
        (
            Script::Say(response(503, "fine")),
            &text,
            "it answered with status 503",
        ),
        (
            Script::Say(response(204, "")),
            &plain,
            "it answered with status 204",
        ),
        (
            Script::Say(response(200, "bad")),
            &text,
            "does not hold \"fine\"",
        ),
        (
            Script::Say(cut.into()),
            &text,
            "end of file before message length reached",
        ),
        (
            Script::SayAndStall("HTTP/1.1 200 OK\r\nX".into()),
            &plain,
            "no answer within 250ms",
        ),
        (
            Script::SayAndStall(cut.into()),
            &text,
            "no answer within 250ms",
        ),
        (
            Script::SayAndStall(String::new()),
            &plain,
            "no answer within 250ms",
        ),
        (
            Script::Say("SSH-2.0-OpenSSH_9.9\r\n".into()),
            &plain,
            "invalid HTTP version",
        ),
        (
            Script::HangUp,
            &plain,
            "connection closed before message completed",
        ),
        (Script::Reset, &plain, "Connection reset by peer"),
    ];
    for (script, check, expected) in cases {
        let error = verdict(script.clone(), check).await.unwrap_err();
        assert!(error.contains(expected), "{script:?}: {error}");
    }
}

#[tokio::test]
async fn a_head_is_enough_where_the_body_does_not_matter() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    verdict(Script::SayAndStall(head.into()), &http_check(None))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_body_is_read_to_its_limit_only() {
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}fine", "x".repeat(64 * 1024));
    let error = verdict(Script::Say(endless), &http_check(Some("fine")))
        .await
        .unwrap_err();
    assert!(error.contains("does not hold"), "{error}");
}

#[tokio::test]
async fn refused_connections_fail() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::Tcp(listener.local_addr().unwrap());
    let tcp = Check {
        kind: CheckKind::Tcp,
        ..http_check(None)
    };
    probe(&endpoint, &tcp).await.unwrap();
    drop(listener);
    for check in [&tcp, &http_check(None)] {
        let error = probe(&endpoint, check).await.unwrap_err().to_string();
        assert!(error.contains("Connection refused"), "{error}");
    }
}

#[tokio::test]
async fn unix_sockets_are_checked_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    let endpoint = Endpoint::Unix(path.clone());
    let tcp = Check {
        kind: CheckKind::Tcp,
        ..http_check(None)
    };
    assert!(probe(&endpoint, &tcp).await.is_err());
    let _listener = UnixListener::bind(path).unwrap();
    probe(&endpoint, &tcp).await.unwrap();
}

#[tokio::test]
async fn servers_go_down_and_come_back() {
    let origin = Origin::start(Script::Reset);
    let roster = roster(&[origin.endpoint()], Some(http_check(None)), None);
    let server = roster.groups[0].servers[0].clone();
    let (mut checks, stats) = checks();
    checks.adopt(&roster);
    until("down", || !server.is_up()).await;
    assert_eq!(
        stats.checks_failed.get(),
        1,
        "the first check decides alone"
    );
    origin.set(Script::Say(response(200, "")));
    until("up", || server.is_up()).await;
    assert!(stats.checks_passed.get() >= 2);
    origin.set(Script::Say(response(500, "")));
    until("down again", || !server.is_up()).await;
    assert_eq!(stats.check_transitions.get(), 3);
}

#[tokio::test]
async fn a_new_roster_keeps_the_rhythm_of_those_who_stay() {
    let origins: Vec<_> = (0..3)
        .map(|_| Origin::start(Script::Say(response(200, ""))))
        .collect();
    let slow = Check {
        interval: Duration::from_secs(60),
        ..http_check(None)
    };
    let endpoints: Vec<_> = origins.iter().map(Origin::endpoint).collect();
    let (mut checks, stats) = checks();
    let first = roster(&endpoints[..2], Some(slow.clone()), None);
    checks.adopt(&first);
    until("first round", || stats.checks_passed.get() == 2).await;
    let second = roster(&endpoints[1..], Some(slow), Some(&first));
    checks.adopt(&second);
    until("the new one", || stats.checks_passed.get() == 3).await;
    sleep(Duration::from_millis(50)).await;
    let counts: Vec<_> = origins.iter().map(|origin| origin.heads().len()).collect();
    assert_eq!(counts, [1, 1, 1]);
    // Another check is another matter.
    let third = roster(&endpoints[1..], Some(http_check(None)), Some(&second));
    checks.adopt(&third);
    until("checked at once", || origins[1].heads().len() > 2).await;
    checks.adopt(&roster(&endpoints, None, Some(&third)));
    sleep(Duration::from_millis(50)).await;
    let passed = stats.checks_passed.get();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(stats.checks_passed.get(), passed, "no check, no checking");
}

#[tokio::test]
async fn a_thousand_servers_that_hang_do_not_stop_the_rest() {
    let hung = Origin::start(Script::SayAndStall(String::new()));
    let dead: Vec<_> = (0..1_000)
        .map(|ix| Endpoint::Tcp(([127, 1, (ix / 250) as u8, (ix % 250) as u8 + 1], 1).into()))
        .chain([hung.endpoint()])
        .collect();
    let roster = roster(&dead, Some(http_check(None)), None);
    let (mut checks, _stats) = checks();
    checks.adopt(&roster);
    let servers = &roster.groups[0].servers;
    until("all down", || servers.iter().all(|server| !server.is_up())).await;
}

#[test]
fn the_interval_is_moved_by_the_jitter_only() {
    let check = Check {
        interval: Duration::from_secs(10),
        jitter: 0.2,
        ..http_check(None)
    };
    let mut random = Random(7);
    let all: Vec<_> = (0..1_000)
        .map(|_| random.about(check.interval, check.jitter))
        .collect();
    let (least, most) = (all.iter().min().unwrap(), all.iter().max().unwrap());
    assert!(*least >= Duration::from_secs(8) && *least < Duration::from_millis(8_200));
    assert!(*most <= Duration::from_secs(12) && *most > Duration::from_millis(11_800));
}
