//! Messages from any thread.

use std::thread;

use ringfence_io::*;

use super::support::*;

#[test]
fn messages_from_many_threads_arrive_once_and_in_order() {
    const THREADS: usize = 4;
    const MESSAGES: usize = 5_000;
    each(async || {
        let (postbox, mut mailbox) = mailbox();
        let posters: Vec<_> = (0..THREADS)
            .map(|poster| {
                let postbox = postbox.clone();
                thread::spawn(move || {
                    for n in 0..MESSAGES {
                        postbox.post((poster, n));
                        if n % 97 == 0 {
                            thread::sleep(std::time::Duration::from_micros(200));
                        }
                    }
                })
            })
            .collect();
        let mut next = [0; THREADS];
        for _ in 0..THREADS * MESSAGES {
            let (poster, n) = mailbox.recv().await;
            assert_eq!(n, next[poster]);
            next[poster] += 1;
        }
        assert!(mailbox.try_recv().is_none());
        posters
            .into_iter()
            .for_each(|poster| poster.join().unwrap());
    });
}

#[test]
fn every_wake_is_heard_when_the_core_sleeps_between_messages() {
    each(async || {
        let (there, mut at_thread) = (std::sync::mpsc::channel::<u32>(), None::<u32>);
        let (postbox, mut mailbox) = mailbox();
        let answerer = thread::spawn(move || {
            while let Ok(n) = there.1.recv() {
                postbox.post(n + 1);
            }
        });
        for n in 0..2_000 {
            there.0.send(n).unwrap();
            at_thread.replace(mailbox.recv().await);
            assert_eq!(at_thread, Some(n + 1));
        }
        drop(there.0);
        answerer.join().unwrap();
    });
}

#[test]
fn what_was_posted_before_the_core_ran_is_there() {
    let (postbox, mut mailbox) = mailbox();
    postbox.post("early");
    on(DriverChoice::Auto, async {
        assert_eq!(mailbox.recv().await, "early");
    });
}

#[test]
fn several_mailboxes_share_a_core() {
    each(async || {
        let (first, mut at_first) = mailbox();
        let (second, mut at_second) = mailbox();
        let (done, mut at_done) = mailbox();
        let done_too = done.clone();
        spawn(async move {
            for n in 0..100 {
                assert_eq!(at_first.recv().await, n);
            }
            done.post(());
        });
        spawn(async move {
            for n in 0..100 {
                assert_eq!(at_second.recv().await, n);
            }
            done_too.post(());
        });
        thread::spawn(move || {
            for n in 0..100 {
                first.post(n);
                second.post(n);
                thread::yield_now();
            }
        });
        at_done.recv().await;
        at_done.recv().await;
    });
}

#[test]
fn a_dropped_receive_loses_no_message() {
    each(async || {
        let (postbox, mut mailbox) = mailbox();
        assert!(
            timeout_at(now() + millis(20), mailbox.recv())
                .await
                .is_err()
        );
        postbox.post(1);
        sleep(millis(5)).await;
        assert_eq!(mailbox.recv().await, 1);
    });
}
