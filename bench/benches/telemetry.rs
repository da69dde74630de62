//! What it costs to count a request and to log it. Each benchmark checks its answer.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use ringfence_telemetry::{
    LogQueue, Part, Record, Registry, RouteStats, Stations, format_combined, format_json,
};

/// Bytes of the texts below.
const TEXT: usize = 160;

const TEXTS: [(Part, &[u8]); 9] = [
    (Part::RequestId, b"01890a5d-ac96-774b-bcce-b302099a8057"),
    (Part::Method, b"GET"),
    (Part::Target, b"/static/app/main.css?v=20240611"),
    (Part::Host, b"www.example.com"),
    (Part::Route, b"app"),
    (Part::Upstream, b"app"),
    (Part::Server, b"10.0.0.1:8080"),
    (Part::UserAgent, b"Mozilla/5.0 (X11; Linux x86_64)"),
    (Part::Referer, b"https://www.example.com/"),
];

const JSON: &str = concat!(
    r#"{"time":"2024-06-11T10:00:00.250Z","client":"192.0.2.1","#,
    r#""request_id":"01890a5d-ac96-774b-bcce-b302099a8057","method":"GET","host":"www.example.com","#,
    r#""target":"/static/app/main.css?v=20240611","version":"HTTP/1.1","status":200,"bytes_in":0,"#,
    r#""bytes_out":128,"duration_ms":1.250,"stations_ms":{"head":0.020,"first_byte":1.100,"relay":0.030},"#,
    r#""route":"app","upstream":"app","server":"10.0.0.1:8080","retries":0,"#,
    r#""user_agent":"Mozilla/5.0 (X11; Linux x86_64)","referer":"https://www.example.com/"}"#,
    "\n"
);

const COMBINED: &str = concat!(
    r#"192.0.2.1 - - [11/Jun/2024:10:00:00 +0000] "GET /static/app/main.css?v=20240611 HTTP/1.1" 200 128 "#,
    r#""https://www.example.com/" "Mozilla/5.0 (X11; Linux x86_64)" "#,
    r#"id="01890a5d-ac96-774b-bcce-b302099a8057" host="www.example.com" route="app" upstream="app" "#,
    r#"server="10.0.0.1:8080" received=0 ms=1.250 head_ms=0.020 first_byte_ms=1.100 relay_ms=0.030 retries=0 reason=-"#,
    "\n"
);

/// The record of a request that went well.
fn record() -> Record {
    let mut record = Record::new(Duration::from_millis(1_718_100_000_250), TEXT);
    record.client = Some([192, 0, 2, 1].into());
    record.status = 200;
    record.bytes_out = 128;
    record.duration = Duration::from_micros(1_250);
    record.stations = Stations {
        head: Some(Duration::from_micros(20)),
        first_byte: Some(Duration::from_micros(1_100)),
        relay: Some(Duration::from_micros(30)),
        ..Stations::default()
    };
    for (part, text) in TEXTS {
        record.set(part, text);
    }
    record
}

fn count(c: &mut Criterion) {
    let stats = RouteStats::default();
    let mut number = 0u64;
    c.bench_function("telemetry/route_record", |b| {
        b.iter(|| {
            number += 1;
            // From 1 µs to some 4 ms: other buckets each time.
            let took = Duration::from_micros(1 + number * 37 % 4_096);
            stats.record(black_box(200), took);
        });
    });
    assert_eq!(stats.responses.get().iter().sum::<u64>(), number);
}

fn log(c: &mut Criterion) {
    let mut group = c.benchmark_group("access_log");
    let mut out = Vec::with_capacity(1024);
    let full = record();
    for (name, format, want) in [
        ("json", format_json as fn(&Record, &mut Vec<u8>), JSON),
        ("combined", format_combined, COMBINED),
    ] {
        out.clear();
        format(&full, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), want);
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                format(black_box(&full), &mut out);
                out.len()
            });
        });
    }
    let registry = Arc::new(Registry::new());
    let queue = LogQueue::new(64, registry.worker(0));
    group.bench_function("fill_and_pass_on", |b| {
        b.iter(|| {
            queue.push(record());
            let passed = queue.pop().expect("it was pushed");
            assert_eq!(passed.status, 200);
        });
    });
    assert_eq!(registry.worker(0).log_dropped.get(), 0);
    group.finish();
}

criterion_group!(benches, count, log);
criterion_main!(benches);
