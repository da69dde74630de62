//! What comes in chunks is given to all as it comes, though nobody knows how much it will be.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ringfence_tests::kit::pattern;
use ringfence_tests::{Client, Launch, Origin, Ringfence, Visit, command, eventually};

use crate::gate::{GET, Gate, MANY, Until, asking};
use crate::{KEPT, cached, how, start};

/// Bytes of each chunk of a long body.
const CHUNK: usize = 50_000;

/// Bytes of the bodies that come after it.
const LATER: usize = 300_000;

/// Sends a head that has a chunked body kept under the tag `t`.
fn begin(visit: &mut Visit) -> io::Result<()> {
    visit.send(format!(
        "HTTP/1.1 200 OK\r\n{KEPT}Cache-Tag: t\r\nTransfer-Encoding: chunked\r\n\r\n"
    ))
}

fn chunk(visit: &mut Visit, bytes: &[u8]) -> io::Result<()> {
    visit.send([format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat())
}

/// An origin whose answers are `abcdef` and the number of the request, and go as far as the gate allows.
fn gated(gate: &Gate) -> Origin {
    let gate = gate.clone();
    let count = AtomicUsize::new(0);
    Origin::serving("chunks", move |visit| {
        while visit.request()?.is_some() {
            let number = count.fetch_add(1, Ordering::SeqCst);
            begin(visit)?;
            chunk(visit, b"abc")?;
            if gate.wait(Until::End) == Until::Death {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            chunk(visit, format!("def{number}").as_bytes())?;
            visit.send("0\r\nX-Sum: 1\r\n\r\n")?;
        }
        Ok(())
    })
}

/// Each gets what [`hears_first`] looks for.
#[track_caller]
fn all_hear_first(clients: &mut [Client]) {
    for client in clients {
        hears_first(client);
    }
}

/// The head of a chunked answer, and what is there of it.
#[track_caller]
fn hears_first(client: &mut Client) -> String {
    let head = client.hears_through("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.contains("\r\nTransfer-Encoding: chunked\r\n"),
        "{head}"
    );
    assert!(!head.contains("Content-Length"), "{head}");
    assert_eq!(client.hears_bytes(8), b"3\r\nabc\r\n");
    head
}

#[track_caller]
fn hears_rest(client: &mut Client, number: usize) {
    let rest = format!("4\r\ndef{number}\r\n0\r\n\r\n");
    assert_eq!(client.hears_bytes(rest.len()), rest.as_bytes());
}

#[test]
fn what_is_there_is_given_to_all_while_the_rest_is_withheld() {
    let gate = Gate::at(Until::Half);
    let app = gated(&gate);
    let ringfence = start(&app, "");
    let mut clients = asking(&ringfence, GET, 1);
    hears_first(&mut clients[0]);
    let mut others = asking(&ringfence, GET, MANY);
    for client in &mut others {
        let head = hears_first(client);
        assert!(head.contains("; hit; collapsed; ttl="), "{head}");
    }
    clients.append(&mut others);
    gate.opens(Until::End);
    for client in &mut clients {
        hears_rest(client, 0);
        // The connection is as good as before, and the response is stored.
        let again = client.gets("/x");
        assert_eq!((how(&again), &*again.text()), ("HIT", "abcdef0"));
        assert_eq!(again.field("content-length"), Some("7"));
    }
    assert_eq!(app.served(), 1);
}

#[test]
fn who_asks_before_anything_is_there_gets_it_as_it_comes() {
    let gate = Gate::at(Until::Nothing);
    let inner = gate.clone();
    let app = Origin::serving("late", move |visit| {
        while visit.request()?.is_some() {
            inner.wait(Until::Half);
            begin(visit)?;
            chunk(visit, b"abc")?;
            inner.wait(Until::End);
            chunk(visit, b"def0")?;
            visit.send("0\r\n\r\n")?;
        }
        Ok(())
    });
    let ringfence = start(&app, "");
    let mut clients = asking(&ringfence, GET, MANY);
    eventually("it is asked for", || app.served() == 1);
    gate.opens(Until::Half);
    all_hear_first(&mut clients);
    gate.opens(Until::End);
    for client in &mut clients {
        hears_rest(client, 0);
    }
    assert_eq!(app.served(), 1);
}

#[test]
fn old_clients_get_it_up_to_the_end_of_their_connections() {
    let gate = Gate::at(Until::Half);
    let app = gated(&gate);
    let ringfence = start(&app, "");
    let old = GET.replace("1.1", "1.0");
    // The one that it is fetched for, and some that join it.
    let mut clients = asking(&ringfence, &old, 1);
    eventually("it is asked for", || app.served() == 1);
    clients.extend(asking(&ringfence, &old, MANY));
    let last = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let mut closing = asking(&ringfence, &last, 2);
    all_hear_first(&mut closing);
    for client in &mut clients {
        let head = client.hears_through("\r\n\r\n");
        assert!(!head.contains("Transfer-Encoding"), "{head}");
        assert!(!head.contains("Content-Length"), "{head}");
        assert_eq!(client.hears_bytes(3), b"abc");
    }
    gate.opens(Until::End);
    for client in &mut clients {
        assert_eq!(client.hears_bytes(4), b"def0");
        client.hears_close();
    }
    for client in &mut closing {
        hears_rest(client, 0);
        client.hears_close();
    }
    assert_eq!(app.served(), 1);
}

#[test]
fn what_breaks_off_looks_whole_to_nobody() {
    let gate = Gate::at(Until::Half);
    let app = gated(&gate);
    let ringfence = start(&app, "");
    let mut clients = asking(&ringfence, GET, 1);
    hears_first(&mut clients[0]);
    let mut joined = asking(&ringfence, GET, MANY);
    all_hear_first(&mut joined);
    clients.append(&mut joined);
    let mut old = asking(&ringfence, &GET.replace("1.1", "1.0"), MANY);
    for client in &mut old {
        client.hears_through("\r\n\r\nabc");
    }
    gate.opens(Until::Death);
    for client in &mut clients {
        assert!(client.is_closed_within(Duration::from_secs(10)));
        assert_eq!(client.hears_out(), b"", "more than had come");
    }
    for client in &mut old {
        let end = client.try_hears_some();
        let reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
        assert!(end.as_ref().is_err_and(reset), "{end:?}");
    }
    gate.opens(Until::End);
    assert_eq!(ringfence.get("/x").text(), "abcdef1");
    assert_eq!(how(&ringfence.get("/x")), "HIT");
}

#[test]
fn a_fetch_goes_on_when_its_client_goes_away_half_way() {
    for others in [0, MANY] {
        let gate = Gate::at(Until::Half);
        let app = gated(&gate);
        let ringfence = start(&app, "");
        let mut first = asking(&ringfence, GET, 1).remove(0);
        hears_first(&mut first);
        let mut others = asking(&ringfence, GET, others);
        all_hear_first(&mut others);
        first.resets();
        gate.opens(Until::End);
        for client in &mut others {
            hears_rest(client, 0);
        }
        eventually("it is stored", || how(&ringfence.get("/x")) == "HIT");
        assert_eq!(app.served(), 1);
    }
}

#[test]
fn nobody_joins_what_was_asked_for_before_a_purge() {
    let gate = Gate::at(Until::Half);
    let app = gated(&gate);
    let ringfence = start(&app, "");
    let mut before = asking(&ringfence, GET, 1);
    hears_first(&mut before[0]);
    let socket = ringfence.dir().join("control.sock").display().to_string();
    command(&["purge", "--control", &socket, "--tag", "t"]).succeeded();
    let mut after = asking(&ringfence, GET, MANY);
    all_hear_first(&mut after);
    gate.opens(Until::End);
    hears_rest(&mut before[0], 0);
    for client in &mut after {
        hears_rest(client, 1);
    }
    assert_eq!(ringfence.get("/x").text(), "abcdef1");
    assert_eq!(app.served(), 2);
}

#[test]
fn who_wants_a_part_or_has_it_already_is_answered_as_he_asks() {
    let gate = Gate::at(Until::Half);
    let inner = gate.clone();
    let app = Origin::serving("tagged", move |visit| {
        while visit.request()?.is_some() {
            visit.send(format!(
                "HTTP/1.1 200 OK\r\n{KEPT}ETag: \"v\"\r\nTransfer-Encoding: chunked\r\n\r\n"
            ))?;
            chunk(visit, b"abc")?;
            inner.wait(Until::End);
            chunk(visit, b"def0")?;
            visit.send("0\r\n\r\n")?;
        }
        Ok(())
    });
    let ringfence = start(&app, "");
    let mut first = asking(&ringfence, GET, 1).remove(0);
    hears_first(&mut first);
    let with = |field: &str| GET.replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"));
    for client in &mut asking(&ringfence, &with("If-None-Match: \"v\""), MANY) {
        client.hears().expect(304);
    }
    for client in &mut asking(&ringfence, &with("If-None-Match: \"w\""), MANY) {
        hears_first(client);
    }
    gate.opens(Until::End);
    hears_rest(&mut first, 0);
    for mut client in (0..MANY).map(|_| ringfence.client()) {
        // One that waits until it is there, as whoever asks for a part does not.
        assert_eq!(how(&client.gets("/x")), "HIT");
        let part = client.asks("GET", "/x", "Range: bytes=2-3\r\n");
        assert_eq!(part.expect(206).text(), "cd");
    }
    assert_eq!(app.served(), 1);
}

/// A long body that the origin sends after a part of it that may be stored, and how much of it was sent.
struct Long {
    app: Origin,
    gate: Gate,
    sent: Arc<AtomicUsize>,
    left: Arc<AtomicBool>,
}

impl Long {
    /// The first answer has so many bytes; those that come after are shorter, and too long to be stored too.
    fn of(length: usize) -> Long {
        let gate = Gate::at(Until::Half);
        let (sent, left) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let inner = (gate.clone(), sent.clone(), left.clone());
        let first = AtomicBool::new(true);
        let app = Origin::serving("long", move |visit| {
            let (gate, sent, left) = &inner;
            while visit.request()?.is_some() {
                begin(visit)?;
                if first.swap(false, Ordering::SeqCst) {
                    let told = long_body(visit, gate, length, sent);
                    left.store(told.is_err(), Ordering::SeqCst);
                    told?;
                } else {
                    chunk(visit, &pattern(LATER))?;
                }
                visit.send("0\r\n\r\n")?;
            }
            Ok(())
        });
        Long {
            app,
            gate,
            sent,
            left,
        }
    }

    /// A site on so many workers that stores no more than 256 KiB of it.
    fn site(&self, workers: usize) -> Ringfence {
        let config = cached(&self.app, "max_object = \"256KiB\"");
        Launch::config_on(workers, &config).start()
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    fn is_left(&self) -> bool {
        self.left.load(Ordering::SeqCst)
    }
}

fn long_body(visit: &mut Visit, gate: &Gate, length: usize, sent: &AtomicUsize) -> io::Result<()> {
    let body = pattern(length);
    for (number, bytes) in body.chunks(CHUNK).enumerate() {
        if number == 2 {
            gate.wait(Until::End);
        }
        if gate.wait(Until::Half) == Until::Death && number == 40 {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        chunk(visit, bytes)?;
        sent.fetch_add(bytes.len(), Ordering::SeqCst);
    }
    Ok(())
}

/// The chunk that comes next; empty at the end.
fn hears_chunk(client: &mut Client) -> Vec<u8> {
    let line = client.hears_through("\r\n");
    let size = usize::from_str_radix(line.trim_end(), 16).expect("a chunk's size");
    let bytes = client.hears_bytes(size);
    assert_eq!(client.hears_bytes(2), b"\r\n");
    bytes
}

/// Reads so much of a chunked body, or to its end, with a pause after each chunk, and holds each byte against what it has to be.
/// Gives how much came.
fn reads(client: &mut Client, most: usize, pause: Duration, body: &[u8]) -> usize {
    let mut at = 0;
    while at < most {
        let bytes = hears_chunk(client);
        if bytes.is_empty() {
            break;
        }
        assert!(body[at..].starts_with(&bytes), "other bytes behind {at}");
        at += bytes.len();
        thread::sleep(pause);
    }
    at
}

/// Reads a chunked body to its end.
fn reads_all(client: &mut Client, body: &[u8]) -> usize {
    reads(client, usize::MAX, Duration::ZERO, body)
}

/// Some that have begun with the long body.
fn begun(ringfence: &Ringfence, count: usize) -> Vec<Client> {
    let mut clients = asking(ringfence, GET, count);
    for client in &mut clients {
        let head = client.hears_through("\r\n\r\n");
        assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
    }
    clients
}

#[test]
fn what_outgrows_what_may_be_stored_reaches_all_who_have_begun_each_at_its_pace() {
    const LENGTH: usize = 40 << 20;
    let long = Long::of(LENGTH);
    let ringfence = long.site(4);
    let mut clients = begun(&ringfence, 1);
    clients.extend(begun(&ringfence, 15));
    let body = Arc::new(pattern(LENGTH));
    let before = ringfence.resident_kib();
    long.gate.opens(Until::End);
    let readers = clients.into_iter().enumerate().map(|(number, client)| {
        let body = body.clone();
        let mut client = client.patient(Duration::from_secs(60));
        let pause = Duration::from_micros([0, 0, 300, 1_000][number % 4]);
        thread::spawn(move || {
            assert_eq!(reads(&mut client, usize::MAX, pause, &body), LENGTH);
            client
        })
    });
    let readers: Vec<_> = readers.collect();
    let mut most = 0;
    while readers.iter().any(|reader| !reader.is_finished()) {
        most = most.max(ringfence.resident_kib());
        thread::sleep(Duration::from_millis(10));
    }
    for reader in readers {
        // The connection is as good as before.
        let mut client = reader.join().expect("a reader");
        assert_eq!(client.gets("/y").body, pattern(LATER));
    }
    let grown = most.saturating_sub(before);
    assert!(
        grown < 20 << 10,
        "{grown} KiB for 40 MiB that are passed on"
    );
    let requests = long.app.requests();
    assert_eq!(requests.iter().filter(|one| one.target == "/x").count(), 1);
}

#[test]
fn who_comes_after_it_has_outgrown_what_may_be_stored_goes_alone() {
    let long = Long::of(8 << 20);
    let ringfence = long.site(2);
    let mut clients = begun(&ringfence, 1);
    long.gate.opens(Until::End);
    let body = pattern(8 << 20);
    let read = reads(&mut clients[0], 1 << 20, Duration::ZERO, &body);
    // One after another, though each would be joined if it were shared.
    for number in 1..=6 {
        let answer = ringfence.get("/x");
        assert_eq!((how(&answer), answer.body.len()), ("MISS", LATER));
        let status = answer.field("cache-status").unwrap_or_default();
        assert!(!status.contains("collapsed"), "{status}");
        assert!(long.app.served() > number);
    }
    assert_eq!(read + reads_all(&mut clients[0], &body[read..]), body.len());
}

#[test]
fn what_breaks_off_after_it_has_outgrown_what_may_be_stored_looks_whole_to_nobody() {
    let long = Long::of(8 << 20);
    let ringfence = long.site(2);
    let mut clients = begun(&ringfence, MANY);
    long.gate.opens(Until::Death);
    let body = pattern(40 * CHUNK);
    for client in &mut clients {
        let came = client.hears_out();
        let mut left = &came[..];
        let mut at = 0;
        while let Some(end) = left.windows(2).position(|pair| pair == b"\r\n") {
            let size = std::str::from_utf8(&left[..end]).expect("a chunk's size");
            let size = usize::from_str_radix(size, 16).expect("a chunk's size");
            assert_ne!(size, 0, "a last chunk");
            let bytes = &left[end + 2..left.len().min(end + 2 + size)];
            assert!(body[at..].starts_with(bytes), "other bytes behind {at}");
            at += bytes.len();
            left = left.get(end + 4 + size..).unwrap_or_default();
        }
    }
    assert!(long.sent() > 1 << 20);
}

#[test]
fn who_takes_nothing_is_cut_off_where_others_wait_for_it() {
    const LENGTH: usize = 48 << 20;
    let long = Long::of(LENGTH);
    let ringfence = long.site(2);
    // On both workers, beside those that wait for them and alone.
    let mut narrow = Vec::new();
    for _ in 0..4 {
        let mut client = Client::connect_narrow(ringfence.address(), 4096);
        client.says(GET);
        client.hears_through("\r\n\r\n");
        narrow.push(client);
    }
    let clients = begun(&ringfence, 3);
    long.gate.opens(Until::End);
    let body = Arc::new(pattern(LENGTH));
    let readers = clients.into_iter().map(|client| {
        let body = body.clone();
        let mut client = client.patient(Duration::from_secs(60));
        thread::spawn(move || reads_all(&mut client, &body))
    });
    let readers: Vec<_> = readers.collect();
    for reader in readers {
        assert_eq!(reader.join().expect("a reader"), LENGTH);
    }
    for mut client in narrow {
        assert!(client.is_closed_within(Duration::from_secs(10)));
        assert!(client.received() < LENGTH);
    }
    assert_eq!(long.app.served(), 1);
}

#[test]
fn one_alone_may_pause_and_has_the_origin_pause_too() {
    const LENGTH: usize = 32 << 20;
    let long = Long::of(LENGTH);
    let ringfence = long.site(2);
    let mut client = Client::connect_narrow(ringfence.address(), 4096);
    client.says(GET);
    client.hears_through("\r\n\r\n");
    long.gate.opens(Until::End);
    eventually("it outgrows what may be stored", || long.sent() > 1 << 20);
    // Longer than one may that others wait for.
    thread::sleep(Duration::from_secs(8));
    assert!(long.sent() < LENGTH / 2, "{} bytes", long.sent());
    let body = pattern(LENGTH);
    let mut client = client.patient(Duration::from_secs(60));
    assert_eq!(reads_all(&mut client, &body), LENGTH);
}

#[test]
fn a_fetch_that_is_not_for_the_store_goes_on_for_as_long_as_somebody_reads() {
    let long = Long::of(64 << 20);
    let ringfence = long.site(2);
    let mut clients = begun(&ringfence, MANY);
    let first = clients.remove(0);
    long.gate.opens(Until::End);
    let body = pattern(64 << 20);
    let last = clients.pop().expect("there are many");
    let mut last = last.patient(Duration::from_secs(60));
    let read = reads(&mut last, 1 << 20, Duration::ZERO, &body);
    first.resets();
    clients.into_iter().for_each(Client::resets);
    reads(&mut last, 16 << 20, Duration::ZERO, &body[read..]);
    assert!(!long.is_left());
    last.resets();
    eventually("the origin is left", || long.is_left());
}

#[test]
fn what_turns_out_to_be_too_much_for_the_store_is_fetched_for_nobody() {
    let long = Long::of(48 << 20);
    long.gate.opens(Until::End);
    let ringfence = long.site(2);
    let socket = ringfence.dir().join("control.sock").display().to_string();
    let url = "http://test.example/x";
    command(&["warm", "--control", &socket, url]);
    eventually("the origin is left", || long.is_left());
}
