//! Reload: a good file takes over without a dropped request, a bad one changes nothing.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use ringfence_tests::load::Shape;
use ringfence_tests::tools::free_address;
use ringfence_tests::{
    Client, Load, Origin, Ringfence, eventually, get, site, site_with, upstream_table,
};
use rustix::process::Signal;

#[test]
fn a_good_file_takes_over() {
    let (a, b) = (Origin::kit("a"), Origin::kit("b"));
    let ringfence = Ringfence::start(&site(&[&a]));
    let mut client = ringfence.client();
    assert_eq!(client.gets("/").origin(), "a");
    ringfence.reload(&site(&[&b]));
    // On the old connection, and on new ones.
    assert_eq!(client.gets("/").origin(), "b");
    for _ in 0..6 {
        assert_eq!(ringfence.get("/").origin(), "b");
    }
}

#[test]
fn the_signal_reloads_too() {
    let (a, b) = (Origin::kit("a"), Origin::kit("b"));
    let ringfence = Ringfence::start(&site(&[&a]));
    ringfence.rewrite(&site(&[&b]));
    ringfence.signal(Signal::HUP);
    eventually("the new file is in force", || {
        ringfence.get("/").origin() == "b"
    });
}

#[test]
fn a_bad_file_is_refused_with_the_reason() {
    let a = Origin::kit("a");
    let good = site(&[&a]);
    let ringfence = Ringfence::start(&good);
    for (bad, words) in [
        (
            good.replace("upstream = \"app\"", "upstream = \"missing\""),
            ["missing", "ringfence.toml"],
        ),
        (
            good.replace("[[listener]]", "[[listener"),
            ["ringfence.toml", ":"],
        ),
        (
            good.replace("address = \"127.0.0.1:0\"", "adress = \"127.0.0.1:0\""),
            ["adress", "address"],
        ),
    ] {
        ringfence.rewrite(&bad);
        ringfence.control("reload").failed_saying(&words);
        assert_eq!(ringfence.get("/").expect(200).origin(), "a");
    }
    ringfence.rewrite("this is not toml");
    ringfence.signal(Signal::HUP);
    eventually("the refusal is told in the output", || {
        ringfence.says("ringfence.toml")
    });
    assert_eq!(ringfence.get("/").expect(200).origin(), "a");
    // And a good file is still taken afterwards.
    ringfence.reload(&good);
}

#[test]
fn a_file_that_is_gone_is_refused() {
    let a = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&a]));
    std::fs::remove_file(ringfence.file()).expect("remove the file");
    ringfence
        .control("reload")
        .failed_saying(&["ringfence.toml"]);
    ringfence.get("/").expect(200);
}

#[test]
fn a_port_in_use_is_refused_and_nothing_changes() {
    let (a, b) = (Origin::kit("a"), Origin::kit("b"));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let ringfence = Ringfence::start(&site(&[&a]));
    let more = format!("[[listener]]\naddress = \"{address}\"\n{}", site(&[&b]));
    ringfence.rewrite(&more);
    ringfence.control("reload").failed_saying(&[&address]);
    assert_eq!(ringfence.get("/").expect(200).origin(), "a");
}

#[test]
fn listeners_come_and_go() {
    let a = Origin::kit("a");
    let (first, second) = (free_address(), free_address());
    let on = |addresses: &[SocketAddr]| {
        let listeners: String = addresses
            .iter()
            .map(|a| format!("[[listener]]\naddress = \"{a}\"\n"))
            .collect();
        let site = site(&[&a]);
        listeners + site.split_once("\n\n").expect("a listener and the rest").1
    };
    let ringfence = Ringfence::start(&on(&[first]));
    let mut kept = Client::connect(first);
    kept.gets("/").expect(200);
    ringfence.reload(&on(&[first, second]));
    get(second, "/").expect(200);
    kept.gets("/").expect(200);
    ringfence.reload(&on(&[second]));
    eventually("the first listener is gone", || {
        Client::try_connect(first).is_err()
    });
    for _ in 0..4 {
        get(second, "/").expect(200);
    }
    // A connection that came through the listener that went is not cut off.
    kept.gets("/").expect(200);
    ringfence.reload(&on(&[first]));
    get(first, "/").expect(200);
    ringfence.reload(&on(&[first, second]));
    get(second, "/").expect(200);
}

#[test]
fn no_request_is_dropped_under_load() {
    let origins: Vec<Origin> = (0..3)
        .map(|n| Origin::forgetful_kit(&n.to_string()))
        .collect();
    let some = |numbers: &[usize]| {
        let chosen: Vec<&Origin> = numbers.iter().map(|&n| &origins[n]).collect();
        site(&chosen)
    };
    let ringfence = Ringfence::start(&some(&[0, 1]));
    let mut shapes = vec![Shape::get("/"); 6];
    shapes.push(Shape::get("/sleep/30"));
    shapes.push(Shape::get("/bytes/300000"));
    shapes.push(Shape::put("/echo", &[b'x'; 5000]));
    let count = shapes.len();
    let load = Load::start(ringfence.address(), shapes);
    for round in 0..12 {
        let next = [[0, 1], [1, 2], [0, 2]][round % 3];
        std::thread::sleep(Duration::from_millis(150));
        ringfence.reload(&some(&next));
    }
    let report = load.stop();
    report.is_clean();
    assert_eq!(report.closed, 0, "a reload closes no connection");
    assert_eq!(
        report.connections, count,
        "a reload makes no client connect again"
    );
    assert!(report.good > 500, "{}", report.good);
}

