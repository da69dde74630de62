//! Limits on what clients may send, and on what the process takes on.

use std::time::{Duration, Instant};

use ringfence_tests::{
    Client, Launch, Origin, Ringfence, Visit, eventually, happens_within, site, site_with,
    upstream_table,
};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

#[test]
fn request_lines_and_heads() {
    let origin = Origin::kit("a");
    let limits = "\n[limits]\nmax_line = \"1KiB\"\nmax_head = \"4KiB\"\nmax_fields = 20\n";
    let ringfence = Ringfence::start(&(site(&[&origin]) + limits));
    let line = |path: usize| format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(path));
    let head = |value: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n",
            "b".repeat(value)
        )
    };
    let fields = |count: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
            "A: b\r\n".repeat(count)
        )
    };
    for (request, status) in [
        (line(900), 200),
        (line(1100), 414),
        (line(8000), 414),
        (head(3500), 200),
        (head(4100), 431),
        (fields(19), 200),
        (fields(20), 431),
    ] {
        let mut client = ringfence.client();
        let answer = client.says(&request).hears();
        assert_eq!(answer.status, status, "{} bytes", request.len());
        assert_eq!(answer.closes(), status != 200);
    }
}

#[test]
fn a_head_without_end_is_refused_early() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut client = ringfence.client();
    client.says("GET / HTTP/1.1\r\nHost: h\r\nA: ");
    let mut sent = 0;
    while sent < 100 << 20 && client.try_says([b'x'; 64 * 1024]).is_ok() {
        sent += 64 * 1024;
    }
    assert!(sent < 16 << 20, "{sent} bytes of head were taken");
    client.hears().expect(431);
}

#[test]
fn declared_bodies() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site_with(&[&origin], "max_body = \"10KiB\"", ""));
    let mut client = ringfence.client();
    client.sends("POST", "/echo", &[b'x'; 10_240]).expect(200);
    let answer = client.sends("POST", "/echo", &[b'x'; 10_241]).expect(413);
    assert!(answer.closes());
    assert_eq!(origin.requests().len(), 1, "the origin never hears of it");
}

#[test]
fn a_refused_body_is_answered_though_the_client_sends_on() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site_with(&[&origin], "max_body = \"10KiB\"", ""));
    for _ in 0..5 {
        let mut client = ringfence.client();
        client.says("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n");
        for _ in 0..30 {
            if client.try_says([b'x'; 100_000]).is_err() {
                break;
            }
        }
        client.hears().expect(413);
    }
}

#[test]
fn a_client_that_waits_for_continue_is_refused_before_it_sends() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site_with(&[&origin], "max_body = \"10KiB\"", ""));
    let mut client = ringfence.client();
    client.says(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\nExpect: 100-continue\r\n\r\n",
    );
    client.hears().expect(413);
}

#[test]
fn bodies_of_unknown_length() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site_with(&[&origin], "max_body = \"10KiB\"", ""));
    let mut client = ringfence.client();
    client.says("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    for _ in 0..10 {
        client.says(&chunk);
    }
    let _ = client.try_says(&chunk);
    let _ = client.try_says("0\r\n\r\n");
    client.hears().expect(413);
    client.is_closed_within(Duration::from_secs(5));
    let whole = origin.requests().iter().any(|r| r.body.len() > 10_240);
    assert!(!whole, "the origin got more than the limit");
}

#[test]
fn connections_over_the_limit_are_shed_and_served_again_later() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&(site(&[&origin]) + "\n[workers]\nmax_connections = 20\n"));
    let mut held: Vec<Client> = Vec::new();
    let mut shed = 0;
    for _ in 0..40 {
        let Ok(mut client) = Client::try_connect(ringfence.address()) else {
            shed += 1;
            continue;
        };
        let _ = client.try_says("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        match client.try_hears() {
            Ok(answer) if answer.status == 200 => held.push(client),
            _ => shed += 1,
        }
    }
    assert!(
        held.len() <= 21,
        "{} connections are held where 20 are allowed",
        held.len()
    );
    assert!(
        held.len() >= 18,
        "only {} connections are held where 20 are allowed",
        held.len()
    );
    assert!(shed >= 18);
    assert!(
        ringfence
            .metrics()
            .sum("ringfence_connections_shed_total", &[])
            >= 18.0
    );
    // Those who are in are served as before.
    for client in &mut held {
        client.gets("/").expect(200);
    }
    drop(held);
    eventually("there is room again", || {
        let client = Client::try_connect(ringfence.address());
        client.is_ok_and(|mut client| {
            client.try_says("GET / HTTP/1.1\r\nHost: h\r\n\r\n").is_ok()
                && client.try_hears().is_ok_and(|answer| answer.status == 200)
        })
    });
}

