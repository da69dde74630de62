//! What only this driver can get wrong: its buffers running out, its queues overflowing,
//! operations that are cancelled while they complete, and owners that follow one another.

mod facade;
mod sending;
mod storm;

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use super::faults::{self, Trouble};
use super::{Sizes, core, run, spawn};
use crate::clock::now;
use crate::driver::sleep;
use crate::stream::Stream;
use crate::task::to_the_end;
use crate::{counters, pool};

const COMMON: Sizes = Sizes {
    entries: 256,
    completions: 1024,
    buffers: 64,
};

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Seeds of the storms that a test goes through after it has run in calm.
const STORMS: u64 = 3;

/// Runs a test in calm and in storms, and holds it to leaving nothing behind. Those that take for
/// granted how soon something happens run in calm only.
fn each(sizes: Sizes, test: impl AsyncFn()) {
    on(sizes, &test);
    for seed in 0..STORMS {
        let _storm = faults::begin(seed, Trouble::Whole);
        on(sizes, &test);
    }
}

/// Runs a test and holds it to leaving nothing behind.
fn on<T>(sizes: Sizes, test: impl AsyncFnOnce() -> T) -> T {
    let output = run(sizes, to_the_end(test())).expect("the kernel has what the driver needs");
    assert_eq!(counters::get(|c| &c.leases), 0, "leases");
    assert_eq!(counters::get(|c| &c.streams), 0, "streams");
    assert_eq!(pool::held_bytes(), 0, "bytes in use");
    output
}

