//! What it costs to find a request's route, among 10, 500 and 10,000. Each benchmark checks its answer before it is timed.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ringfence_config::{Miss, Overrides, Plan, Query};

const SIZES: [usize; 3] = [10, 500, 10_000];

/// Routes in the shapes that people write: a fifth each exact, with a parameter, by method, and two fifths prefixes;
/// one host for each hundred of them.
fn plan(routes: usize) -> Plan {
    let mut text = String::from(
        "[[listener]]\naddress = \"127.0.0.1:8080\"\n[upstream.app]\nservers = [\"127.0.0.1:3001\"]\n",
    );
    for at in 0..routes {
        let path = match at % 5 {
            0 => format!("path = \"/api/v1/exact-{at}\""),
            1 => format!("path = \"/api/v1/users-{at}/{{id}}/posts\""),
            2 => format!("path = \"/api/v1/method-{at}\"\nmethods = [\"POST\"]"),
            _ => format!("path = \"/api/v1/prefix-{at}/*\""),
        };
        let host = at / 100;
        writeln!(
            text,
            "[[route]]\nname = \"r{at}\"\nhost = \"h{host}.example.com\"\n{path}\nupstream = \"app\""
        )
        .expect("strings take everything");
    }
    Plan::load(&text, "bench", &|_| None, &Overrides::default()).expect("a good configuration")
}

fn query<'a>(host: &'a str, path: &'a str) -> Query<'a> {
    Query {
        host: host.as_bytes(),
        path: path.as_bytes(),
        method: b"GET",
        header: &|_, _| false,
    }
}

/// The shape's last route, and a path that it takes.
fn cases(routes: usize) -> [(&'static str, usize, String); 3] {
    let (exact, param, prefix) = (routes - 5, routes - 4, routes - 1);
    [
        ("exact", exact, format!("/api/v1/exact-{exact}")),
        ("param", param, format!("/api/v1/users-{param}/42/posts")),
        (
            "prefix",
            prefix,
            format!("/api/v1/prefix-{prefix}/static/app.css"),
        ),
    ]
}

fn find(c: &mut Criterion) {
    let mut group = c.benchmark_group("route");
    for size in SIZES {
        let plan = plan(size);
        for (shape, route, path) in cases(size) {
            let host = format!("h{}.example.com", route / 100);
            let query = query(&host, &path);
            let found = plan.router.find(&query).expect("there is a route");
            assert_eq!(plan.route(found.route).name, format!("r{route}"));
            group.bench_function(BenchmarkId::new(shape, size), |b| {
                b.iter(|| plan.router.find(black_box(&query)));
            });
        }
        let miss = query("nowhere.example.com", "/api/v1/nothing");
        assert_eq!(plan.router.find(&miss), Err(Miss::NoRoute));
        group.bench_function(BenchmarkId::new("miss", size), |b| {
            b.iter(|| plan.router.find(black_box(&miss)));
        });
    }
    group.finish();
}

/// Many routes in turn, so that the caches hold none of them by chance.
fn find_in_turn(c: &mut Criterion) {
    let mut group = c.benchmark_group("route/in_turn");
    for size in SIZES {
        let plan = plan(size);
        let asked: Vec<(String, String)> = (0..size)
            .filter(|at| at % 5 == 0)
            .map(|at| at * 7919 % size)
            .map(|at| at - at % 5)
            .map(|at| {
                (
                    format!("h{}.example.com", at / 100),
                    format!("/api/v1/exact-{at}"),
                )
            })
            .collect();
        for (host, path) in &asked {
            assert!(plan.router.find(&query(host, path)).is_ok());
        }
        let mut turn = asked.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| {
                let (host, path) = turn.next().expect("a cycle has no end");
                plan.router.find(black_box(&query(host, path)))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, find, find_in_turn);
criterion_main!(benches);
