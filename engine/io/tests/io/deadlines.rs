//! Deadlines come in time, and only then.

use std::io::{ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::*;

use super::support::*;

/// By how much a deadline may be noticed late here: a sweep, and a machine busy with other tests.
const LATE: Duration = Duration::from_millis(400);

fn assert_on_time(due: Duration) {
    let now = now();
    assert!(now >= due, "{:?} early", due - now);
    assert!(now < due + LATE, "{:?} late", now - due);
}

#[test]
fn an_overdue_receive_fails_and_the_next_goes_on() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        let due = now() + millis(120);
        stream.set_recv_deadline(Some(due));
        assert_eq!(stream.recv().await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_on_time(due);
        peer.write_all(b"late").unwrap();
        assert_eq!(stream.recv().await.unwrap_err().kind(), ErrorKind::TimedOut);
        stream.set_recv_deadline(None);
        assert_eq!(&*stream.recv().await.unwrap(), b"late");
    });
}

#[test]
fn a_deadline_set_or_moved_while_a_receive_waits_counts() {
    each(async || {
        let (stream, _peer) = with_plain_peer().await;
        let stream = Rc::new(stream);
        let setter = stream.clone();
        let due = now() + millis(250);
        spawn(async move {
            sleep(millis(30)).await;
            setter.set_recv_deadline(Some(now() + millis(60)));
            sleep(millis(10)).await;
            setter.set_recv_deadline(None);
            sleep(millis(100)).await;
            setter.set_recv_deadline(Some(due));
        });
        assert_eq!(stream.recv().await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_on_time(due);
    });
}

#[test]
fn bytes_in_time_are_received() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        for _ in 0..3 {
            stream.set_recv_deadline(Some(now() + millis(500)));
            let writer = peer.try_clone().unwrap();
            std::thread::spawn(move || {
                std::thread::sleep(millis(60));
                (&writer).write_all(b"in time").unwrap();
            });
            assert_eq!(&*stream.recv().await.unwrap(), b"in time");
        }
        peer.flush().unwrap();
    });
}

#[test]
fn an_overdue_send_fails_and_poisons() {
    each(async || {
        let (stream, _peer) = with_plain_peer().await;
        let due = now() + millis(120);
        stream.set_send_limit(Some(millis(120)));
        let flood = Outgoing::body(Payload::Bytes(vec![0; 32 << 20].into()));
        assert_eq!(
            stream.send(flood).await.unwrap_err().kind(),
            ErrorKind::TimedOut
        );
        assert_on_time(due);
        stream.set_send_limit(None);
        assert_eq!(
            stream.send(text(b"x")).await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    });
}

#[test]
fn a_slow_peer_that_reads_all_along_is_not_cut_off() {
    each(async || {
        let (stream, mut peer) = with_plain_peer().await;
        stream.set_send_limit(Some(millis(200)));
        let reader = std::thread::spawn(move || {
            let mut piece = vec![0; 16 << 10];
            let mut got = 0;
            while got < 16 << 20 {
                // At first far too slow to make the socket writable within the limit, and then so slow that
                // the socket is filled up again and again before all has gone.
                std::thread::sleep(millis(if got < 1 << 20 { 20 } else { 2 }));
                got += peer.read(&mut piece).unwrap();
            }
        });
        let flood = Outgoing::body(Payload::Bytes(vec![0; 16 << 20].into()));
        stream.send(flood).await.unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn any_wait_can_be_given_a_time() {
    each(async || {
        let due = now() + millis(120);
        assert_eq!(
            timeout_at(due, std::future::pending::<()>()).await,
            Err(Elapsed)
        );
        assert_on_time(due);
        assert_eq!(timeout_at(now() + millis(400), async { 7 }).await, Ok(7));
        assert_eq!(
            timeout_at(Duration::ZERO, async { 7 }).await,
            Ok(7),
            "what is ready is not cut off"
        );
        assert_eq!(std::io::Error::from(Elapsed).kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn many_deadlines_cost_little() {
    each(async || {
        for n in 0..500 {
            spawn(async move {
                let _ =
                    timeout_at(now() + millis(100 + n % 100), std::future::pending::<()>()).await;
            });
        }
        let before = cpu_time();
        while stats().tasks > 0 {
            sleep(millis(20)).await;
        }
        assert!(
            cpu_time() - before < millis(100),
            "{:?}",
            cpu_time() - before
        );
    });
}
