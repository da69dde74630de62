//! Files that load: the examples, defaults, flags, variables, and the way back to a file.

use std::time::Duration;

use ringfence_config::{
    Action, Balance, CheckKind, ConfigError, DriverChoice, HashKey, LogFormat, Overrides, Plan,
    Quick, Retry, RouteTimeouts, WorkerCount, limits,
};

const MINIMAL: &str = "
[[listener]]
address = \"127.0.0.1:8080\"
[[route]]
upstream = \"app\"
[upstream.app]
servers = [\"127.0.0.1:3001\"]
";

fn no_env(_: &str) -> Option<String> {
    None
}

fn load(text: &str) -> Result<Plan, ConfigError> {
    Plan::load(text, "test.toml", &no_env, &Overrides::default())
}

fn good(text: &str) -> Plan {
    load(text).unwrap_or_else(|error| panic!("{}", error.render(false)))
}

#[test]
fn every_example_loads_and_reads_back() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let plan = Plan::load(
            &text,
            &path.display().to_string(),
            &no_env,
            &Overrides::default(),
        );
        reads_back(&plan.unwrap_or_else(|error| panic!("{}", error.render(false))));
        count += 1;
    }
    assert!(count >= 4);
}

fn reads_back(plan: &Plan) {
    let text = plan.effective();
    let again = load(&text).unwrap_or_else(|error| panic!("{}\n{text}", error.render(false)));
    assert_eq!(&again, plan, "{text}");
    assert_eq!(again.effective(), text);
}

#[test]
fn the_minimal_file_shows_every_default() {
    insta::assert_snapshot!(good(MINIMAL).effective());
}

#[test]
fn the_full_example_says_the_defaults() {
    let full = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/full.toml"))
        .unwrap();
    let (full, minimal) = (good(&full), good(MINIMAL));
    assert_eq!(full.timeouts, minimal.timeouts);
    assert_eq!(full.limits, minimal.limits);
    assert_eq!(full.cache, minimal.cache);
    assert_eq!(full.expose, minimal.expose);
    assert_eq!(full.admin, minimal.admin);
    assert_eq!(full.resolver, minimal.resolver);
    assert_eq!(
        full.routes.last().unwrap().timeouts,
        minimal.routes[0].timeouts
    );
    assert_eq!(full.routes.last().unwrap().retry, minimal.routes[0].retry);
    let app = &full.upstreams[1];
    assert_eq!(app.name, "app");
    assert_eq!(app.ejection, minimal.upstreams[0].ejection);
    assert_eq!(app.pool, minimal.upstreams[0].pool);
    assert_eq!(app.queue, minimal.upstreams[0].queue);
    assert_eq!(app.retry_budget, minimal.upstreams[0].retry_budget);
}

#[test]
fn a_plan_needs_no_file() {
    let quick = Quick {
        from: vec!["127.0.0.1:8080".parse().unwrap()],
        to: vec![
            "127.0.0.1:3001".parse().unwrap(),
            "unix:/run/${x}.sock".parse().unwrap(),
        ],
        balance: Some(Balance::LeastConn),
    };
    let plan = Plan::quick(&quick, &no_env, &Overrides::default()).unwrap();
    assert_eq!(plan.upstreams[0].servers.len(), 2);
    assert_eq!(
        plan.upstreams[0].servers[1].address.to_string(),
        "unix:/run/${x}.sock"
    );
    assert_eq!(plan.upstreams[0].balance, Balance::LeastConn);
    assert!(matches!(plan.routes[0].action, Action::Upstream(id) if id.index() == 0));
    reads_back(&plan);
}

#[test]
fn a_flag_wins_over_the_file() {
    let overrides = Overrides {
        workers: Some(WorkerCount::Fixed(3)),
        driver: Some("epoll".parse().unwrap()),
        admin: Some("off".parse().unwrap()),
        access_log: Some(LogFormat::Combined),
        cpus: Some("0-3".parse().unwrap()),
        ..Overrides::default()
    };
    let text = format!(
        "[workers]\ncount = 2\ndriver = \"io_uring\"\nbacklog = 7\n[access_log]\nformat = \"json\"\n{MINIMAL}"
    );
    let plan = Plan::load(&text, "test.toml", &no_env, &overrides).unwrap();
    assert_eq!(plan.workers.count, WorkerCount::Fixed(3));
    assert_eq!(plan.workers.driver, DriverChoice::Epoll);
    assert_eq!(plan.workers.backlog, 7);
    assert_eq!(plan.workers.cpus, Some(vec![0, 1, 2, 3]));
    assert_eq!(plan.admin.listen, None);
    assert_eq!(plan.access_log.format, LogFormat::Combined);
}

