//! The access log: its forms, its targets, and that nothing a client says can forge a line.

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use ringfence_tests::load::Shape;
use ringfence_tests::{Launch, Load, Origin, Ringfence, eventually, misbehave, site, site_with};
use rustix::process::Signal;
use serde_json::Value;

fn logging(format: &str, to: &str) -> String {
    format!("\n[access_log]\nformat = \"{format}\"\nto = \"{to}\"\n")
}

fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_string).collect()
}

/// Waits until the log has that many lines, and reads them as JSON.
#[track_caller]
fn records(file: &Path, count: usize) -> Vec<Value> {
    eventually(&format!("{count} lines are logged"), || {
        lines(file).len() >= count
    });
    let all = lines(file);
    assert_eq!(all.len(), count, "{all:#?}");
    let parse =
        |line: &String| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    all.iter().map(parse).collect()
}

#[test]
fn json_tells_the_whole_story() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&(site(&[&origin]) + &logging("json", "@dir@/access.log")));
    let mut client = ringfence.client();
    let answer = client.asks(
        "POST",
        "/x?y=1",
        "User-Agent: tester/1\r\nReferer: http://from/\r\nContent-Length: 0\r\n",
    );
    client.sends("POST", "/echo", b"12345").expect(200);
    let all = records(&ringfence.dir().join("access.log"), 2);
    let first = &all[0];
    let server = origin.address();
    for (key, value) in [
        ("client", "127.0.0.1"),
        ("method", "POST"),
        ("host", "test.example"),
        ("target", "/x?y=1"),
        ("version", "HTTP/1.1"),
        ("route", "all"),
        ("upstream", "app"),
        ("server", server.as_str()),
        ("user_agent", "tester/1"),
        ("referer", "http://from/"),
        ("request_id", answer.field("x-request-id").expect("an id")),
    ] {
        assert_eq!(first[key], value, "{key} in {first}");
    }
    assert_eq!(
        (first["status"].as_u64(), first["retries"].as_u64()),
        (Some(200), Some(0))
    );
    assert_eq!(
        (all[1]["bytes_in"].as_u64(), all[1]["bytes_out"].as_u64()),
        (Some(5), Some(5))
    );
    assert!(
        first["duration_ms"]
            .as_f64()
            .is_some_and(|ms| ms > 0.0 && ms < 10_000.0)
    );
    assert!(first["stations_ms"]["first_byte"].is_number(), "{first}");
    assert!(
        first["time"]
            .as_str()
            .is_some_and(|t| t.starts_with("20") && t.ends_with('Z'))
    );
    assert!(first.get("reason").is_none(), "{first}");
}

#[test]
fn every_no_has_its_reason() {
    let origin = Origin::kit("a");
    let dead = Origin::serving("dead", misbehave::close_after_request);
    let config = "[[listener]]\naddress = \"127.0.0.1:0\"\n".to_string()
        + "[[route]]\npath = \"/ok/*\"\nupstream = \"ok\"\nmethods = [\"GET\"]\ntimeouts = { first_byte = \"200ms\" }\nmax_body = \"10B\"\n"
        + "[[route]]\npath = \"/dead\"\nupstream = \"dead\"\n"
        + "[[route]]\npath = \"/none\"\nupstream = \"none\"\n"
        + "[[route]]\npath = \"/sleep/*\"\nupstream = \"ok\"\ntimeouts = { first_byte = \"200ms\" }\n"
        + &ringfence_tests::upstream_table("ok", &[&origin], "check = \"off\"\nretry = false")
        + &ringfence_tests::upstream_table("dead", &[&dead], "check = \"off\"\nretry = false")
        + &ringfence_tests::upstream_table(
            "none",
            &[&Origin::absent("none")],
            "check = \"off\"\nretry = false",
        )
        + &logging("json", "@dir@/access.log");
    let ringfence = Ringfence::start(&config);
    let mut expected = BTreeSet::new();
    for (request, reason) in [
        ("GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n", "no_route"),
        (
            "POST /ok/ HTTP/1.1\r\nHost: h\r\n\r\n",
            "method_not_allowed",
        ),
        (
            "GET /ok/ HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n",
            "body_too_large",
        ),
        (
            "GET /ok/ HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n",
            "space_before_colon",
        ),
        ("GET /ok/ HTTP/1.1\r\n\r\n", "missing_host"),
        (
            "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n",
            "connect_refused",
        ),
        ("GET /dead HTTP/1.1\r\nHost: h\r\n\r\n", "upstream_closed"),
        ("GET /none HTTP/1.1\r\nHost: h\r\n\r\n", "connect_failed"),
        (
            "GET /sleep/2000 HTTP/1.1\r\nHost: h\r\n\r\n",
            "first_byte_timeout",
        ),
    ] {
        let mut client = ringfence.client();
        client.says(request).hears();
        expected.insert(reason.to_string());
    }
    let told: BTreeSet<String> = records(&ringfence.dir().join("access.log"), 9)
        .iter()
        .map(|record| record["reason"].as_str().unwrap_or("none").to_string())
        .collect();
    assert_eq!(told, expected);
    let metrics = ringfence.metrics();
    for reason in &expected {
        let count = metrics.sum("ringfence_refusals_total", &[("reason", reason)]);
        assert_eq!(count, 1.0, "{reason} in the metrics");
    }
}

