//! Servers that are given by name: all their addresses are used, and changes are followed.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use ringfence_tests::load::Shape;
use ringfence_tests::{Dns, Load, Origin, Ringfence, eventually};
use rustix::process::Signal;

/// A port at two addresses of this process's own.
fn two_origins() -> ([Origin; 2], [Ipv4Addr; 2], u16) {
    let first = Origin::kit("0");
    let address: SocketAddr = first.address().parse().expect("ip:port");
    let SocketAddr::V4(address) = address else {
        unreachable!("origins have IPv4 addresses")
    };
    let [a, b, c, _] = address.ip().octets();
    let other = Ipv4Addr::new(a, b, c, 2);
    let second = Origin::kit_on("1", SocketAddr::from((other, address.port())));
    ([first, second], [*address.ip(), other], address.port())
}

fn site_by_name(dns: &Dns, port: u16) -> String {
    format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[[route]]\nupstream = \"app\"\n\
         [upstream.app]\nservers = [\"app.test:{port}\"]\ncheck = \"off\"\n\
         [resolver]\nservers = [\"{}\"]\nmin_ttl = \"200ms\"\nmax_ttl = \"500ms\"\ntimeout = \"500ms\"\n",
        dns.address()
    )
}

fn seen(ringfence: &Ringfence) -> BTreeSet<String> {
    let mut client = ringfence.client();
    let mut who = || {
        let answer = client.gets("/");
        match answer.status {
            200 => answer.origin().to_string(),
            status => status.to_string(),
        }
    };
    (0..8).map(|_| who()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| name.to_string()).collect()
}

#[test]
fn all_addresses_of_a_name_are_used() {
    let (_origins, ips, port) = two_origins();
    let dns = Dns::start();
    dns.knows("app.test", &ips);
    let ringfence = Ringfence::start(&site_by_name(&dns, port));
    eventually("both serve", || seen(&ringfence) == set(&["0", "1"]));
}

#[test]
fn changes_are_followed_and_lose_no_request() {
    let (_origins, ips, port) = two_origins();
    let dns = Dns::start();
    dns.knows("app.test", &ips[..1]);
    let ringfence = Ringfence::start(&site_by_name(&dns, port));
    eventually("the one serves", || seen(&ringfence) == set(&["0"]));
    let load = Load::start(ringfence.address(), vec![Shape::get("/"); 4]);
    dns.knows("app.test", &ips);
    eventually("both serve", || seen(&ringfence) == set(&["0", "1"]));
    dns.knows("app.test", &ips[1..]);
    eventually("the other serves", || seen(&ringfence) == set(&["1"]));
    load.stop().is_clean();
}

#[test]
fn when_the_name_cannot_be_resolved_any_more_the_old_addresses_stay() {
    let (_origins, ips, port) = two_origins();
    let dns = Dns::start();
    dns.knows("app.test", &ips);
    let ringfence = Ringfence::start(&site_by_name(&dns, port));
    eventually("both serve", || seen(&ringfence) == set(&["0", "1"]));
    let asked = dns.questions();
    dns.is_silent(true);
    eventually("it is asked in vain", || dns.questions() > asked + 4);
    assert_eq!(seen(&ringfence), set(&["0", "1"]));
    dns.is_silent(false);
    dns.knows("app.test", &[]);
    let asked = dns.questions();
    eventually("it is told that there is no such name", || {
        dns.questions() > asked + 4
    });
    assert_eq!(seen(&ringfence), set(&["0", "1"]));
}

#[test]
fn a_name_that_is_unknown_at_the_start_is_said_and_joins_later() {
    let (_origins, ips, port) = two_origins();
    let dns = Dns::start();
    let ringfence = Ringfence::start(&site_by_name(&dns, port));
    eventually("it is said", || ringfence.says("app.test"));
    let status = ringfence.get("/").status;
    assert!(matches!(status, 502 | 503), "{status}");
    dns.knows("app.test", &ips);
    eventually("it joins", || seen(&ringfence) == set(&["0", "1"]));
}

#[test]
fn the_hosts_file_is_known() {
    let origin = Origin::kit_on("a", SocketAddr::from(([127, 0, 0, 1], 0)));
    let config = ringfence_tests::site(&[&origin]).replace("127.0.0.1:0", "LISTENER");
    let config = config
        .replace("\"127.0.0.1:", "\"localhost:")
        .replace("LISTENER", "127.0.0.1:0");
    let ringfence = Ringfence::start(&config);
    eventually("it serves", || ringfence.get("/").status == 200);
}

#[test]
fn a_process_ends_at_once_though_a_reload_still_resolves() {
    let dns = Dns::start();
    let (_origins, ips, port) = two_origins();
    dns.knows("app.test", &ips);
    let config = site_by_name(&dns, port).replace("timeout = \"500ms\"", "timeout = \"20s\"");
    let mut ringfence = Ringfence::start(&config);
    dns.is_silent(true);
    let more = "[[route]]\npath = \"/new\"\nupstream = \"new\"\n[upstream.new]\nservers = [\"new.test:80\"]\n";
    ringfence.rewrite(&format!("{config}{more}"));
    let questions = dns.questions();
    ringfence.signal(Signal::HUP);
    eventually("it asks", || dns.questions() > questions);
    let began = Instant::now();
    ringfence.signal(Signal::TERM);
    assert!(ringfence.ends().success());
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}
