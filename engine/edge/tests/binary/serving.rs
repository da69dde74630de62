//! A serving process from its start to its end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Process, ended, file, fixed, refusing, request, ringfence, run};
use rustix::process::Signal;

fn start(dir: &Path, text: &str, flags: &[&str]) -> Process {
    let path = file(dir, "ringfence.toml", text);
    let mut args = vec!["run", "-c", &path];
    args.extend(flags);
    Process::start(ringfence(&args))
}

fn control(dir: &Path) -> String {
    dir.join("control.sock").display().to_string()
}

#[test]
fn the_banner_tells_what_each_worker_got() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--workers", "2", "--driver", "epoll", "--no-pin"];
    let mut process = start(dir.path(), &fixed(dir.path(), "hello"), &flags);
    let banner = process.seen.join("\n");
    for words in [
        "ringfence 0.",
        "Linux ",
        "worker 0: not pinned, epoll",
        "worker 1:",
        "open files",
        "admin on http://",
    ] {
        assert!(banner.contains(words), "no {words:?} in {banner}");
    }
    assert_eq!(process.seen.last().unwrap(), "ready");
    assert!(request(process.listener(), "GET", "/").ends_with("hello"));
    process.signal(Signal::TERM);
    process.wait_for("drained");
    assert_eq!(process.end(), 0);
}

#[test]
fn its_memory_is_made_of_small_pages() {
    let dir = tempfile::tempdir().unwrap();
    let process = start(dir.path(), &fixed(dir.path(), "hello"), &[]);
    assert!(process.status().contains("THP_enabled:\t0"));
}

#[test]
fn a_good_reload_takes_over_and_a_bad_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = start(dir.path(), &fixed(dir.path(), "one"), &["--workers", "2"]);
    let address = process.listener();
    let socket = control(dir.path());

    file(dir.path(), "ringfence.toml", &fixed(dir.path(), "two"));
    let (code, out, err) = run(&["reload", "--control", &socket]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("changed: route"), "{out}");
    // The answer means that every worker has taken it up.
    for _ in 0..10 {
        assert!(request(address, "GET", "/").ends_with("two"));
    }

    file(dir.path(), "ringfence.toml", "[[listener]]\naddress = 7\n");
    let (code, _, err) = run(&["reload", "--control", &socket]);
    assert_eq!(code, 1);
    assert!(
        err.contains("ringfence.toml") && err.contains("address"),
        "{err}"
    );
    process.wait_for("reload refused");
    assert!(request(address, "GET", "/").ends_with("two"));

    file(dir.path(), "ringfence.toml", &fixed(dir.path(), "three"));
    process.signal(Signal::HUP);
    process.wait_for("reloaded");
    eventually(|| request(address, "GET", "/").ends_with("three"));
}

#[test]
fn a_reload_adds_and_removes_listeners_and_says_what_it_kept() {
    let dir = tempfile::tempdir().unwrap();
    let text = fixed(dir.path(), "x");
    let mut process = start(dir.path(), &text, &[]);
    let first = process.listener();

    let more =
        format!("{text}[[listener]]\naddress = \"127.0.0.2:0\"\n[workers]\nring_entries = 2048\n");
    file(dir.path(), "ringfence.toml", &more);
    let (code, out, err) = run(&["reload", "--control", &control(dir.path())]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("added: listener 127.0.0.2:0"), "{out}");
    assert!(
        out.contains("kept until a restart: workers.ring_entries"),
        "{out}"
    );
    let second = process.wait_for("listening on http://127.0.0.2");
    let second = second.rsplit("http://").next().unwrap().parse().unwrap();
    assert!(request(second, "GET", "/").contains("200"));

    let other = text.replace("127.0.0.1:0\"\n\n", "127.0.0.2:0\"\n\n");
    file(dir.path(), "ringfence.toml", &other);
    let (code, out, _) = run(&["reload", "--control", &control(dir.path())]);
    assert_eq!(code, 0);
    assert!(out.contains("removed: listener 127.0.0.1:0"), "{out}");
    eventually(|| TcpStream::connect(first).is_err());
    assert!(request(second, "GET", "/").contains("200"));
}

#[test]
fn a_listener_that_cannot_be_had_refuses_the_reload() {
    let dir = tempfile::tempdir().unwrap();
    let text = fixed(dir.path(), "x");
    let process = start(dir.path(), &text, &[]);
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let held = holder.local_addr().unwrap();
    file(
        dir.path(),
        "ringfence.toml",
        &format!("{text}[[listener]]\naddress = \"{held}\"\n"),
    );
    let (code, _, err) = run(&["reload", "--control", &control(dir.path())]);
    assert_eq!(code, 1);
    assert!(err.contains(&held.to_string()), "{err}");
    assert!(request(process.listener(), "GET", "/").contains("200"));
}

