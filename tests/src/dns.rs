//! A DNS server that knows the names that a test gives it (RFC 1035; A records over UDP only).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The server; stops when dropped.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    records: Arc<Mutex<BTreeMap<String, Vec<Ipv4Addr>>>>,
    questions: Arc<AtomicUsize>,
    silent: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

/// How long an answer holds, in seconds.
const TTL: u32 = 1;

impl Dns {
    /// Starts a server that knows no name yet.
    pub fn start() -> Dns {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP port");
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a time limit");
        let dns = Dns {
            address: socket.local_addr().expect("an address"),
            records: Arc::default(),
            questions: Arc::default(),
            silent: Arc::default(),
            stop: Arc::default(),
        };
        let (records, questions) = (dns.records.clone(), dns.questions.clone());
        let (silent, stop) = (dns.silent.clone(), dns.stop.clone());
        std::thread::spawn(move || {
            let mut packet = [0; 1500];
            while !stop.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut packet) else {
                    continue;
                };
                questions.fetch_add(1, Ordering::Relaxed);
                let answer = answer(&packet[..length], &records.lock().expect("records"));
                if let Some(answer) = answer.filter(|_| !silent.load(Ordering::Relaxed)) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        dns
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the name has these addresses; none = there is no such name.
    pub fn knows(&self, name: &str, addresses: &[Ipv4Addr]) {
        self.records
            .lock()
            .expect("records")
            .insert(name.into(), addresses.to_vec());
    }

    /// From now on it answers nothing, or again.
    pub fn is_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    /// How many questions were asked.
    pub fn questions(&self) -> usize {
        self.questions.load(Ordering::Relaxed)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The answer to a packet with one question; `None` when it is not that.
fn answer(packet: &[u8], records: &BTreeMap<String, Vec<Ipv4Addr>>) -> Option<Vec<u8>> {
    let (header, rest) = packet.split_at_checked(12)?;
    let mut name = Vec::new();
    let mut at = 0;
    loop {
        let length = usize::from(*rest.get(at)?);
        if length == 0 {
            break;
        }
        let label = rest.get(at + 1..at + 1 + length)?;
        name.push(String::from_utf8_lossy(label).to_lowercase());
        at += 1 + length;
    }
    let question = rest.get(..at + 5)?;
    let wants_ipv4 = question[at + 1..at + 3] == [0, 1];
    let known = records
        .get(&name.join("."))
        .filter(|addresses| !addresses.is_empty());
    let addresses = known
        .filter(|_| wants_ipv4)
        .map(Vec::as_slice)
        .unwrap_or_default();

    let no_such_name = if known.is_some() { 0 } else { 3 };
    let mut out = header[..2].to_vec();
    out.extend([
        0x81,
        0x80 | no_such_name,
        0,
        1,
        0,
        addresses.len() as u8,
        0,
        0,
        0,
        0,
    ]);
    out.extend(question);
    for address in addresses {
        // The name is that of the question, 12 octets into the packet.
        out.extend([0xc0, 12, 0, 1, 0, 1]);
        out.extend(TTL.to_be_bytes());
        out.extend([0, 4]);
        out.extend(address.octets());
    }
    Some(out)
}
