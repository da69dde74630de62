//! Tasks and the core that runs them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use ringfence_io::*;

use super::support::*;

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("on the way out");
    }
}

#[test]
fn a_panic_costs_its_task_only() {
    each(async || {
        let before = panics();
        let (client, server) = pair().await;
        spawn(echo(server));
        spawn(async { panic!("at once") });
        spawn(async {
            sleep(millis(5)).await;
            panic!("later");
        });
        spawn(async {
            let _bomb = Bomb;
            sleep(millis(5)).await;
        });
        spawn(async { std::panic::panic_any(AssertUnwindSafe(Bomb)) });
        while stats().tasks > 1 {
            sleep(millis(1)).await;
        }
        client.send(text(b"still there?")).await.unwrap();
        assert_eq!(&*client.recv().await.unwrap(), b"still there?");
        // The last one panics again when what it panicked with is dropped.
        assert_eq!((panics() - before, stats().tasks), (5, 1));
    });
}

#[test]
fn a_panic_frees_what_the_task_held() {
    each(async || {
        let (client, server) = pair().await;
        spawn(async move {
            let _held = server.recv().await;
            panic!("holding a stream and a lease");
        });
        client.send(text(b"x")).await.unwrap();
        assert!(client.recv().await.map_or(true, |got| got.is_empty()));
        assert_eq!((stats().streams, stats().leases, stats().tasks), (1, 0, 0));
    });
}

#[test]
fn tasks_that_are_left_are_dropped_with_the_core() {
    for driver in DRIVERS {
        let dropped = Rc::new(Cell::new(0));
        struct Count(Rc<Cell<u32>>);
        impl Drop for Count {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        on(driver, async {
            let (client, server) = pair().await;
            let counts: Vec<_> = (0..4).map(|_| Count(dropped.clone())).collect();
            let mut counts = counts.into_iter();
            let (a, b, c, d) = (counts.next(), counts.next(), counts.next(), counts.next());
            spawn(async move {
                let _a = a;
                let _ = client.recv().await;
            });
            spawn(async move {
                let _b = b;
                server.closed().await;
            });
            spawn(async move {
                let _c = c;
                sleep(std::time::Duration::from_secs(3600)).await;
            });
            sleep(millis(5)).await;
            // Never polled before the end.
            spawn(async move {
                let _d = d;
                std::future::pending::<()>().await;
            });
        });
        assert_eq!((dropped.get(), stats().tasks, stats().streams), (4, 0, 0));
    }
}

#[test]
fn a_panic_of_the_first_future_goes_on_and_leaves_the_thread_usable() {
    for driver in DRIVERS {
        let outcome = catch_unwind(|| on(driver, async { panic!("the first future") }));
        assert!(outcome.is_err());
        on(driver, async {
            let (client, server) = pair().await;
            client.send(text(b"x")).await.unwrap();
            server.recv().await.unwrap();
        });
    }
}

#[test]
fn a_core_says_which_driver_it_got() {
    assert_eq!(driver_report(), None);
    let got = |choice| on(choice, async { driver_report().unwrap().kind });
    assert_eq!(got(DriverChoice::Epoll), DriverKind::Epoll);
    assert_eq!(got(DriverChoice::Monoio), DriverKind::Monoio);
    assert_eq!(got(DriverChoice::Native), DriverKind::Native);
    assert_eq!(got(DriverChoice::IoUring), DriverKind::Native);
    assert_eq!(got(DriverChoice::Auto), DriverKind::Native);
    assert_eq!(driver_report(), None);
}

#[test]
fn a_ring_length_that_is_no_power_of_two_is_rounded() {
    for ring_entries in [0, 300, u32::MAX] {
        let options = RunOptions {
            driver: DriverChoice::Auto,
            ring_entries,
            ..RunOptions::default()
        };
        run(&options, sleep(millis(1))).unwrap();
    }
}