/// Takes descriptors away from a running process until `left` more can be opened.
fn starve(ringfence: &Ringfence, left: u64) {
    let now = ringfence.descriptors() as u64;
    let limit = Rlimit {
        current: Some(now + left),
        maximum: Some(now + left),
    };
    let pid = Pid::from_raw(ringfence.pid() as i32);
    prlimit(pid, Resource::Nofile, limit).expect("change the limit of our own child");
}

#[test]
fn without_descriptors_it_sheds_and_does_not_spin() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let mut early = ringfence.client();
    early.gets("/").expect(200);
    starve(&ringfence, 10);
    let crowd: Vec<Client> = (0..60)
        .filter_map(|_| Client::try_connect(ringfence.address()).ok())
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    // Whoever is in is served on the connections that are there.
    early.gets("/").expect(200);
    let (cpu, start) = (ringfence.cpu_time(), Instant::now());
    std::thread::sleep(Duration::from_secs(1));
    let used = ringfence.cpu_time() - cpu;
    assert!(
        used < start.elapsed() / 4,
        "{used:?} of CPU in {:?} of shortage",
        start.elapsed()
    );
    drop(crowd);
    let serves = || {
        Client::try_connect(ringfence.address()).is_ok_and(|client| {
            let mut client = client.patient(Duration::from_secs(1));
            client.try_says("GET / HTTP/1.1\r\nHost: h\r\n\r\n").is_ok()
                && client.try_hears().is_ok_and(|answer| answer.status == 200)
        })
    };
    assert!(
        happens_within(Duration::from_secs(10), serves),
        "it never recovered"
    );
    assert!(
        ringfence
            .metrics()
            .sum("ringfence_connections_shed_total", &[])
            >= 1.0
    );
}