#[test]
fn variables_stand_for_any_value_and_inject_nothing() {
    let env = |name: &str| match name {
        "PORT" => Some("9000".to_owned()),
        "SIZE" => Some("7".to_owned()),
        "ON" => Some("false".to_owned()),
        "EVIL" => Some("x\"\nadmin = { listen = \"0.0.0.0:1\" }\n#".to_owned()),
        _ => None,
    };
    let text = "
        [[listener]]
        address = \"127.0.0.1:${PORT}\"
        [[route]]
        name = \"${NAME:-main}\"
        upstream = \"app\"
        response_headers = { set = { x-price = \"$${PORT}\" } }
        [upstream.app]
        servers = [\"127.0.0.1:3001\"]
        check = { path = \"/${PORT}\", rise = \"${SIZE}\" }
        [workers]
        max_connections = \"${SIZE}\"
        pin = \"${ON}\"
        [timeouts]
        head = \"${SIZE}s\"
    ";
    let plan = Plan::load(text, "test.toml", &env, &Overrides::default()).unwrap();
    assert_eq!(plan.listeners[0].address.port(), 9000);
    assert_eq!(plan.routes[0].name, "main");
    assert_eq!(
        plan.routes[0].response_headers.set,
        [("x-price".to_owned(), "${PORT}".to_owned())]
    );
    assert_eq!(plan.workers.max_connections, 7);
    assert!(!plan.workers.pin);
    assert_eq!(plan.timeouts.head, Duration::from_secs(7));
    reads_back(&plan);

    let error = Plan::load(
        &text.replace("${NAME:-main}", "${EVIL}"),
        "test.toml",
        &env,
        &Overrides::default(),
    )
    .unwrap_err();
    assert!(
        error.diagnostics()[0]
            .message
            .contains("cannot be the name of a route"),
        "{error}"
    );
}

#[test]
fn the_narrowest_setting_wins_key_by_key() {
    let plan = good(
        "
        [[listener]]
        address = \"127.0.0.1:8080\"
        [timeouts]
        connect = \"1s\"
        first_byte = \"2s\"
        request = \"9s\"
        [limits]
        max_body = \"1MiB\"
        [retry]
        attempts = 1
        statuses = 503
        [[route]]
        path = \"/a\"
        upstream = \"app\"
        timeouts = { connect = \"3s\", request = \"off\" }
        retry = { on = \"timeout\" }
        max_body = \"off\"
        [[route]]
        upstream = \"other\"
        [[route]]
        path = \"/b\"
        respond = { status = 404 }
        [upstream.app]
        servers = \"127.0.0.1:3001\"
        timeouts = { connect = \"4s\", between_bytes = \"5s\" }
        queue = { timeout = \"6s\" }
        retry = { max_body = 0 }
        [upstream.other]
        servers = \"127.0.0.1:3001\"
        retry = false
        ",
    );
    let secs = Duration::from_secs;
    assert_eq!(
        plan.routes[0].timeouts,
        RouteTimeouts {
            connect: secs(3),
            first_byte: secs(2),
            between_bytes: secs(5),
            request: None,
            queue: secs(6)
        }
    );
    let retry = &plan.routes[0].retry;
    assert_eq!(
        (
            retry.attempts,
            retry.connect,
            retry.reset,
            retry.timeout,
            retry.max_body
        ),
        (1, false, false, true, 0)
    );
    assert!(retry.statuses.contains(503));
    assert_eq!(plan.routes[0].max_body, None);
    assert_eq!(plan.routes[1].timeouts.request, Some(secs(9)));
    assert_eq!(plan.routes[1].retry.attempts, 0);
    assert_eq!(plan.routes[1].max_body, Some(1 << 20));
    assert_eq!(plan.routes[2].max_body, Some(1 << 20));
    reads_back(&plan);
}

#[test]
fn short_forms_mean_their_tables() {
    let plan = good(&MINIMAL.replace(
        "servers =",
        "check = \"off\"\nejection = false\nsticky = \"sid\"\npool = false\nbalance = \"consistent_hash\"\nservers =",
    ));
    let app = &plan.upstreams[0];
    assert_eq!(app.check, None);
    assert_eq!(
        (app.ejection.consecutive_failures, app.ejection.failure_rate),
        (None, None)
    );
    assert_eq!(app.sticky.as_ref().unwrap().cookie, "sid");
    assert_eq!(app.pool.size, 0);
    assert_eq!(app.hash_key, HashKey::Ip);
    reads_back(&plan);
    let plan = good(&MINIMAL.replace("servers =", "check = \"http\"\nservers ="));
    assert!(
        matches!(&plan.upstreams[0].check.as_ref().unwrap().kind, CheckKind::Http { path, .. } if path == "/")
    );
}

#[test]
fn an_idle_control_socket_goes_where_the_user_may_write() {
    let env = |name: &str| (name == "XDG_RUNTIME_DIR").then(|| "/run/user/1000".to_owned());
    let plan = Plan::load(MINIMAL, "test.toml", &env, &Overrides::default()).unwrap();
    assert_eq!(
        plan.admin.control.unwrap().to_str(),
        Some("/run/user/1000/ringfence.sock")
    );
}

#[test]
fn port_0_is_another_port_each_time() {
    let zero = MINIMAL.replace("8080", "0");
    let text = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n{zero}"
    );
    assert_eq!(good(&text).listeners.len(), 2);
}

#[test]
fn a_large_file_loads_in_moments() {
    let mut text = MINIMAL.to_owned();
    for at in 0..limits::ROUTES - 1 {
        text.push_str(&format!(
            "[[route]]\nhost = \"h{}.example.com\"\npath = \"/p{at}/*\"\nupstream = \"app\"\n",
            at % 100
        ));
    }
    let start = std::time::Instant::now();
    let plan = good(&text);
    assert_eq!(plan.routes.len(), limits::ROUTES);
    assert_eq!(
        plan.routes[0].retry,
        Retry {
            ..plan.routes[9].retry.clone()
        }
    );
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}
