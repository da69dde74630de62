//! The command line: what it does, and that every mistake is met by a clear error.

use std::net::TcpListener;
use std::path::Path;

use ringfence_tests::{
    Launch, Origin, Outcome, Ringfence, TempDir, command, eventually, get, site,
};
use serde_json::Value;

/// Runs a subcommand on a file with this content.
fn on_file(subcommand: &[&str], text: &str) -> Outcome {
    let dir = TempDir::new();
    let file = dir.path().join("ringfence.toml");
    std::fs::write(&file, text).expect("write the file");
    let mut args = subcommand.to_vec();
    let file = file.display().to_string();
    args.extend(["-c", &file]);
    command(&args)
}

const GOOD: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\n[[route]]\nupstream = \"app\"\n[upstream.app]\nservers = [\"127.0.0.1:3001\"]\n";

#[test]
fn proxy_needs_no_file() {
    let (a, b) = (Origin::kit("a"), Origin::kit("b"));
    let (to_a, to_b) = (a.address(), b.address());
    let ringfence = Launch::command(&[
        "proxy",
        "--from",
        "127.0.0.1:0",
        "--to",
        &to_a,
        "--to",
        &to_b,
        "--balance",
        "least_conn",
        "--workers",
        "2",
        "--admin",
        "127.0.0.1:0",
        "--control",
        "off",
    ])
    .driver()
    .start();
    for _ in 0..10 {
        ringfence.get("/").expect(200);
    }
    assert!(a.served() > 0 && b.served() > 0);
}