#[test]
fn without_descriptors_for_servers_requests_are_refused_not_hung() {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site_with(
        &[&origin],
        "",
        "pool = false\nretry = false\ncheck = { type = \"tcp\", interval = \"50ms\", fall = 1 }",
    ));
    let mut clients: Vec<Client> = (0..12).map(|_| ringfence.client()).collect();
    for client in &mut clients {
        client.gets("/").expect(200);
    }
    starve(&ringfence, 2);
    for client in &mut clients {
        client.says("GET /sleep/300 HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    let statuses: Vec<u16> = clients
        .iter_mut()
        .map(|client| client.hears().status)
        .collect();
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(
        statuses.iter().all(|s| matches!(s, 200 | 503)),
        "{statuses:?}"
    );
    // What we lack says nothing of the server: neither checks nor requests hold it for bad.
    assert!(!ringfence.says("is down") && !ringfence.says("is ejected"));
    assert_eq!(
        ringfence
            .metrics()
            .sum("ringfence_server_failures_total", &[]),
        0.0
    );
}

#[test]
fn idle_connections_make_room_where_descriptors_are_short() {
    let (old, new) = (Origin::kit("old"), Origin::kit("new"));
    let text = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[[route]]\npath = \"/old/*\"\nupstream = \"old\"\n\
         [[route]]\nupstream = \"new\"\n{}{}",
        upstream_table("old", &[&old], "check = \"off\"\n"),
        upstream_table("new", &[&new], "check = \"off\"\n"),
    );
    let ringfence = Ringfence::start(&text);
    let mut clients: Vec<Client> = (0..8).map(|_| ringfence.client()).collect();
    for client in &mut clients {
        client.says("GET /old/sleep HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    for client in &mut clients {
        client.hears().expect(200);
    }
    starve(&ringfence, 0);
    for client in &mut clients {
        client.gets("/").expect(200);
    }
}

#[test]
fn clients_get_half_of_the_descriptors_and_servers_the_rest() {
    let origin = Origin::kit("a");
    let ringfence = Launch::config(&site_with(&[&origin], "", "pool = false"))
        .with_descriptors(200)
        .start();
    assert!(ringfence.says("200 open files are enough for"));
    let mut clients: Vec<Client> = (0..120)
        .filter_map(|_| Client::try_connect(ringfence.address()).ok())
        .collect();
    for client in &mut clients {
        let _ = client.try_says("GET /sleep/500 HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    let answers = clients.iter_mut().filter_map(|c| c.try_hears().ok());
    let statuses: Vec<u16> = answers.map(|answer| answer.status).collect();
    assert!(statuses.len() > 40, "{}", statuses.len());
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

#[test]
fn the_limit_on_clients_is_one_for_all_workers() {
    let origin = Origin::kit("a");
    // An even split would shed some of the last.
    let ringfence = Ringfence::start(&(site(&[&origin]) + "\n[workers]\nmax_connections = 25\n"));
    let mut clients: Vec<Client> = (0..25).map(|_| ringfence.client()).collect();
    for client in &mut clients {
        client.gets("/").expect(200);
    }
    let mut one_more = ringfence.client();
    let _ = one_more.try_says("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(one_more.is_closed_within(Duration::from_secs(5)));
}

/// An answer that is large enough for any buffer.
fn endless(visit: &mut Visit) -> std::io::Result<()> {
    while let Some(request) = visit.request()? {
        if request.target != "/endless" {
            visit.answer("short")?;
            continue;
        }
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")?;
        for _ in 0..1_000_000_000 / 50_000 {
            visit.send([b'x'; 50_000])?;
        }
    }
    Ok(())
}

#[test]
fn without_memory_new_clients_are_shed_and_those_who_are_in_are_served() {
    let origin = Origin::serving("a", endless);
    let limits = "\n[limits]\nmax_buffers = \"16MiB\"\n";
    let config = site_with(&[&origin], "", "check = \"off\"") + limits;
    let ringfence = Ringfence::start(&config);
    let mut early = ringfence.client();
    early.gets("/").expect(200);
    let shed = || {
        let metrics = ringfence.metrics();
        metrics.sum("ringfence_connections_shed_total", &[]) >= 10.0
    };
    // Nobody takes the answer, so that its buffers stay in use.
    let mut crowd = Vec::new();
    while !shed() {
        assert!(crowd.len() < 3000, "memory without a bound");
        for _ in 0..50 {
            let mut client = Client::connect_narrow(ringfence.address(), 4 << 10);
            let _ = client.try_says("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n");
            crowd.push(client);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let resident = ringfence.resident_kib();
    assert!(resident < 160 * 1024, "{resident} KiB resident");
    early.gets("/").expect(200);
    drop(crowd);
    eventually("there is room again", || {
        let client = Client::try_connect(ringfence.address());
        client.is_ok_and(|mut client| {
            client.try_says("GET / HTTP/1.1\r\nHost: h\r\n\r\n").is_ok()
                && client.try_hears().is_ok_and(|answer| answer.status == 200)
        })
    });
}

#[test]
fn idle_connections_to_many_servers_leave_descriptors() {
    let origins: Vec<Origin> = (0..10).map(|n| Origin::kit(&n.to_string())).collect();
    let mut config = "[[listener]]\naddress = \"127.0.0.1:0\"\n".to_string();
    for number in 0..origins.len() {
        config += &format!("[[route]]\npath = \"/{number}/*\"\nupstream = \"u{number}\"\n");
    }
    for (number, origin) in origins.iter().enumerate() {
        config += &upstream_table(&format!("u{number}"), &[origin], "");
    }
    let ringfence = Launch::config(&config).with_descriptors(160).start();
    let mut clients: Vec<Client> = (0..24).map(|_| ringfence.client()).collect();
    for round in 0..3 {
        for number in 0..origins.len() {
            for client in &mut clients {
                client.says(format!("GET /{number}/{round} HTTP/1.1\r\nHost: h\r\n\r\n"));
            }
            for client in &mut clients {
                client.hears().expect(200);
            }
        }
    }
    ringfence.admin_get("/health/live").expect(200);
}
