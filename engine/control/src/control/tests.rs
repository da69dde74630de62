//! The whole control plane, through its handle and its sockets.

use super::*;
use crate::{
    client::{self, ClientError},
    explain::Explain,
    host::{Host, Workers},
    purge::Purge,
    resolve::resolve,
    testing::{FakeDns, Origin, Reply, Script, response, wait_for},
    warm::{Sources, Tally, Watch},
};
use ringfence_balance::{Outcome, Picker, Resolved, Roster, StickySecret, Want};
use ringfence_config::{Overrides, Plan};
use ringfence_telemetry::explain::Explanation;
use ringfence_telemetry::{Fetched, LogQueue, Part, Record, Target, Targets};
use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Instant,
};

fn clock() -> Duration {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    ORIGIN.get_or_init(Instant::now).elapsed()
}

/// A process that does what the test says.
#[derive(Default)]
struct Process {
    workers: Mutex<Workers>,
    reload: Mutex<Option<Result<String, String>>>,
    stops: Mutex<usize>,
    offered: Mutex<Vec<Resolved>>,
    purges: Mutex<Vec<Purge>>,
    fetches: Mutex<Vec<String>>,
    /// What new addresses are adopted with.
    control: OnceLock<Arc<Control>>,
    scene: OnceLock<Scene>,
}

impl Host for Process {
    fn reload(&self) -> Result<String, String> {
        self.reload
            .lock()
            .unwrap()
            .take()
            .expect("no reload was planned")
    }

    fn stop(&self) {
        *self.stops.lock().unwrap() += 1;
    }

    fn resolved(&self, resolved: Resolved) {
        self.offered.lock().unwrap().push(resolved.clone());
        if let (Some(control), Some(scene)) = (self.control.get(), self.scene.get()) {
            control.adopt(scene_of(&scene.plan, resolved)).unwrap();
        }
    }

    fn purge(&self, purge: &Purge) -> Result<(), String> {
        self.purges.lock().unwrap().push(purge.clone());
        match purge.all {
            true => Err("2 workers are busy".into()),
            false => Ok(()),
        }
    }

    fn explain(&self, question: &Explain) -> Result<Explanation, String> {
        match question.method.as_str() {
            "BUSY" => Err("2 workers are busy".into()),
            method => Ok(Explanation {
                request: format!("{method} {}", question.url),
                ..Explanation::default()
            }),
        }
    }

    fn fetch(&self, target: &Target, done: Box<dyn FnOnce(Fetched) + Send>) {
        self.fetches.lock().unwrap().push(target.url.clone());
        if !target.url.ends_with("/lost") {
            done(Fetched {
                status: 200,
                stored: true,
                ..Fetched::default()
            });
        }
    }

    fn softly_purged(&self) -> Result<Targets, String> {
        let urls = ["http://a/2", "http://a/1", "http://a/2"];
        let long = format!("A: {}", "b".repeat(9_000));
        let odd = Target {
            url: "http://a/1".to_owned(),
            headers: vec![long],
        };
        let targets = urls.into_iter().map(Target::of);
        Ok(Targets {
            targets: targets.chain([odd]).collect(),
            has_more: true,
        })
    }

    fn workers(&self) -> Workers {
        *self.workers.lock().unwrap()
    }
}

/// A started control plane of two accepting workers, in a directory of its own.
struct Stage {
    dir: tempfile::TempDir,
    process: Arc<Process>,
    registry: Arc<Registry>,
    control: Arc<Control>,
}

impl Stage {
    fn start(rest: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(dir.path(), rest);
        Self::begin(dir, plan).unwrap()
    }