/// A connection whose other end is a plain blocking socket.
fn pair() -> (Stream, TcpStream) {
    let origin = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let peer = TcpStream::connect(origin.local_addr().unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let (ours, _) = origin.accept().unwrap();
    (Stream::attach(ours.into()).unwrap(), peer)
}

async fn glance<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Makes the driver receive ahead on an idle connection.
async fn arm(stream: &Stream) {
    // What it asks for may fail and be asked for again.
    while stream.source.is_quiet() != Some(true) {
        assert!(glance(stream.recv()).await.is_none());
        sleep(millis(1)).await;
    }
}

#[test]
fn what_is_quiet_is_known_once_the_kernel_was_asked() {
    on(COMMON, async || {
        let (stream, mut peer) = pair();
        peer.write_all(&[7; 32 << 10]).unwrap();
        let mut got = 0;
        while got < 32 << 10 {
            got += stream.recv_sized(pool::LARGEST).await.unwrap().len();
        }
        assert_eq!(stream.source.is_quiet(), None, "nobody has asked");
        stream.watch();
        assert_eq!(stream.source.is_quiet(), None, "not yet");
        sleep(millis(1)).await;
        assert_eq!(stream.source.is_quiet(), Some(true));
        peer.write_all(b"unasked").unwrap();
        sleep(millis(5)).await;
        assert_ne!(stream.source.is_quiet(), Some(true));
    });
}

/// Many connections whose peers all speak at once, again and again.
async fn crowd(connections: usize) {
    let mut peers = Vec::new();
    let left = Rc::new(Cell::new(connections));
    for number in 0..connections {
        let (stream, peer) = pair();
        arm(&stream).await;
        peers.push((number, peer));
        let left = left.clone();
        spawn(async move {
            let mut got = Vec::new();
            while got.len() < 3 * 1000 {
                got.extend_from_slice(&stream.recv().await.unwrap());
            }
            assert!(got.iter().all(|byte| *byte == number as u8));
            left.set(left.get() - 1);
        });
    }
    let speaker = std::thread::spawn(move || {
        for _ in 0..3 {
            for (number, peer) in &mut peers {
                peer.write_all(&[*number as u8; 1000]).unwrap();
            }
        }
        peers
    });
    while left.get() > 0 {
        sleep(millis(1)).await;
    }
    drop(speaker.join().unwrap());
}

#[test]
fn connections_share_fewer_buffers_than_they_need() {
    let before = counters::get(|c| &c.starved);
    let few = Sizes {
        buffers: 2,
        ..COMMON
    };
    each(few, async || crowd(60).await);
    assert!(
        counters::get(|c| &c.starved) > before,
        "the kernel never ran out of buffers"
    );
}

#[test]
fn more_completes_at_once_than_the_queue_holds() {
    let before = counters::get(|c| &c.overflows);
    let tiny = Sizes {
        entries: 4,
        completions: 8,
        ..COMMON
    };
    each(tiny, async || crowd(60).await);
    assert!(
        counters::get(|c| &c.overflows) > before,
        "the queue never overflowed"
    );
}

#[test]
fn a_slow_reader_is_read_ahead_only_so_far() {
    on(COMMON, async || {
        let (stream, mut peer) = pair();
        arm(&stream).await;
        let flooder = std::thread::spawn(move || {
            let sent = (0..8 << 20).map(|n: u32| (n / 7) as u8).collect::<Vec<_>>();
            peer.write_all(&sent).unwrap();
            sent
        });
        sleep(millis(100)).await;
        let held = pool::held_bytes();
        assert!(held <= 64 * pool::SMALL, "{held} bytes were read ahead");
        let mut got = Vec::new();
        while got.len() < 8 << 20 {
            got.extend_from_slice(&stream.recv().await.unwrap());
        }
        assert!(got == flooder.join().unwrap());
    });
}

#[test]
fn many_slow_readers_together_are_read_ahead_only_so_far() {
    each(COMMON, async || {
        let mut streams = Vec::new();
        let mut peers = Vec::new();
        for _ in 0..40 {
            let (stream, peer) = pair();
            arm(&stream).await;
            peer.set_nonblocking(true).unwrap();
            streams.push(stream);
            peers.push(peer);
        }
        for _ in 0..20 {
            for peer in &mut peers {
                let _ = peer.write(&[b'x'; 64 << 10]);
            }
            sleep(millis(2)).await;
        }
        let most = 3 * usize::from(COMMON.buffers) * pool::SMALL;
        assert!(pool::held_bytes() <= most, "{} bytes", pool::held_bytes());
        // Nobody is starved by it: what has come can be received.
        for stream in &streams {
            assert!(!stream.recv().await.unwrap().is_empty());
        }
    });
}

#[test]
fn an_owner_that_went_while_bytes_came_gets_none_and_gives_none_away() {
    on(COMMON, async || {
        for round in 0..200u8 {
            let (first, mut first_peer) = pair();
            arm(&first).await;
            // Before, while or after it goes.
            match round % 3 {
                0 => first_peer.write_all(b"late").unwrap(),
                1 => sleep(millis(0)).await,
                _ => {}
            }
            drop(first);
            let (second, mut second_peer) = pair();
            let _ = first_peer.write_all(b"later still");
            second_peer.write_all(&[round]).unwrap();
            assert_eq!(&*second.recv().await.unwrap(), [round]);
            let mut rest = Vec::new();
            // The end or a reset: its descriptor is closed either way.
            let ended = first_peer.read_to_end(&mut rest);
            assert!(ended.is_err() || rest.is_empty());
        }
        sleep(millis(5)).await;
        let busy = core::with(core::running(), |core| core.slots.busy().len());
        assert_eq!(busy, Some(1), "only other cores' calls are waited for");
    });
}

#[test]
fn a_descriptor_is_not_handed_over_where_its_bytes_would_be_lost() {
    each(COMMON, async || {
        let (stream, mut peer) = pair();
        arm(&stream).await;
        peer.write_all(b"unasked").unwrap();
        sleep(millis(5)).await;
        assert!(!stream.looks_alive());
        assert!(stream.detach().is_err());
        assert!(peer.read(&mut [0]).map_or(true, |n| n == 0), "it is closed");

        let (stream, mut peer) = pair();
        arm(&stream).await;
        // It comes before the driver has had a turn to see it.
        peer.write_all(b"in time").unwrap();
        if let Ok(socket) = stream.detach() {
            // The receive ended first, and they are still in the socket.
            let stream = Stream::attach(socket).unwrap();
            assert_eq!(&*stream.recv().await.unwrap(), b"in time");
        }

        let (stream, mut peer) = pair();
        arm(&stream).await;
        let stream = Stream::attach(stream.detach().unwrap()).unwrap();
        peer.write_all(b"asked").unwrap();
        assert_eq!(&*stream.recv().await.unwrap(), b"asked");
    });
}

#[test]
fn timers_go_off_on_time_while_the_queue_never_drains() {
    on(COMMON, async || {
        let stop = Rc::new(Cell::new(false));
        for _ in 0..3 {
            let stop = stop.clone();
            spawn(poll_fn(move |cx| {
                cx.waker().wake_by_ref();
                match stop.get() {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            }));
        }
        let (stream, mut peer) = pair();
        for _ in 0..20 {
            let began = now();
            sleep(millis(5)).await;
            assert!(now() - began < millis(50), "{:?}", now() - began);
            peer.write_all(b"x").unwrap();
            assert_eq!(&*stream.recv().await.unwrap(), b"x");
        }
        stop.set(true);
    });
}

#[test]
fn a_waker_works_from_any_thread() {
    each(COMMON, async || {
        for _ in 0..200 {
            let (to_thread, wakers) = mpsc::channel::<std::task::Waker>();
            let waker_thread = std::thread::spawn(move || {
                wakers.iter().for_each(std::task::Waker::wake);
            });
            let mut polls = 0;
            poll_fn(|cx| {
                polls += 1;
                if polls > 1 {
                    return Poll::Ready(());
                }
                to_thread.send(cx.waker().clone()).unwrap();
                Poll::Pending
            })
            .await;
            drop(to_thread);
            waker_thread.join().unwrap();
        }
    });
}

#[test]
fn what_outlives_its_core_is_harmless() {
    let (stream, mut peer) = run(COMMON, async {
        let (stream, peer) = pair();
        arm(&stream).await;
        (stream, peer)
    })
    .unwrap();
    on(COMMON, async || {
        let (other, mut other_peer) = pair();
        assert!(stream.recv().await.is_err());
        other_peer.write_all(b"x").unwrap();
        assert_eq!(&*other.recv().await.unwrap(), b"x");
        drop(stream);
    });
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}
