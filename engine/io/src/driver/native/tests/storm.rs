//! Conversations on a ring on which things go wrong: each seed is other sizes, other conversations
//! and other faults. `SEEDS=` runs more of them; `SEED=` runs one.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::super::faults::{self, Trouble};
use super::super::{Sizes, core};
use super::{glance, millis, on};
use crate::accept::Listener;
use crate::clock::now;
use crate::driver::sim::Dice;
use crate::driver::sleep;
use crate::lease::Lease;
use crate::listen::ListenSocket;
use crate::outgoing::{Outgoing, Payload};
use crate::scratch::Scratch;
use crate::stream::Stream;
use crate::task::{panics, spawn};
use crate::{counters, pool};

/// Seeds of an ordinary run.
const SEEDS: u64 = 256;

/// Time after which a seed's conversations must have ended.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn in_every_storm_each_byte_arrives_and_all_ends() {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    if let Some(seed) = number("SEED") {
        return play(seed);
    }
    let before = [
        counters::get(|c| &c.starved),
        counters::get(|c| &c.overflows),
    ];
    (0..number("SEEDS").unwrap_or(SEEDS)).for_each(play);
    let tally = faults::tally();
    println!("{tally:?}");
    for fault in [
        "failed",
        "interrupted",
        "late cancel",
        "late completion",
        "out of order",
        "short buffer",
        "short send",
    ] {
        assert!(tally.contains_key(fault), "{fault}: {tally:?}");
    }
    assert!(counters::get(|c| &c.starved) > before[0], "no buffer short");
    assert!(counters::get(|c| &c.overflows) > before[1], "no overflow");
}

fn play(seed: u64) {
    let mut dice = Dice::of(seed, 12);
    let entries = 2 << dice.below(5);
    let sizes = Sizes {
        entries,
        completions: entries * 2,
        buffers: 2 << dice.below(5),
    };
    // In one seed of four connections break as well.
    let breaks = seed % 4 == 3;
    let trouble = if breaks {
        Trouble::Broken
    } else {
        Trouble::All
    };
    let _storm = faults::begin(seed, trouble);
    on(sizes, async || all_converse(seed, &mut dice, breaks).await);
}

/// Has conversations, waits for their ends, and looks what they have left.
async fn all_converse(seed: u64, dice: &mut Dice, breaks: bool) {
    let (began, panicked) = (now(), panics());
    let in_time = || assert!(now() - began < PATIENCE, "SEED={seed}: it never ends");
    let left = Rc::new(Cell::new(0));
    meet(dice, breaks, &left).await;
    while left.get() > 0 {
        in_time();
        assert_eq!(panics(), panicked, "SEED={seed}: see above");
        sleep(millis(1)).await;
    }
    // Only other cores' calls are waited for then.
    while with_core(|core| core.slots.in_use()) > 1 {
        in_time();
        sleep(millis(1)).await;
    }
    assert_eq!(with_core(|core| core.unread), 0, "SEED={seed}");
}

fn with_core<T>(work: impl FnOnce(&mut core::Core) -> T) -> T {
    core::with(core::running(), work).expect("a core runs")
}

/// Connects pairs, and has each converse in a way of its own.
async fn meet(dice: &mut Dice, breaks: bool, left: &Rc<Cell<usize>>) {
    let address = ([127, 0, 0, 1], 0).into();
    let socket = ListenSocket::bind(address, 64, false).unwrap();
    let listener = Listener::new(socket).unwrap();
    let endpoint = ringfence_config::Endpoint::Tcp(listener.local_addr());
    for _ in 0..dice.between(1, 12) {
        let client = Stream::connect(&endpoint).await.unwrap();
        let server = listener.accept().await.unwrap();
        assert_eq!(server.peer().ip(), Some(address.ip()));
        let seed = dice.bits();
        let sizes = [dice.below(200_000), dice.below(200_000)];
        // One in three is given up by one side, at any moment.
        let ends = dice.chance(333).then(|| dice.below(8));
        let ends = [
            ends.filter(|_| seed.is_multiple_of(2)),
            ends.filter(|_| !seed.is_multiple_of(2)),
        ];
        for (side, stream) in [client, server].into_iter().enumerate() {
            let party = Party {
                stream,
                dice: Dice::of(seed, side as u64),
                says: Speech::new(seed, side, sizes[side]),
                hears: Speech::new(seed, 1 - side, sizes[1 - side]),
                whole: !breaks && ends == [None, None],
            };
            left.set(left.get() + 1);
            let (left, ends) = (left.clone(), ends[side]);
            spawn(async move {
                party.converse(ends).await;
                left.set(left.get() - 1);
            });
        }
    }
}