#[test]
fn demo_serves_and_survives_a_kill() {
    let ringfence = Launch::command(&["demo", "--from", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .driver()
        .start();
    let address = ringfence.address();
    let guide = ringfence.output();
    assert!(guide.contains(&format!("curl http://{address}")), "{guide}");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..12 {
        let text = ringfence.get("/").expect(200).text();
        seen.insert(text.split(',').next().unwrap_or_default().to_string());
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    // What it says to try next works: kill one server, no request fails.
    let kill = guide
        .lines()
        .find(|line| line.contains("/kill"))
        .expect("how to kill one");
    let server = kill
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .expect("an address");
    ringfence_tests::Client::connect(server.parse().expect("an address")).asks(
        "POST",
        "/kill",
        "Content-Length: 0\r\n",
    );
    for _ in 0..30 {
        ringfence.get("/").expect(200);
    }
}

#[test]
fn the_banner_tells_the_truth() {
    let origin = Origin::kit("a");
    let ringfence = Launch::config(&site(&[&origin])).start();
    let banner = ringfence.output();
    assert!(banner.contains(env!("CARGO_PKG_VERSION")), "{banner}");
    let kernel =
        std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("the kernel's version");
    for words in [
        kernel.trim(),
        "worker 0",
        "worker 1",
        "open files",
        &origin.address(),
        "round_robin",
    ] {
        assert!(banner.contains(words), "no {words:?} in {banner}");
    }
    if let Some(driver) = ringfence_tests::launch::suite_driver() {
        let workers = banner.lines().filter(|line| line.starts_with("worker "));
        assert!(
            workers.clone().count() == 2 && workers.clone().all(|line| line.contains(&driver)),
            "{banner}"
        );
    }
}

#[test]
fn flags_win_over_the_file_and_the_environment_speaks_for_flags() {
    let origin = Origin::kit("a");
    let config = site(&[&origin]) + "\n[workers]\ncount = 1\npin = true\n";
    let count = |launch: Launch| {
        let ringfence = launch.start();
        ringfence
            .output()
            .lines()
            .filter(|line| line.starts_with("worker "))
            .count()
    };
    assert_eq!(
        count(Launch::config(&config)),
        2,
        "--workers 2 wins over count = 1"
    );
    let dir = TempDir::new();
    let file = dir.path().join("three.toml");
    std::fs::write(
        &file,
        ringfence_tests::launch::complete(&config, dir.path()),
    )
    .expect("write");
    let file = file.display().to_string();
    let from_environment = Launch::command(&["run", "-c", &file]).env("RINGFENCE_WORKERS", "3");
    assert_eq!(count(from_environment), 3);
    let both =
        Launch::command(&["run", "-c", &file, "--workers", "2"]).env("RINGFENCE_WORKERS", "3");
    assert_eq!(count(both), 2, "a flag wins over its variable");
    assert_eq!(
        count(Launch::command(&["run"]).env("RINGFENCE_CONFIG", &file)),
        1
    );
}

#[test]
fn every_tuning_flag_is_taken() {
    let origin = Origin::kit("a");
    let ringfence = Launch::config(&site(&[&origin]))
        .args(&[
            "--no-pin",
            "--ring-entries",
            "256",
            "--backlog",
            "64",
            "--max-connections",
            "1000",
        ])
        .start();
    assert!(ringfence.says("not pinned") && ringfence.says("1000 client connections"));
    ringfence.get("/").expect(200);
    let (to, from) = (origin.address(), "127.0.0.1:0");
    let cpus = Launch::command(&[
        "proxy", "--from", from, "--to", &to, "--cpus", "0", "--admin", "off",
    ])
    .driver()
    .start();
    assert_eq!(
        cpus.output().matches("CPU 0").count(),
        1,
        "{}",
        cpus.output()
    );
    cpus.get("/").expect(200);
}

#[test]
fn variables_in_the_file_are_filled_in() {
    let origin = Origin::kit("a");
    let config = site(&[&origin]).replace(&origin.address(), "${APP_SERVER}")
        + "\n[forwarding]\nvia = \"${EDGE_NAME:-edge}\"\n";
    let ringfence = Launch::config(&config)
        .env("APP_SERVER", &origin.address())
        .start();
    assert_eq!(
        ringfence.get("/").expect(200).field("via"),
        Some("1.1 edge")
    );
    Launch::config(&config)
        .finish()
        .failed_saying(&["APP_SERVER"]);
}

#[test]
fn check_is_quiet_about_what_is_good_and_precise_about_what_is_not() {
    on_file(&["check"], GOOD).succeeded();
    on_file(
        &["check"],
        &GOOD.replace("upstream = \"app\"", "upstream = \"ap\""),
    )
    .failed_saying(&["ringfence.toml", "ap", "app"]);
    let wrong = GOOD.replace("servers", "balance = \"least_con\"\nservers");
    on_file(&["check"], &wrong).failed_saying(&["least_con", "least_conn", "ringfence.toml:6"]);
}

#[test]
fn config_shows_every_default() {
    let shown = on_file(&["config", "--effective"], GOOD).succeeded().stdout;
    for key in [
        "max_head",
        "keep_alive",
        "round_robin",
        "backlog",
        "panic_threshold",
        "retry",
        "min_receive_rate",
    ] {
        assert!(shown.contains(key), "no {key} in {shown}");
    }
    // It is itself a file that says the same.
    on_file(&["check"], &shown).succeeded();
    let again = on_file(&["config", "--effective"], &shown)
        .succeeded()
        .stdout;
    assert_eq!(shown, again);
}

#[test]
fn schema_describes_the_file() {
    let schema: Value =
        serde_json::from_str(&command(&["schema"]).succeeded().stdout).expect("JSON");
    for key in ["listener", "route", "upstream", "timeouts", "limits"] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = command(&["completions", shell]).succeeded().stdout;
        assert!(
            script.contains("ringfence") && script.contains("proxy"),
            "{shell}"
        );
    }
    let mut bash = std::process::Command::new("bash");
    let dir = TempDir::new();
    let file = dir.path().join("completion.bash");
    std::fs::write(&file, command(&["completions", "bash"]).stdout).expect("write");
    ringfence_tests::tools::run_well(bash.arg("-n").arg(&file), ringfence_tests::PATIENCE);
}

#[test]
fn help_and_version() {
    let help = command(&["--help"]).succeeded().stdout;
    for subcommand in [
        "demo",
        "proxy",
        "run",
        "check",
        "config",
        "reload",
        "stop",
        "completions",
        "schema",
    ] {
        assert!(help.contains(subcommand), "{subcommand}");
        command(&[subcommand, "--help"]).succeeded();
    }
    assert!(
        command(&["--version"])
            .succeeded()
            .stdout
            .contains(env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn bad_command_lines() {
    command(&[]).failed_saying(&["Usage"]);
    command(&["fly"]).failed_saying(&["fly"]);
    command(&["run", "--wokers", "2"]).failed_saying(&["--wokers", "--workers"]);
    command(&["run", "--workers", "0"]).failed_saying(&["--workers", "0"]);
    command(&["run", "--workers", "many"]).failed_saying(&["many"]);
    command(&["run", "--driver", "kqueue"]).failed_saying(&["kqueue", "io_uring", "epoll"]);
    command(&["run", "--cpus", "3-1"]).failed_saying(&["3-1"]);
    command(&["proxy", "--from", "127.0.0.1:0"]).failed_saying(&["--to"]);
    command(&["proxy", "--from", "nonsense", "--to", "127.0.0.1:1"]).failed_saying(&["nonsense"]);
    command(&["proxy", "--from", "127.0.0.1:0", "--to", "nonsense"]).failed_saying(&["nonsense"]);
    let unknown = [
        "proxy",
        "--from",
        "127.0.0.1:0",
        "--to",
        "127.0.0.1:1",
        "--balance",
        "round_robbin",
    ];
    command(&unknown).failed_saying(&["round_robbin", "round_robin"]);
}

#[test]
fn bad_files() {
    command(&["run", "-c", "/nonexistent/ringfence.toml"])
        .failed_saying(&["/nonexistent/ringfence.toml"]);
    command(&["check", "-c", "/"]).failed_saying(&["/"]);
    on_file(&["run"], "").failed_saying(&["listener"]);
    on_file(&["run"], "\u{0}\u{1}").failed_saying(&["ringfence.toml"]);
    let cases: [(&str, &str, &[&str]); 10] = [
        (
            "address = \"127.0.0.1:0\"",
            "address = \"127.0.0.1:99999\"",
            &["99999"],
        ),
        (
            "address = \"127.0.0.1:0\"",
            "address = \"localhost\"",
            &["localhost"],
        ),
        ("[[listener]]", "[[listner]]", &["listner", "listener"]),
        (
            "127.0.0.1:3001\"]",
            "127.0.0.1:3001\", \"127.0.0.1:3001\"]",
            &["127.0.0.1:3001"],
        ),
        (
            "servers = [\"127.0.0.1:3001\"]",
            "servers = []",
            &["servers"],
        ),
        (
            "servers = [\"127.0.0.1:3001\"]",
            "servers = 3001",
            &["servers"],
        ),
        (
            "upstream = \"app\"",
            "upstream = \"app\"\nname = \"x\"\n[[route]]\nname = \"x\"\nupstream = \"app\"\npath = \"/y\"",
            &["x"],
        ),
        (
            "upstream = \"app\"",
            "upstream = \"app\"\ntimeouts = { connect = \"soon\" }",
            &["soon"],
        ),
        (
            "upstream = \"app\"",
            "upstream = \"app\"\nmax_body = \"10 elephants\"",
            &["elephants"],
        ),
        (
            "upstream = \"app\"",
            "upstream = \"app\"\npath = \"no-slash\"",
            &["no-slash"],
        ),
    ];
    for (from, to, words) in cases {
        let outcome = on_file(&["check"], &GOOD.replace(from, to));
        outcome.failed_saying(&[words, &["ringfence.toml"]].concat());
    }
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    on_file(&["run"], &GOOD.replace("127.0.0.1:0", &address)).failed_saying(&[&address]);
    // Also by another of its kind, which shares ports between its workers.
    let origin = Origin::kit("a");
    let first = ringfence_tests::Ringfence::start(&site(&[&origin]));
    let address = first.address().to_string();
    on_file(&["run"], &GOOD.replace("127.0.0.1:0", &address)).failed_saying(&[&address]);
    first.get("/").expect(200);
}

#[test]
fn an_admin_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let config = format!("{GOOD}[admin]\nlisten = \"{address}\"\ncontrol = \"off\"\n");
    on_file(&["run"], &config).failed_saying(&[&address]);
}

#[test]
fn an_address_that_is_not_ours() {
    on_file(&["run"], &GOOD.replace("127.0.0.1:0", "192.0.2.1:8080"))
        .failed_saying(&["192.0.2.1:8080"]);
}

#[test]
fn a_privileged_port_without_the_privilege() {
    // Root may take any port; so the test gives that right away first.
    if !rustix::process::geteuid().is_root() {
        on_file(&["run"], &GOOD.replace("127.0.0.1:0", "127.0.0.1:80"))
            .failed_saying(&["127.0.0.1:80"]);
        return;
    }
    let dir = TempDir::new();
    let file = dir.path().join("ringfence.toml");
    std::fs::write(&file, GOOD.replace("127.0.0.1:0", "127.0.0.1:81")).expect("write");
    let mut bare = std::process::Command::new(ringfence_tests::tools::need("setpriv"));
    bare.args([
        "--bounding-set",
        "-net_bind_service",
        "--inh-caps",
        "-net_bind_service",
    ]);
    bare.args([
        "sh",
        "-c",
        "exec \"$0\" run -c \"$1\" --control off --admin off",
    ]);
    bare.arg(ringfence_tests::launch::binary()).arg(&file);
    let output = ringfence_tests::tools::run(&mut bare, ringfence_tests::PATIENCE);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && told.contains("127.0.0.1:81"),
        "{told}"
    );
}

#[test]
fn a_dead_server_at_the_start_is_no_reason_not_to_start() {
    let dead = Origin::absent("dead");
    let ringfence = ringfence_tests::Ringfence::start(&site(&[&dead]));
    let status = ringfence.get("/").status;
    assert!(matches!(status, 502 | 503), "{status}");
}

#[test]
fn reload_and_stop_without_a_process() {
    for subcommand in ["reload", "stop"] {
        command(&[subcommand, "--control", "/nonexistent/x.sock"])
            .failed_saying(&["/nonexistent/x.sock"]);
    }
}

#[test]
fn the_control_socket_is_for_its_owner_and_goes_with_the_process() {
    use std::os::unix::fs::PermissionsExt;
    let origin = Origin::kit("a");
    let mut ringfence = ringfence_tests::Ringfence::start(&site(&[&origin]));
    let socket = ringfence.dir().join("control.sock");
    let mode = |path: &Path| std::fs::metadata(path).map(|m| m.permissions().mode() & 0o777);
    assert_eq!(
        mode(&socket).expect("the socket") & 0o077,
        0,
        "others may not command the process"
    );
    ringfence.control("stop").succeeded();
    ringfence.ends();
    assert!(!socket.exists());
    // A socket that a killed process left behind is no obstacle.
    let first = Launch::config(&site(&[&origin]));
    let path = first.dir().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a stale socket"));
    let second = first.start();
    get(second.address(), "/").expect(200);
}

#[test]
fn default_ports() {
    // The README's first command as it stands there.
    let ringfence = Launch::command(&["demo"]).driver().start();
    assert_eq!(ringfence.address().to_string(), "127.0.0.1:8080");
    ringfence.get("/").expect(200);
}

#[test]
fn a_file_means_the_process_that_serves_it() {
    let dir = |process: &Ringfence, name: &str| process.dir().join(name).display().to_string();
    let origin = Origin::kit("a");
    let mut process = Ringfence::start(&site(&[&origin]));
    let other = dir(&process, "other.toml");
    std::fs::copy(process.file(), &other).expect("another file that names the same socket");
    command(&["stop", "-c", &other]).failed_saying(&["ringfence.toml", "other.toml", "--control"]);
    command(&["reload", "-c", &other]).failed_saying(&["not"]);
    command(&["reload", "-c", &dir(&process, "ringfence.toml")]).succeeded();
    command(&["stop", "-c", &dir(&process, "ringfence.toml")]).succeeded();
    assert!(process.ends().success());
}

#[test]
fn a_place_for_the_access_log_asks_for_one() {
    let origin = Origin::kit("a");
    let config = site(&[&origin]) + "\n[access_log]\nto = \"@dir@/access.log\"\n";
    let ringfence = Ringfence::start(&config);
    ringfence.get("/").expect(200);
    let log = ringfence.dir().join("access.log");
    eventually("a line", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("\"status\":200"))
    });
}