#[test]
fn retries_and_departures_are_told() {
    let (bad, good) = (Origin::absent("bad"), Origin::kit("good"));
    let config = site_with(&[&bad, &good], "", "check = \"off\"\nejection = false");
    let ringfence = Ringfence::start(&(config + &logging("json", "@dir@/access.log")));
    let file = ringfence.dir().join("access.log");
    let mut client = ringfence.client();
    client.gets("/").expect(200);
    client.gets("/").expect(200);
    let retries: Vec<u64> = records(&file, 2)
        .iter()
        .filter_map(|r| r["retries"].as_u64())
        .collect();
    assert!(retries.contains(&1), "{retries:?}");
    client.says("GET /drip/500/20 HTTP/1.1\r\nHost: h\r\n\r\n");
    client.hears_through("\r\n\r\n");
    client.resets();
    let record = records(&file, 3).pop().expect("a record");
    assert_eq!(record["reason"], "client_gone", "{record}");
}

#[test]
fn combined_is_what_tools_expect() {
    let origin = Origin::kit("a");
    let ringfence =
        Ringfence::start(&(site(&[&origin]) + &logging("combined", "@dir@/access.log")));
    ringfence
        .client()
        .asks("GET", "/x?y", "User-Agent: tester/1\r\n")
        .expect(200);
    let file = ringfence.dir().join("access.log");
    eventually("a line is logged", || lines(&file).len() == 1);
    let line = lines(&file).remove(0);
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    assert!(
        line.contains("+0000] \"GET /x?y HTTP/1.1\" 200 1 \"-\" \"tester/1\""),
        "{line}"
    );
}

#[test]
fn nobody_can_forge_a_line() {
    let origin = Origin::kit("a");
    let nasty = "User-Agent: \"}\\ \u{1b}[2J<script>\t' \u{e9}\r\nReferer: \" 200 \"\r\n";
    for format in ["json", "combined"] {
        let ringfence =
            Ringfence::start(&(site(&[&origin]) + &logging(format, "@dir@/access.log")));
        let bytes: Vec<u8> = format!("GET /%0a%22?%0d HTTP/1.1\r\nHost: h\r\n{nasty}\r\n")
            .chars()
            .map(|c| c as u8)
            .collect();
        let mut client = ringfence.client();
        client.says(&bytes).hears();
        ringfence.get("/").expect(200);
        let file = ringfence.dir().join("access.log");
        eventually("two lines are logged", || lines(&file).len() == 2);
        let text = std::fs::read(&file).expect("the log");
        assert!(
            text.iter().all(|b| *b == b'\n' || *b >= b' '),
            "{format}: a control character"
        );
        if format == "json" {
            records(&file, 2);
        }
    }
}

#[test]
fn off_means_nothing() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&(site(&[&origin]) + &logging("off", "@dir@/access.log")));
    ringfence.get("/").expect(200);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(lines(&ringfence.dir().join("access.log")).len(), 0);
}

#[test]
fn standard_output() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&(site(&[&origin]) + &logging("json", "stdout")));
    ringfence.get("/to/stdout").expect(200);
    eventually("the line is printed", || {
        ringfence.says("\"target\":\"/to/stdout\"")
    });
}

