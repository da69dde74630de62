//! What several tests need: hand-made upstreams, misbehaving origins, a DNS server.

use ringfence_balance::{Resolved, Roster, StickySecret};
use ringfence_config::{
    Balance, Check, CheckKind, Ejection, Endpoint, HashKey, Pool, Queue, Resolver, RetryBudget,
    Server, ServerAddress, StatusSet, Upstream,
};
use socket2::SockRef;
use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Waits for something to become true, five seconds at most.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(5);
    while !is_so() {
        assert!(Instant::now() < limit, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// An upstream named `app` of these servers.
pub(crate) fn upstream(servers: Vec<ServerAddress>, check: Option<Check>) -> Upstream {
    let server = |address| Server {
        address,
        label: None,
        weight: 1,
        backup: false,
        drain: false,
        max_connections: None,
    };
    Upstream {
        name: "app".into(),
        servers: servers.into_iter().map(server).collect(),
        balance: Balance::RoundRobin,
        hash_key: HashKey::Ip,
        check,
        ejection: Ejection {
            consecutive_failures: Some(2),
            failure_rate: None,
            window: Duration::from_secs(10),
            min_requests: 10,
            base_time: Duration::from_millis(300),
            max_time: Duration::from_secs(1),
            max_share: 1.0,
            panic_threshold: 0.0,
        },
        sticky: None,
        queue: Queue {
            size: 0,
            timeout: Duration::from_secs(1),
        },
        slow_start: Duration::ZERO,
        pool: Pool {
            size: 0,
            idle_timeout: Duration::from_secs(1),
            max_age: None,
            max_requests: None,
        },
        retry_budget: RetryBudget {
            share: 0.2,
            min_per_second: 1,
        },
        host: None,
    }
}

/// An upstream of named servers on port 80.
pub(crate) fn named(hosts: &[&str]) -> Upstream {
    let name = |host: &&str| ServerAddress::Name {
        host: (*host).to_owned(),
        port: 80,
    };
    upstream(hosts.iter().map(name).collect(), None)
}

/// A roster of one upstream with these servers.
pub(crate) fn roster(
    servers: &[Endpoint],
    check: Option<Check>,
    previous: Option<&Roster>,
) -> Roster {
    let servers = servers.iter().cloned().map(ServerAddress::Fixed).collect();
    let secret = StickySecret::of_text("test");
    let upstreams = [upstream(servers, check)];
    Roster::build(&upstreams, &Resolved::default(), secret, previous)
}

/// An HTTP check in quick time: 200 passes, and the body must hold the text, if any.
pub(crate) fn http_check(body: Option<&str>) -> Check {
    Check {
        kind: CheckKind::Http {
            method: "GET".into(),
            path: "/health?deep=1".into(),
            host: None,
            expect: StatusSet(vec![200..=200]),
            body: body.map(str::to_owned),
        },
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(250),
        rise: 2,
        fall: 2,
        jitter: 0.2,
    }
}

/// Resolver settings with these servers.
pub(crate) fn resolver(servers: &[SocketAddr]) -> Resolver {
    Resolver {
        servers: servers.to_vec(),
        min_ttl: Duration::from_secs(1),
        max_ttl: Duration::from_secs(3600),
        timeout: Duration::from_millis(900),
    }
}

/// What an origin does with each connection.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// Reads a head and sends this.
    Say(String),
    /// Reads a head, sends this, and then nothing more.
    SayAndStall(String),
    /// Reads a head and resets the connection.
    Reset,
    /// Reads a head and closes.
    HangUp,
}

/// A TCP origin whose script can be changed.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    pub(crate) fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Self {
            address: listener.local_addr().unwrap(),
            script: Arc::new(Mutex::new(script)),
            heads: Arc::default(),
        };
        let (script, heads) = (origin.script.clone(), origin.heads.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (script, heads) = (script.lock().unwrap().clone(), heads.clone());
                thread::spawn(move || play(stream.unwrap(), script, &heads));
            }
        });
        origin
    }

    pub(crate) fn set(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Tcp(self.address)
    }

    /// The heads received so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// A response with a length.
pub(crate) fn response(status: u16, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} Some Reason\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn play(mut stream: TcpStream, script: Script, heads: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    heads.lock().unwrap().push(String::from_utf8(head).unwrap());
    match script {
        Script::Say(text) => {
            let _ = stream.write_all(text.as_bytes());
        }
        Script::SayAndStall(text) => {
            let _ = stream.write_all(text.as_bytes());
            thread::sleep(Duration::from_secs(2));
        }
        Script::Reset => SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap(),
        Script::HangUp => {}
    }
}

/// What the DNS server says about a name.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// These addresses, with this TTL in seconds.
    Addresses(Vec<IpAddr>, u32),
    /// SERVFAIL.
    Broken,
    /// Nothing.
    Silence,
}

/// A DNS server over UDP; what it was not told of does not exist.
pub(crate) struct FakeDns {
    pub(crate) address: SocketAddr,
    replies: Arc<Mutex<HashMap<String, Reply>>>,
    asked: Arc<AtomicUsize>,
    to_lose: Arc<AtomicUsize>,
}

impl FakeDns {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let dns = Self {
            address: socket.local_addr().unwrap(),
            replies: Arc::default(),
            asked: Arc::default(),
            to_lose: Arc::default(),
        };
        let (replies, asked, to_lose) =
            (dns.replies.clone(), dns.asked.clone(), dns.to_lose.clone());
        thread::spawn(move || {
            let mut packet = [0; 1500];
            while let Ok((len, peer)) = socket.recv_from(&mut packet) {
                asked.fetch_add(1, Ordering::SeqCst);
                let is_lost = to_lose
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                    .is_ok();
                let reply = answer_to(&packet[..len], &replies.lock().unwrap());
                if let (Some(reply), false) = (reply, is_lost) {
                    socket.send_to(&reply, peer).unwrap();
                }
            }
        });
        dns
    }

    pub(crate) fn set(&self, host: &str, reply: Reply) {
        self.replies.lock().unwrap().insert(host.into(), reply);
    }

    /// Loses the next question.
    pub(crate) fn lose_first(&self) {
        self.to_lose.store(1, Ordering::SeqCst);
    }

    /// Questions received so far.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A message that answers a query of one question (RFC 1035 section 4); none to keep silent.
fn answer_to(query: &[u8], replies: &HashMap<String, Reply>) -> Option<Vec<u8>> {
    const A: u16 = 1;
    const AAAA: u16 = 28;
    let mut host = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let label = &query[at + 1..at + 1 + usize::from(query[at])];
        host.push(String::from_utf8(label.to_vec()).unwrap());
        at += 1 + label.len();
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let (code, ips, ttl) = match replies.get(&host.join(".")) {
        None => (3, Vec::new(), 0),
        Some(Reply::Broken) => (2, Vec::new(), 0),
        Some(Reply::Silence) => return None,
        Some(Reply::Addresses(ips, ttl)) => {
            let is_asked = |ip: &&IpAddr| kind == if ip.is_ipv4() { A } else { AAAA };
            (0, ips.iter().filter(is_asked).copied().collect(), *ttl)
        }
    };
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1, 0, ips.len() as u8, 0, 0, 0, 0]);
    reply.extend(&query[12..at + 5]);
    for ip in ips {
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1]);
        reply.extend(ttl.to_be_bytes());
        let bytes = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        reply.extend([0, bytes.len() as u8]);
        reply.extend(bytes);
    }
    Some(reply)
}