#[test]
fn a_request_in_flight_stays_with_its_server() {
    let (a, b) = (Origin::kit("a"), Origin::kit("b"));
    let ringfence = Ringfence::start(&site(&[&a]));
    let mut client = ringfence.client();
    client.says("GET /drip/10/80 HTTP/1.1\r\nHost: h\r\n\r\n");
    client.hears_through("\r\n\r\n");
    ringfence.reload(&site(&[&b]));
    assert_eq!(client.hears_bytes(10).len(), 10);
    assert_eq!(client.gets("/").expect(200).origin(), "b");
}

#[test]
fn pools_are_kept_for_servers_that_stay() {
    let (a, b) = (Origin::kit("a"), Origin::kit("b"));
    let ringfence = Ringfence::start(&site_with(&[&a], "", "check = \"off\""));
    let mut client = ringfence.client();
    client.gets("/").expect(200);
    ringfence.reload(&site_with(&[&a, &b], "", "check = \"off\""));
    for _ in 0..8 {
        client.gets("/").expect(200);
    }
    assert_eq!(
        a.connections(),
        1,
        "the pooled connection outlives the reload"
    );
    ringfence.reload(&site_with(&[&a], "", "check = \"off\""));
    eventually("connections to a server that went are closed", || {
        b.open_connections() == 0
    });
}

#[test]
fn health_is_kept_for_servers_that_stay() {
    let (a, b) = (Origin::absent("a"), Origin::kit("b"));
    let lines = "check = \"off\"\nejection = { consecutive_failures = 1, base_time = \"60s\" }";
    let ringfence = Ringfence::start(&site_with(&[&a, &b], "", lines));
    let mut client = ringfence.client();
    for _ in 0..6 {
        client.gets("/").expect(200);
    }
    let retries = || ringfence.metrics().sum("ringfence_retries_total", &[]);
    let before = retries();
    assert!(before > 0.0, "the dead server was tried");
    ringfence.reload(&site_with(
        &[&a, &b],
        "",
        &format!("{lines}\nslow_start = \"1s\""),
    ));
    for _ in 0..12 {
        client.gets("/").expect(200);
    }
    assert_eq!(retries(), before, "the ejection outlives the reload");
}

#[test]
fn every_part_of_the_file_can_change() {
    let a = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&a]));
    let mut client = ringfence.client();
    client.gets("/status/200?long").expect(200);
    let second = "[[route]]\npath = \"/fixed\"\nrespond = { status = 202, body = \"new\" }\n";
    ringfence.reload(&format!(
        "{}\n{second}\n[limits]\nmax_line = \"256B\"\n[expose]\nbackend_server = true\n",
        site(&[&a])
    ));
    assert_eq!(client.gets("/fixed").expect(202).text(), "new");
    assert!(client.gets("/").field("x-backend-server").is_some());
    client.gets(&format!("/{}", "x".repeat(300))).expect(414);
}

#[test]
fn what_changed_is_told() {
    let (a, b) = (Origin::kit("a"), Origin::kit("b"));
    let ringfence = Ringfence::start(&site(&[&a]));
    ringfence.rewrite(
        &(site(&[&a])
            + &upstream_table("second", &[&b], "")
            + "[[route]]\nname = \"more\"\npath = \"/more\"\nupstream = \"second\"\n"),
    );
    let told = ringfence.control("reload").succeeded().text();
    assert!(told.contains("second") && told.contains("more"), "{told}");
}

#[test]
fn a_hundred_reloads_leave_nothing_behind() {
    let (a, b) = (Origin::kit("a"), Origin::kit("b"));
    let ringfence = Ringfence::start(&site(&[&a, &b]));
    let turn = |round: usize| match round % 2 {
        0 => ringfence.rewrite(&site(&[&a])),
        _ => ringfence.rewrite(&site(&[&a, &b])),
    };
    let reload = |round: usize| {
        turn(round);
        ringfence.signal(Signal::HUP);
        std::thread::sleep(Duration::from_millis(20));
        ringfence.get("/").expect(200);
    };
    (0..20).for_each(reload);
    let (memory, descriptors) = (ringfence.resident_kib(), ringfence.descriptors());
    (0..100).for_each(reload);
    let grown = ringfence.resident_kib().saturating_sub(memory);
    assert!(grown < 4096, "{grown} KiB more after a hundred reloads");
    eventually("descriptors are given back", || {
        ringfence.descriptors() <= descriptors + 4
    });
}
