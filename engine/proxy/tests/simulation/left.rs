//! A client that goes away before its answer has begun, while others wait for what it has asked for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ringfence_io::sim::{Dice, Simulation, Weather};
use ringfence_io::{Endpoint, ListenSocket, Listener, Stream, sleep, spawn};
use ringfence_proxy::Order;

use crate::plans::{DOORS, SERVERS, cached};
use crate::scene::{adopt, open};
use crate::wire::{Wire, say};

/// Clients that wait.
const WAITING: u64 = 12;

/// How long the server takes for an answer.
const TAKES: Duration = Duration::from_secs(1);

/// What all parties know: requests that the server has seen, and what those who waited were given.
#[derive(Default)]
struct State {
    seen: Cell<u64>,
    given: RefCell<Vec<Option<u64>>>,
}

#[test]
fn one_of_those_who_wait_fetches_for_all() {
    for seed in 0..16 {
        let state = play(seed, 1 + seed as usize % 4);
        let given = state.given.take();
        // The second request was the one for all of them.
        assert_eq!(given, vec![Some(2); WAITING as usize], "seed {seed}");
        assert_eq!(state.seen.get(), 2, "seed {seed}");
    }
}

fn play(seed: u64, workers: usize) -> Rc<State> {
    let mut world = Simulation::new(seed, Weather::fair());
    let state = Rc::new(State::default());
    let server = world.start(serve(state.clone()));
    let adoption = adopt(&cached().plan, None);
    let (house, workers) = open(&mut world, workers, &adoption, &DOORS[..1]);
    let clients = world.start(ask_and_leave(state.clone(), seed));
    while world.left(clients).is_none() {
        assert!(world.step(), "seed {seed}: it never ends");
    }
    for post in &house.posts {
        post.post(Order::Drain(Duration::from_secs(30)));
    }
    while workers.iter().any(|core| world.left(*core).is_none()) {
        assert!(world.step(), "seed {seed}: a drain never ends");
    }
    world.kill(server);
    state
}

/// The first client asks, the others follow, and the first goes away before there is an answer.
async fn ask_and_leave(state: Rc<State>, seed: u64) {
    let mut dice = Dice::of(seed, 23);
    let mut first = connect(&mut dice).await;
    let stream = first.stream().clone();
    request(&stream, &mut dice).await;
    sleep(TAKES / 4).await;
    for _ in 0..WAITING {
        let (state, mut dice) = (state.clone(), Dice::new(dice.bits()));
        spawn(async move {
            let mut wire = connect(&mut dice).await;
            let stream = wire.stream().clone();
            request(&stream, &mut dice).await;
            let head = wire.head().await.expect("sound").expect("an answer");
            state.given.borrow_mut().push(head.number("x-serial"));
        });
    }
    sleep(TAKES / 4).await;
    stream.abort();
    assert!(matches!(first.head().await, Ok(None)), "it has gone");
    while state.given.borrow().len() < WAITING as usize {
        sleep(TAKES / 4).await;
    }
}

async fn connect(dice: &mut Dice) -> Wire {
    let stream = Stream::connect(&Endpoint::Tcp(DOORS[0])).await;
    Wire::new(Rc::new(stream.expect("it listens")), Dice::new(dice.bits()))
}

async fn request(stream: &Stream, dice: &mut Dice) {
    let text = b"GET /0 HTTP/1.1\r\nHost: h\r\n\r\n";
    say(stream, text, dice, 1, 1).await.expect("it is taken");
}

async fn serve(state: Rc<State>) {
    let socket = ListenSocket::bind(SERVERS[0], 64, false).expect("it is free");
    let listener = Listener::new(socket).expect("it listens");
    let mut dice = Dice::new(1);
    while let Some(stream) = listener.accept().await {
        let (state, mut dice) = (state.clone(), Dice::new(dice.bits()));
        let mut wire = Wire::new(Rc::new(stream), Dice::new(dice.bits()));
        spawn(async move {
            while let Ok(Some(_)) = wire.head().await {
                let serial = state.seen.get() + 1;
                state.seen.set(serial);
                sleep(TAKES).await;
                let answer = format!(
                    "HTTP/1.1 200 So\r\nCache-Control: max-age=600\r\nX-Serial: {serial}\r\nContent-Length: 0\r\n\r\n"
                );
                if say(wire.stream(), answer.as_bytes(), &mut dice, 1, 1)
                    .await
                    .is_err()
                {
                    return;
                }
            }
        });
    }
}