/// Bytes that follow from a seed, so that each is known by its place.
#[derive(Clone, Copy)]
struct Speech {
    salt: u64,
    len: usize,
}

impl Speech {
    fn new(seed: u64, side: usize, len: u64) -> Self {
        Self {
            salt: seed.rotate_left(side as u32 * 7 + 1),
            len: len as usize,
        }
    }

    fn part(&self, from: usize, len: usize) -> Vec<u8> {
        let byte =
            |at: usize| ((at as u64 ^ self.salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        (from..from + len).map(byte).collect()
    }
}

/// One end of a connection.
struct Party {
    stream: Stream,
    dice: Dice,
    says: Speech,
    hears: Speech,
    /// Neither side gives up and nothing breaks, so nothing may be missing.
    whole: bool,
}

impl Party {
    /// Speaks and listens at once, to the end or until it is given up after so many milliseconds.
    async fn converse(&self, ends: Option<u64>) {
        let mut speaks = pin!(self.speak(self.dice.clone()));
        let mut listens = pin!(self.listen(Dice::of(self.hears.salt, 5)));
        let mut over = pin!(async {
            match ends {
                Some(after) => sleep(millis(after)).await,
                None => std::future::pending().await,
            }
        });
        let mut done = [None, None];
        poll_fn(|cx| {
            if done[0].is_none()
                && let Poll::Ready(spoke) = speaks.as_mut().poll(cx)
            {
                done[0] = Some(spoke);
            }
            if done[1].is_none()
                && let Poll::Ready(heard) = listens.as_mut().poll(cx)
            {
                done[1] = Some(heard);
            }
            let ended = done.iter().all(Option::is_some);
            let broke = done.iter().flatten().any(Result::is_err);
            match ended || broke || over.as_mut().poll(cx).is_ready() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        if ends.is_some_and(|after| after.is_multiple_of(2)) {
            self.stream.abort();
        }
        for outcome in done.into_iter().flatten() {
            assert!(!self.whole || outcome.is_ok(), "{outcome:?}");
        }
    }

    async fn speak(&self, mut dice: Dice) -> io::Result<()> {
        let mut said = 0;
        while said < self.says.len {
            let most = *dice.pick(&[1, 100, 5_000, 90_000]);
            let part = self.says.part(
                said,
                dice.between(1, most).min((self.says.len - said) as u64) as usize,
            );
            let (head, body) = part.split_at(dice.below(part.len() as u64 + 1) as usize);
            let mut scratch = Scratch::take();
            scratch.extend_from_slice(head);
            let body = match dice.below(2) {
                0 => Payload::Lease(Lease::copy_from(body)),
                _ => Payload::Bytes(body.to_vec().into()),
            };
            let tail = b"";
            self.stream
                .send(Outgoing {
                    head: scratch,
                    body,
                    tail,
                })
                .await?;
            said += part.len();
            if dice.chance(100) {
                sleep(millis(dice.below(2))).await;
            }
        }
        self.stream.flushed().await?;
        self.stream.shutdown_write().await;
        Ok(())
    }

    async fn listen(&self, mut dice: Dice) -> io::Result<()> {
        let mut heard = 0;
        loop {
            let mut held = Lease::empty();
            match dice.below(4) {
                0 => held = self.stream.recv().await?,
                1 => held = self.stream.recv_sized(pool::LARGEST).await?,
                2 => {
                    let n = self.stream.recv_more(&mut held).await?;
                    assert_eq!(n, held.len());
                    if n > 0 {
                        self.stream.recv_more(&mut held).await?;
                    }
                }
                _ => match glance(self.stream.recv()).await {
                    Some(got) => held = got?,
                    None => {
                        sleep(millis(dice.below(2))).await;
                        continue;
                    }
                },
            }
            if held.is_empty() {
                break;
            }
            assert!(
                *held == self.hears.part(heard, held.len()),
                "byte {heard} on"
            );
            heard += held.len();
        }
        assert!(!self.whole || heard == self.hears.len, "{heard} bytes");
        Ok(())
    }
}