#[test]
fn a_syslog_socket() {
    let origin = Origin::kit("a");
    let launch = Launch::config(&(site(&[&origin]) + &logging("json", "syslog:@dir@/log.sock")));
    let socket = UnixDatagram::bind(launch.dir().join("log.sock")).expect("a syslog socket");
    socket
        .set_read_timeout(Some(ringfence_tests::PATIENCE))
        .expect("a time limit");
    let ringfence = launch.start();
    ringfence.get("/to/syslog").expect(200);
    let mut message = [0; 8192];
    let length = socket.recv(&mut message).expect("a datagram");
    let text = String::from_utf8_lossy(&message[..length]).into_owned();
    assert!(
        text.starts_with('<') && text.contains("\"target\":\"/to/syslog\""),
        "{text}"
    );
}

#[test]
fn a_log_that_was_moved_away_is_opened_anew() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&(site(&[&origin]) + &logging("json", "@dir@/access.log")));
    let (file, moved) = (
        ringfence.dir().join("access.log"),
        ringfence.dir().join("access.log.1"),
    );
    ringfence.get("/before").expect(200);
    records(&file, 1);
    std::fs::rename(&file, &moved).expect("move the log away");
    ringfence.signal(Signal::USR1);
    eventually("a new file is made", || file.exists());
    ringfence.get("/after").expect(200);
    assert_eq!(records(&file, 1)[0]["target"], "/after");
    assert_eq!(records(&moved, 1)[0]["target"], "/before");
}

#[test]
fn rotation_under_load_loses_no_line() {
    let origin = Origin::forgetful_kit("a");
    let ringfence = Ringfence::start(&(site(&[&origin]) + &logging("json", "@dir@/access.log")));
    let file = ringfence.dir().join("access.log");
    let load = Load::start(ringfence.address(), vec![Shape::get("/"); 4]);
    for round in 0..5 {
        std::thread::sleep(Duration::from_millis(150));
        std::fs::rename(&file, ringfence.dir().join(format!("old.{round}"))).expect("rotate");
        ringfence.signal(Signal::USR1);
        eventually("a new file is made", || file.exists());
    }
    let report = load.stop();
    report.is_clean();
    let count = || -> usize {
        let old = (0..5).map(|round| lines(&ringfence.dir().join(format!("old.{round}"))).len());
        old.sum::<usize>() + lines(&file).len()
    };
    eventually("every request has its line", || count() >= report.good);
    assert_eq!(count(), report.good);
}

#[test]
fn a_log_that_cannot_be_written_stops_nobody() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&(site(&[&origin]) + &logging("json", "/dev/full")));
    let mut client = ringfence.client();
    for _ in 0..50 {
        client.gets("/").expect(200);
    }
    eventually("it is counted", || {
        let metrics = ringfence.metrics();
        metrics.sum("ringfence_access_log_write_errors_total", &[]) > 0.0
    });
    client.gets("/").expect(200);
}

#[test]
fn what_was_logged_before_the_end_is_written() {
    let origin = Origin::kit("a");
    let mut ringfence =
        Ringfence::start(&(site(&[&origin]) + &logging("json", "@dir@/access.log")));
    let mut client = ringfence.client();
    for _ in 0..200 {
        client.gets("/").expect(200);
    }
    ringfence.signal(Signal::TERM);
    ringfence.ends();
    assert_eq!(lines(&ringfence.dir().join("access.log")).len(), 200);
}

#[test]
fn a_refused_head_is_told_like_any_other_request() {
    let origin = Origin::kit("a");
    let config = site(&[&origin])
        + "\n[timeouts]\nhead = \"300ms\"\n"
        + &logging("json", "@dir@/access.log");
    let ringfence = Ringfence::start(&config);
    let mut client = ringfence.client();
    client.says("GET / HTTP/1.1\r\nHos");
    let answer = client.hears().expect(408);
    let record = &records(&ringfence.dir().join("access.log"), 1)[0];
    assert_eq!(record["request_id"].as_str(), answer.field("x-request-id"));
    assert_eq!(record["bytes_out"], answer.body.len());
    assert!(
        record["duration_ms"]
            .as_f64()
            .is_some_and(|took| took >= 290.0),
        "{record}"
    );
}