    fn begin(dir: tempfile::TempDir, plan: Arc<Plan>) -> Result<Self, StartError> {
        let process = Arc::new(Process::default());
        process.set_workers(2, 2, false);
        let registry = Arc::new(Registry::new());
        let resolved = resolve(&plan, &Resolved::default()).unwrap();
        let scene = scene_of(&plan, resolved);
        let control = Arc::new(Control::start(Start {
            scene: scene.clone(),
            registry: registry.clone(),
            host: process.clone(),
            clock,
            version: "1.2.3",
            file: Some("/etc/test.toml".into()),
            crowd: Crowd {
                guests: 64,
                checks: 16,
            },
        })?);
        let _ = process.scene.set(scene);
        Ok(Self {
            dir,
            process,
            registry,
            control,
        })
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("control.sock")
    }

    fn get(&self, path: &str) -> (u16, String) {
        ask(self.control.admin_address().unwrap(), "GET", path)
    }

    fn scene(&self) -> Scene {
        self.process.scene.get().unwrap().clone()
    }

    fn finish(self) {
        drop(self.process);
        Arc::into_inner(self.control).unwrap().shutdown();
    }
}

impl Process {
    fn set_workers(&self, total: usize, accepting: usize, draining: bool) {
        *self.workers.lock().unwrap() = Workers {
            total,
            accepting,
            draining,
        };
    }
}

/// A plan with its sockets and log in `dir`. `rest` holds the tables that the test is about.
fn plan(dir: &Path, rest: &str) -> Arc<Plan> {
    let dir = dir.display();
    let text = format!(
        "[[listener]]\naddress = \"127.0.0.1:8080\"\n[[route]]\npath = \"/fixed\"\nrespond = {{ status = 204 }}\n\
         [admin]\nlisten = \"127.0.0.1:0\"\ncontrol = \"{dir}/control.sock\"\n\
         [access_log]\nformat = \"json\"\nto = \"{dir}/access.log\"\n{rest}"
    );
    load(&text)
}

fn load(text: &str) -> Arc<Plan> {
    let plan = Plan::load(text, "test.toml", &|_| None, &Overrides::default());
    Arc::new(plan.unwrap_or_else(|error| panic!("{}\n{text}", error.render(false))))
}

/// An upstream named `app`, and a route to it.
fn app(servers: &[&str], more: &str) -> String {
    format!("[[route]]\nupstream = \"app\"\n[upstream.app]\nservers = {servers:?}\n{more}\n")
}

fn scene_of(plan: &Arc<Plan>, resolved: Resolved) -> Scene {
    let secret = StickySecret::of_text("test");
    Scene {
        plan: plan.clone(),
        roster: Arc::new(Roster::build(&plan.upstreams, &resolved, secret, None)),
        resolved,
        queues: Vec::new(),
    }
}

fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    ask_with(address, method, path, "", "")
}

/// The same with a body, and lines for its fields.
fn ask_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{fields}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text[9..12].parse().unwrap();
    (status, text)
}

#[test]
fn health_follows_workers_and_servers() {
    let origin = Origin::start(Script::Say(response(200, "")));
    let check = "check = { type = \"http\", path = \"/\", interval = \"20ms\", timeout = \"20ms\", rise = 1, fall = 1 }";
    let address = origin.address.to_string();
    let stage = Stage::start(&app(&[&address], check));
    wait_for("a check", || {
        stage.registry.control().checks_passed.get() > 0
    });
    assert_eq!(stage.get("/health/live").0, 200);
    assert_eq!(stage.get("/health/ready").0, 200);
    let (status, text) = stage.get("/health");
    assert_eq!(status, 200);
    let body: serde_json::Value =
        serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["status"], "up");
    assert_eq!(body["version"], "1.2.3");
    assert_eq!(
        client::file(&stage.socket()).unwrap().unwrap(),
        Path::new("/etc/test.toml")
    );
    assert_eq!(body["workers"]["accepting"], 2);
    assert_eq!(body["upstreams"][0]["servers"][0]["server"], address);
    assert_eq!(body["upstreams"][0]["servers"][0]["state"], "up");

    for (workers, why) in [
        ((2, 1, false), "not all workers"),
        ((2, 2, true), "draining"),
    ] {
        stage.process.set_workers(workers.0, workers.1, workers.2);
        let (status, text) = stage.get("/health/ready");
        assert!(status == 503 && text.contains(why), "{text}");
        assert_eq!(stage.get("/health").0, 503);
        assert_eq!(stage.get("/health/live").0, 200);
    }
    stage.process.set_workers(2, 2, false);
    origin.set(Script::Reset);
    wait_for("down", || stage.get("/health/ready").0 == 503);
    let (_, text) = stage.get("/health");
    assert!(
        text.contains("\"status\":\"down\"") && text.contains("\"state\":\"down\""),
        "{text}"
    );
    stage.finish();
}