#[test]
fn stop_waits_until_the_process_has_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = start(dir.path(), &fixed(dir.path(), "x"), &[]);
    let (code, out, err) = run(&["stop", "--control", &control(dir.path())]);
    assert_eq!((code, out.as_str()), (0, "stopped\n"), "{err}");
    assert_eq!(process.end(), 0);
    assert!(!dir.path().join("control.sock").exists());
}

#[test]
fn a_drain_waits_for_a_request_and_a_second_signal_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let slow = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[[route]]\nupstream = \"slow\"\n\
         [upstream.slow]\nservers = [\"{}\"]\ncheck = false\n[admin]\nlisten = \"off\"\ncontrol = \"off\"\n",
        slow.local_addr().unwrap()
    );
    let mut process = start(dir.path(), &text, &["--workers", "1"]);
    let mut client = TcpStream::connect(process.listener()).unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let (mut server, _) = slow.accept().unwrap();
    assert!(server.read(&mut [0; 1024]).unwrap() > 0);
    process.signal(Signal::TERM);
    process.wait_for("draining");
    std::thread::sleep(Duration::from_millis(300));
    server
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        .unwrap();
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert!(
        response.contains("200 OK") && response.ends_with("done"),
        "{response}"
    );
    assert_eq!(process.end(), 0);

    let mut process = start(dir.path(), &text, &["--workers", "1"]);
    let mut client = TcpStream::connect(process.listener()).unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    process.signal(Signal::TERM);
    process.wait_for("draining");
    // One that comes with the first is no second one.
    process.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(300));
    let before = Instant::now();
    process.signal(Signal::TERM);
    assert_eq!(process.end(), 128 + 15);
    assert!(before.elapsed() < Duration::from_secs(5));
}

#[test]
fn proxy_balances_without_a_file_and_names_a_dead_server() {
    let (_held, dead) = refusing();
    let dir = tempfile::tempdir().unwrap();
    let origin = start(dir.path(), &fixed(dir.path(), "origin"), &[]);
    let live = origin.listener().to_string();
    let args = [
        "proxy",
        "--from",
        "127.0.0.1:0",
        "--to",
        &dead,
        "--to",
        &live,
        "--admin",
        "off",
    ];
    let mut process = Process::start(ringfence(&args));
    process.says(&format!("server {dead} is down"));
    for _ in 0..8 {
        let response = request(process.listener(), "GET", "/");
        assert!(response.ends_with("origin"), "{response}");
    }
}

#[test]
fn the_demo_survives_the_death_of_a_server() {
    let mut process = Process::start(ringfence(&[
        "demo",
        "--from",
        "127.0.0.1:0",
        "--workers",
        "2",
    ]));
    let address = process.listener();
    let names = || -> std::collections::BTreeSet<String> {
        (0..30)
            .map(|_| {
                let response = request(address, "GET", "/");
                assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
                let body = response.split_once("\r\n\r\n").unwrap().1;
                body.split(" at ").next().unwrap().to_owned()
            })
            .collect()
    };
    assert_eq!(names().len(), 3);
    let line = process.says("/kill");
    let killed = line
        .split_once("http://")
        .unwrap()
        .1
        .split_once('/')
        .unwrap()
        .0
        .parse()
        .unwrap();
    assert!(
        request(address, "POST", "/kill").contains("405"),
        "a kill must not pass the balancer"
    );
    assert!(request(killed, "POST", "/kill").contains("server 2 dies"));
    assert_eq!(names().len(), 2);
    process.signal(Signal::INT);
    assert_eq!(process.end(), 0);
}

#[test]
fn a_second_process_on_the_same_control_socket_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = start(dir.path(), &fixed(dir.path(), "x"), &[]);
    let path = dir.path().join("ringfence.toml").display().to_string();
    let (code, _, err) = ended(ringfence(&["run", "-c", &path]).output().unwrap());
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("control.sock"), "{err}");
}

fn eventually(condition: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < until, "it never came true");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_full_standard_error_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "ringfence.toml", &fixed(dir.path(), "one"));
    let (reader, mut writer) = std::io::pipe().unwrap();
    // As much as a pipe holds: nobody reads, so the process can write no line.
    writer.write_all(&[b'x'; 64 << 10]).unwrap();
    let mut child = ringfence(&["run", "-c", &path])
        .stderr(writer)
        .spawn()
        .unwrap();
    let socket = control(dir.path());
    eventually(|| run(&["reload", "--control", &socket]).0 == 0);
    for _ in 0..20 {
        let (code, _, err) = run(&["reload", "--control", &socket]);
        assert_eq!(code, 0, "{err}");
    }
    let (code, _, err) = run(&["stop", "--control", &socket]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(reader);
}
