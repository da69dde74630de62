//! What it costs to wake another core: a message there and one back, while both cores sleep in
//! between.

use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use ringfence_io::{DriverChoice, RunOptions, mailbox, run};

fn on<T>(driver: DriverChoice, main: impl Future<Output = T>) -> T {
    let options = RunOptions {
        driver,
        ..RunOptions::default()
    };
    run(&options, main).expect("the driver works here")
}

/// How long so many messages take there and back.
fn exchange(driver: DriverChoice, rounds: u64) -> Duration {
    let (to_far, mut at_far) = mailbox();
    let (to_near, mut at_near) = mailbox();
    let far = thread::spawn(move || {
        on(driver, async {
            for _ in 0..rounds {
                to_near.post(at_far.recv().await);
            }
        });
    });
    let took = on(driver, async {
        let began = Instant::now();
        for number in 0..rounds {
            to_far.post(number);
            assert_eq!(at_near.recv().await, number);
        }
        began.elapsed()
    });
    far.join().expect("the far core ends");
    took
}

fn there_and_back(c: &mut Criterion) {
    let drivers = [
        ("mailbox/native", DriverChoice::Native),
        ("mailbox/epoll", DriverChoice::Epoll),
    ];
    for (name, driver) in drivers {
        c.bench_function(name, |b| {
            b.iter_custom(|rounds| exchange(driver, rounds));
        });
    }
}

criterion_group!(benches, there_and_back);
criterion_main!(benches);
