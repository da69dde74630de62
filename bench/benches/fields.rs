//! The values that a proxy adds to a request, and who it takes the client for. Each benchmark checks its answer before
//! it is timed.

use std::hint::black_box;
use std::net::IpAddr;

use criterion::{Criterion, criterion_group, criterion_main};
use ringfence_http::date::write_http_date;
use ringfence_http::forwarded::{Client, client_ip};

/// What a proxy before us has sent.
const CHAIN: &[u8] = b"203.0.113.7, 10.0.0.9";

/// Our own network.
fn is_trusted(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 10)
}

fn client(trusted: bool) -> Client<'static> {
    Client {
        peer: [10, 0, 0, 2].into(),
        proto: b"http",
        host: b"www.example.com:8080",
        trusted,
    }
}

fn forwarded(c: &mut Criterion) {
    let mut out = Vec::with_capacity(256);
    let mut group = c.benchmark_group("forwarded");
    for (name, trusted, want) in [
        ("x_forwarded_for", false, "10.0.0.2"),
        (
            "x_forwarded_for_continued",
            true,
            "203.0.113.7, 10.0.0.9, 10.0.0.2",
        ),
    ] {
        let client = client(trusted);
        client.write_x_forwarded_for(&mut out, [CHAIN].into_iter());
        assert_eq!(out, want.as_bytes());
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                black_box(&client).write_x_forwarded_for(&mut out, [CHAIN].into_iter());
                out.len()
            });
        });
        out.clear();
    }
    let client = client(false);
    client.write_forwarded(&mut out, [].into_iter());
    assert_eq!(
        out,
        b"for=10.0.0.2;host=\"www.example.com:8080\";proto=http"
    );
    group.bench_function("forwarded", |b| {
        b.iter(|| {
            out.clear();
            black_box(&client).write_forwarded(&mut out, [].into_iter());
            out.len()
        });
    });
    group.finish();
}

fn origin(c: &mut Criterion) {
    let find = |peer: IpAddr| client_ip(peer, [CHAIN].into_iter(), [].into_iter(), is_trusted);
    let mut group = c.benchmark_group("client_ip");
    for (name, peer, want) in [
        ("stranger", [192, 0, 2, 1], [192, 0, 2, 1]),
        ("behind_proxies", [10, 0, 0, 2], [203, 0, 113, 7]),
    ] {
        let (peer, want) = (IpAddr::from(peer), IpAddr::from(want));
        assert_eq!(find(peer), want);
        group.bench_function(name, |b| b.iter(|| find(black_box(peer))));
    }
    group.finish();
}

fn date(c: &mut Criterion) {
    let mut out = Vec::with_capacity(32);
    write_http_date(784_111_777, &mut out);
    assert_eq!(out, b"Sun, 06 Nov 1994 08:49:37 GMT");
    c.bench_function("http_date", |b| {
        b.iter(|| {
            out.clear();
            write_http_date(black_box(784_111_777), &mut out);
            out.len()
        });
    });
}

criterion_group!(benches, forwarded, origin, date);
criterion_main!(benches);
