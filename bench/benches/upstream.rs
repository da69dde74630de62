//! What an upstream asks of a request beside the choice of a server: to know its cookie again, and a retry's leave. Each
//! benchmark checks its answer.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ringfence_balance::{Group, Picker, Resolved, RetryBudget, Roster, StickySecret, Want};
use ringfence_config::{Overrides, Plan, RetryBudget as Budget};

/// A sticky upstream of that many servers.
fn group(servers: usize) -> Arc<Group> {
    let servers: Vec<String> = (0..servers)
        .map(|ix| format!("\"10.0.{}.{}:80\"", ix >> 8, ix & 255))
        .collect();
    let text = format!(
        "[[listener]]\naddress = \"127.0.0.1:8080\"\n[[route]]\nupstream = \"app\"\n\
         [upstream.app]\nsticky = \"here\"\nservers = [{}]\n",
        servers.join(", ")
    );
    let plan = Plan::load(&text, "bench", &|_| None, &Overrides::default());
    let plan = plan.expect("a good configuration");
    let secret = StickySecret([1; 16]);
    let roster = Roster::build(&plan.upstreams, &Resolved::default(), secret, None);
    Arc::clone(&roster.groups[0])
}

fn sticky(c: &mut Criterion) {
    let mut table = c.benchmark_group("sticky");
    for servers in [3, 1_000] {
        let group = group(servers);
        let cookie = group.sticky_value(servers - 1).expect("it is sticky");
        let cookie = cookie.as_bytes().to_vec();
        let mut picker = Picker::new(group, 1);
        table.bench_function(BenchmarkId::from_parameter(servers), |b| {
            b.iter(|| {
                let want = Want {
                    sticky: Some(black_box(&cookie)),
                    ..Want::default()
                };
                let ix = picker.pick(&want, Duration::from_secs(1));
                assert_eq!(ix, Ok(servers - 1));
            });
        });
    }
    table.finish();
}

fn budget(c: &mut Criterion) {
    let plan = Budget {
        share: 0.2,
        min_per_second: 10,
    };
    let now = Duration::from_secs(100);
    let mut budget = RetryBudget::new(&plan, 1);
    c.bench_function("retry_budget/request", |b| {
        b.iter(|| black_box(&mut budget).record_request(now));
    });
    let (mut budget, mut granted) = (RetryBudget::new(&plan, 1), 0);
    c.bench_function("retry_budget/retry", |b| {
        b.iter(|| granted += u64::from(black_box(&mut budget).try_retry(now)));
    });
    // No request has come, so there is what may always be retried in ten seconds, and no more.
    assert!(granted <= 100, "{granted}");
    assert_eq!(budget.recent(now), (0, granted));
}

criterion_group!(benches, sticky, budget);
criterion_main!(benches);