#[test]
fn metrics_show_servers_and_the_process() {
    let stage = Stage::start(&app(&["127.0.0.1:1"], "check = \"off\""));
    stage.registry.worker(0).requests.add(7);
    let (status, text) = stage.get("/metrics");
    assert_eq!(status, 200);
    for part in [
        "content-type: text/plain; version=0.0.4",
        "\nringfence_requests_total 7\n",
        "\nringfence_server_up{upstream=\"app\",server=\"127.0.0.1:1\"} 1\n",
        "\nringfence_build_info{version=\"1.2.3\"} 1\n",
        "\nringfence_process_resident_memory_bytes ",
        "\nringfence_process_open_fds ",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    stage.finish();
}

#[test]
fn ejections_are_ended_and_shown() {
    let more = "check = \"off\"\nejection = { consecutive_failures = 1, base_time = \"100ms\", max_time = \"100ms\" }";
    let stage = Stage::start(&app(&["127.0.0.1:1", "127.0.0.1:2"], more));
    let scene = stage.scene();
    let mut picker = Picker::new(scene.roster.groups[0].clone(), 1);
    let want = Want {
        key: None,
        sticky: None,
        tried: &[],
    };
    let ix = picker.pick(&want, clock()).unwrap();
    picker.started(ix);
    picker.finished(ix, Outcome::Failure, Duration::ZERO, clock());
    let server = &scene.roster.groups[0].servers[ix];
    assert!(server.ejected_until(clock()).is_some());
    let label = &server.label;
    let ejections =
        format!("ringfence_server_ejections_total{{upstream=\"app\",server=\"{label}\"}} 1\n");
    assert!(stage.get("/metrics").1.contains(&ejections));
    wait_for("its return", || server.transitions().returned == 1);
    stage.finish();
}

#[test]
fn what_would_become_of_a_request_is_told() {
    let stage = Stage::start("");
    let address = stage.control.admin_address().unwrap();
    let json = "Content-Type: application/json\r\n";
    let url = r#"{"url": "http://a/x"}"#;
    let busy = r#"{"method": "BUSY", "url": "http://a/x"}"#;
    for (fields, body, expected, why) in [
        (json, url, 200, r#""request":"GET http://a/x""#),
        (json, busy, 503, "2 workers are busy"),
        (json, r#"{"url": "/x"}"#, 400, "does not begin with http://"),
        ("", url, 415, "application/json"),
    ] {
        let (status, text) = ask_with(address, "POST", "/explain", fields, body);
        assert!(status == expected && text.contains(why), "{text}");
    }
    let question = serde_json::from_str(url).unwrap();
    let (json, told) = client::explain(&stage.socket(), &question).unwrap();
    assert_eq!(told.request, "GET http://a/x");
    assert!(json.contains(&told.request), "{json}");
    stage.finish();
}

#[test]
fn what_is_warmed_is_asked_for_through_the_process() {
    struct Silent(Vec<String>);
    impl Watch for Silent {
        fn moved(&mut self, _: &Tally) {}
        fn failed(&mut self, url: &str, _: &str) {
            self.0.push(url.to_owned());
        }
        fn waits(&mut self, _: Duration) {}
    }
    let stage = Stage::start("[[warm]]\nurls = [\"http://a/start\"]\n");
    let fetched = || stage.process.fetches.lock().unwrap().clone();
    wait_for("the start", || fetched() == ["http://a/start"]);
    let sources = Sources {
        urls: vec!["http://a/0".to_owned()],
        ..Sources::default()
    };
    let mut silent = Silent(Vec::new());
    let tally = client::warm(&stage.socket(), &sources, true, 1, &mut silent).unwrap();
    assert_eq!((tally.total, tally.stored), (4, 3), "{tally}");
    assert!(tally.has_more, "what the process says");
    assert_eq!(silent.0, ["http://a/1"], "what is refused fails alone");
    assert_eq!(fetched()[1..], ["http://a/0", "http://a/1", "http://a/2"]);
    let lost = Sources {
        urls: vec!["http://a/lost".to_owned()],
        ..Sources::default()
    };
    let error = client::warm(&stage.socket(), &lost, false, 1, &mut silent).unwrap_err();
    assert!(
        error.to_string().contains("the process is ending"),
        "{error}"
    );
    let json = "Content-Type: application/json\r\n";
    let admin = stage.control.admin_address().unwrap();
    let body = r#"{"url": "http://a/x"}"#;
    assert_eq!(ask_with(admin, "POST", "/cache/fetch", json, body).0, 404);
    assert_eq!(
        fetched().len(),
        5,
        "only who may open the socket has it done"
    );
    stage.finish();
}

#[test]
fn caches_are_purged_and_told_of() {
    let stage = Stage::start("");
    let address = stage.control.admin_address().unwrap();
    let json = "Content-Type: application/json; charset=utf-8\r\n";
    let purge = |fields, body: &str| ask_with(address, "POST", "/cache/purge", fields, body);
    let (status, text) = purge(json, r#"{"tags": ["a", "b"], "soft": true}"#);
    assert!(status == 200 && text.ends_with(r#"{"purged":2}"#), "{text}");
    let (status, text) = purge(json, r#"{"all": true}"#);
    assert!(
        status == 503 && text.contains("2 workers are busy"),
        "{text}"
    );
    let long = format!(r#"{{"tags": ["{}"]}}"#, "a".repeat(1 << 20));
    for (fields, body, expected, why) in [
        (json, "{}", 400, "nothing to purge"),
        (
            json,
            r#"{"tags": ["a"], "tag": 1}"#,
            400,
            "unknown field `tag`",
        ),
        (json, "tags", 400, "line 1"),
        ("", r#"{"all": true}"#, 415, "application/json"),
        (
            "Content-Type: text/plain\r\n",
            r#"{"all": true}"#,
            415,
            "application/json",
        ),
        (json, &long, 413, "length limit"),
    ] {
        let (status, text) = purge(fields, body);
        assert!(status == expected && text.contains(why), "{text}");
    }
    assert_eq!(ask(address, "GET", "/cache/purge").0, 405);
    let socket = stage.socket();
    let order = Purge {
        urls: vec!["http://a/x".into()],
        ..Purge::default()
    };
    client::purge(&socket, &order).unwrap();
    assert_eq!(stage.process.purges.lock().unwrap().last(), Some(&order));
    match client::purge(&socket, &Purge::default()).unwrap_err() {
        ClientError::Refused(text) => assert!(text.contains("nothing to purge"), "{text}"),
        error => panic!("{error}"),
    }

    for ix in 0..2 {
        stage.registry.worker(ix).cache.hits.add(2);
        stage.registry.worker(ix).cache.stale.add(1);
        stage.registry.worker(ix).cached.entries.set(ix as u64);
        stage.registry.route(ix, "shop").cache.hits.add(2);
        stage.registry.route(ix, "shop").cache.misses.add(6);
        stage.registry.route(ix, "shop").cached.entries.set(3);
        stage.registry.route(ix, "shop").cached.bytes.set(500);
        stage.registry.route(ix, "shop").cached.evictions.inc();
        stage
            .registry
            .route(ix, "plain")
            .record(200, Duration::ZERO);
    }
    stage.registry.worker(1).cache.revalidated.add(2);
    stage.registry.route(0, "passing").cache.bypassed.inc();
    let _idle = stage.registry.worker(2);
    let (status, text) = stage.get("/cache/stats");
    let stats: serde_json::Value =
        serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(status, 200);
    assert_eq!(stats["total"]["hits"], 4);
    assert_eq!(stats["workers"][1]["entries"], 1);
    assert_eq!(stats["total"]["hit_rate"], 0.75);
    assert_eq!(stats["workers"][1]["hit_rate"], 0.6);
    assert!(stats["workers"][2]["hit_rate"].is_null(), "{text}");
    let routes: Vec<_> = stats["routes"].as_array().unwrap().iter().collect();
    assert_eq!(routes.len(), 2, "none without a cache: {text}");
    assert_eq!(
        (&routes[0]["route"], &routes[0]["bypassed"]),
        (&"passing".into(), &1.into())
    );
    assert!(routes[0]["hit_rate"].is_null(), "{text}");
    assert_eq!(
        (&routes[1]["route"], &routes[1]["hit_rate"]),
        (&"shop".into(), &0.25.into())
    );
    let shop = ["entries", "bytes", "evictions"].map(|name| &routes[1][name]);
    assert_eq!(shop, [6, 1000, 2]);
    stage.finish();
}

#[test]
fn the_admin_listener_commands_nothing_else() {
    let stage = Stage::start("");
    let address = stage.control.admin_address().unwrap();
    assert_eq!(stage.get("/nothing").0, 404);
    for (method, path, status) in [
        ("POST", "/metrics", 405),
        ("POST", "/reload", 404),
        ("POST", "/stop", 404),
    ] {
        assert_eq!(ask(address, method, path).0, status, "{path}");
    }
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"\x16\x03\x01\x02\x00garbage\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(*stage.process.stops.lock().unwrap(), 0);
    stage.finish();
}

#[test]
fn idle_connections_leave_room() {
    let stage = Stage::start("");
    let address = stage.control.admin_address().unwrap();
    // More than are served at once.
    let idle: Vec<_> = (0..300)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    for _ in 0..3 {
        assert_eq!(stage.get("/health/live").0, 200);
    }
    drop(idle);
    stage.finish();
}

#[test]
fn the_control_socket_reloads_and_stops() {
    let stage = Stage::start("");
    let socket = stage.socket();
    *stage.process.reload.lock().unwrap() = Some(Ok("took over 3 routes".into()));
    assert_eq!(client::reload(&socket).unwrap(), "took over 3 routes");
    let why = "ringfence.toml:3:1: unknown balancer `x`\n  | ^\n";
    *stage.process.reload.lock().unwrap() = Some(Err(why.into()));
    match client::reload(&socket).unwrap_err() {
        ClientError::Refused(text) => assert_eq!(text, why.trim_end()),
        error => panic!("{error}"),
    }
    // A reload that panics is answered too.
    match client::reload(&socket).unwrap_err() {
        ClientError::Refused(text) => assert!(text.contains("defect"), "{text}"),
        error => panic!("{error}"),
    }
    assert!(
        client::status(&socket)
            .unwrap()
            .contains("\"status\":\"up\"")
    );
    assert!(client::stop(&socket).unwrap().contains("stopping"));
    assert_eq!(*stage.process.stops.lock().unwrap(), 1);
    stage.finish();
    let error = client::reload(&socket).unwrap_err();
    assert!(matches!(error, ClientError::Gone(_)));
    assert!(error.to_string().contains("control.sock"), "{error}");
    assert!(!socket.exists());
}

#[test]
fn what_can_not_be_opened_is_said_and_nothing_is_left() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let text = |listen: &str, control: &str, log: &str| {
        load(&format!(
            "[[listener]]\naddress = \"127.0.0.1:8080\"\n[[route]]\nrespond = {{ status = 204 }}\n[admin]\nlisten = \"{listen}\"\n\
             control = \"{control}\"\n[access_log]\nformat = \"json\"\nto = \"{log}\"\n"
        ))
    };
    let path = dir.path().join("control.sock");
    let socket = path.display().to_string();
    let free = "127.0.0.1:0";
    let taken = taken.local_addr().unwrap().to_string();
    let cases = [
        (text(&taken, &socket, "stdout"), "in use by another process"),
        (
            text("192.0.2.1:9901", &socket, "stdout"),
            "cannot listen on 192.0.2.1:9901",
        ),
        (
            text(free, "/nowhere/at/all.sock", "stdout"),
            "/nowhere/at/all.sock",
        ),
        (
            text(free, &socket, "/nowhere/at/all.log"),
            "cannot write to /nowhere/at/all.log",
        ),
        (
            text(free, &socket, "syslog:/nowhere/log"),
            "syslog:/nowhere/log",
        ),
    ];
    for (plan, expected) in cases {
        let stage = Stage::begin(tempfile::tempdir().unwrap(), plan);
        let Err(error) = stage else {
            panic!("started: {expected}")
        };
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!path.exists());
    }
    let first = Stage::start("");
    let second = Stage::begin(tempfile::tempdir().unwrap(), first.scene().plan);
    let Err(error) = second else {
        panic!("two on one socket")
    };
    assert!(matches!(error, StartError::ControlInUse { .. }), "{error}");
    assert!(client::status(&first.socket()).is_ok());
    first.finish();
}

#[test]
fn a_new_plan_moves_the_listeners() {
    let stage = Stage::start("");
    let before = stage.control.admin_address().unwrap();
    let same = stage.scene();
    stage.control.adopt(same.clone()).unwrap();
    assert_eq!(
        stage.control.admin_address(),
        Some(before),
        "it stays where it is"
    );

    let other = tempfile::tempdir().unwrap();
    let mut moved = (*plan(other.path(), "")).clone();
    moved.admin.listen = Some("127.0.0.2:0".parse().unwrap());
    let moved = scene_of(&Arc::new(moved), Resolved::default());
    stage.control.adopt(moved.clone()).unwrap();
    let after = stage.control.admin_address().unwrap();
    assert!(after.ip().to_string() == "127.0.0.2");
    wait_for("the new one", || TcpStream::connect(after).is_ok());
    wait_for("the end of the old one", || {
        TcpStream::connect(before).is_err()
    });
    assert!(!stage.socket().exists() && other.path().join("control.sock").exists());

    let mut broken = (*moved.plan).clone();
    broken.admin.listen = None;
    broken.admin.control = Some("/nowhere/at/all.sock".into());
    let broken = scene_of(&Arc::new(broken), Resolved::default());
    stage.control.adopt(broken).unwrap_err();
    assert_eq!(stage.get("/health/live").0, 200, "nothing was changed");

    let mut off = (*moved.plan).clone();
    off.admin.listen = None;
    off.admin.control = None;
    stage
        .control
        .adopt(scene_of(&Arc::new(off), Resolved::default()))
        .unwrap();
    assert_eq!(stage.control.admin_address(), None);
    wait_for("its end", || TcpStream::connect(after).is_err());
    assert!(!other.path().join("control.sock").exists());
    stage.finish();
}

#[test]
fn numbers_of_routes_that_left_stay_in_bounds() {
    let stage = Stage::start("");
    for round in 0..600 {
        let name = format!("left-{round}");
        stage.registry.route(0, &name).record(200, Duration::ZERO);
    }
    stage.control.adopt(stage.scene()).unwrap();
    let is_summed = || {
        stage
            .get("/metrics")
            .1
            .contains("{route=\"(retired)\",code_class=\"2xx\"} 344\n")
    };
    wait_for("the oldest to be summed", is_summed);
    stage.finish();
}

#[test]
fn the_reply_to_the_last_command_is_sent() {
    let stage = Stage::start("");
    let socket = stage.socket();
    let asker = std::thread::spawn(move || client::stop(&socket));
    let process = stage.process.clone();
    wait_for("the command", || *process.stops.lock().unwrap() == 1);
    drop(process);
    stage.finish();
    assert!(asker.join().unwrap().is_ok());
}

#[test]
fn the_access_log_is_written_and_flushed() {
    let stage = Stage::start("");
    let queue = Arc::new(LogQueue::new(8, stage.registry.worker(0)));
    let mut scene = stage.scene();
    scene.queues = vec![queue.clone()];
    stage.control.adopt(scene).unwrap();
    let log = stage.dir.path().join("access.log");
    let record = |host: &str| {
        let mut record = Record::new(Duration::ZERO, 0);
        record.set(Part::Host, host.as_bytes());
        record
    };
    queue.push(record("one"));
    wait_for("a line", || {
        fs::read_to_string(&log).unwrap().contains("one")
    });
    fs::rename(&log, stage.dir.path().join("access.log.1")).unwrap();
    stage.control.reopen_log();
    wait_for("a new file", || log.exists());
    queue.push(record("two"));
    let dir = stage.dir.path().to_owned();
    let Stage {
        dir: _dir,
        process,
        control,
        ..
    } = stage;
    drop(process);
    Arc::into_inner(control).unwrap().shutdown();
    let text = fs::read_to_string(dir.join("access.log")).unwrap();
    assert!(text.contains("two") && !text.contains("one"), "{text}");
}

#[test]
fn names_are_resolved_again_and_kept_when_they_fail() {
    let ips = |list: &[&str]| {
        list.iter()
            .map(|ip| ip.parse().unwrap())
            .collect::<Vec<IpAddr>>()
    };
    let dns = FakeDns::start();
    dns.set("app.test", Reply::Addresses(ips(&["192.0.2.1"]), 0));
    let resolver = format!(
        "[resolver]\nservers = [\"{}\"]\nmin_ttl = \"100ms\"\ntimeout = \"1s\"\n",
        dns.address
    );
    let stage =
        Stage::start(&(app(&["app.test:80", "127.0.0.1:1"], "check = \"off\"") + &resolver));
    assert_eq!(
        stage.scene().resolved.get("app.test", 80),
        ips(&["192.0.2.1"])
    );
    assert_eq!(stage.scene().roster.groups[0].servers.len(), 2);
    let _ = stage.process.control.set(stage.control.clone());
    let offered = |stage: &Stage| stage.process.offered.lock().unwrap().clone();
    let stats = stage.registry.control();
    wait_for("a second look-up", || stats.resolutions.get() >= 2);
    assert!(offered(&stage).is_empty(), "nothing has changed");

    dns.set(
        "app.test",
        Reply::Addresses(ips(&["192.0.2.3", "192.0.2.2"]), 0),
    );
    wait_for("new addresses", || offered(&stage).len() == 1);
    assert_eq!(
        offered(&stage)[0].get("app.test", 80),
        ips(&["192.0.2.2", "192.0.2.3"])
    );
    wait_for("their servers", || {
        stage.get("/health").1.contains("192.0.2.3:80")
    });

    dns.set("app.test", Reply::Broken);
    wait_for("failures", || stats.resolution_failures.get() >= 2);
    assert!(
        stage.get("/health").1.contains("192.0.2.3:80"),
        "they are kept"
    );
    dns.set(
        "app.test",
        Reply::Addresses(ips(&["192.0.2.2", "192.0.2.3"]), 0),
    );
    let resolutions = stats.resolutions.get();
    wait_for("recovery", || stats.resolutions.get() > resolutions);
    assert_eq!(offered(&stage).len(), 1);
}
