//! The commands that start nothing, and what bad input gets.

use std::net::TcpListener;

use crate::support::{ended, file, fixed, ringfence, run};

#[test]
fn check_says_yes_or_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let good = file(dir.path(), "good.toml", &fixed(dir.path(), "x"));
    let (code, out, _) = run(&["check", "-c", &good]);
    assert_eq!(code, 0);
    assert!(out.contains("1 listener, 1 route, 0 upstreams"), "{out}");

    let bad = file(
        dir.path(),
        "bad.toml",
        "[[listener]]\naddres = \"127.0.0.1:0\"\n",
    );
    let (code, _, err) = run(&["check", "-c", &bad]);
    assert_eq!(code, 1);
    for words in ["bad.toml", "addres", "address", "2"] {
        assert!(err.contains(words), "no {words:?} in {err}");
    }
    assert!(!err.contains('\u{1b}'), "colour without a terminal: {err}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display().to_string();
    let missing = format!("{path}/missing.toml");
    for (file, reason) in [(&missing, "No such file"), (&path, "Is a directory")] {
        for command in ["check", "run", "config", "reload", "stop"] {
            let (code, _, err) = run(&[command, "-c", file]);
            assert_eq!(code, 1, "{command}: {err}");
            assert!(
                err.contains(file.as_str()) && err.contains(reason),
                "{command}: {err}"
            );
        }
    }
    let bytes = dir.path().join("latin1.toml");
    std::fs::write(&bytes, b"# caf\xe9").unwrap();
    let (code, _, err) = run(&["check", "-c", bytes.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(err.contains("UTF-8"), "{err}");
}

#[test]
fn the_effective_configuration_is_one_and_shows_flags_and_variables() {
    let dir = tempfile::tempdir().unwrap();
    let text = fixed(dir.path(), "${GREETING:-hello}");
    let path = file(dir.path(), "ringfence.toml", &text);
    let mut command = ringfence(&["config", "-c", &path, "--effective", "--backlog", "77"]);
    command
        .env("GREETING", "ahoy")
        .env("RINGFENCE_WORKERS", "3");
    let (code, out, err) = ended(command.output().unwrap());
    assert_eq!(code, 0, "{err}");
    for words in ["ahoy", "backlog = 77", "count = 3", "keep_alive"] {
        assert!(out.contains(words), "no {words:?} in {out}");
    }
    let effective = file(dir.path(), "effective.toml", &out);
    let (code, again, err) = run(&["config", "-c", &effective, "--effective"]);
    assert_eq!((code, again), (0, out), "{err}");
}

#[test]
fn the_outline_shows_listeners_routes_and_upstreams() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[[listener]]\naddress = \"127.0.0.1:8080\"\n[[route]]\nname = \"all\"\nupstream = \"app\"\n\
                [upstream.app]\nservers = [\"127.0.0.1:1\", { address = \"127.0.0.1:2\", weight = 3 }]\n";
    let path = file(dir.path(), "ringfence.toml", text);
    let (code, out, err) = run(&["config", "-c", &path]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        out,
        "listener 127.0.0.1:8080\nroute all: upstream app\n\
         upstream app: round_robin over 127.0.0.1:1, 127.0.0.1:2 (weight 3); checked by connecting\n"
    );
}

#[test]
fn the_schema_is_json() {
    let (code, out, _) = run(&["schema"]);
    assert_eq!(code, 0);
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(schema["properties"]["listener"].is_object(), "{schema}");
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, out, _) = run(&["completions", shell]);
        assert_eq!(code, 0);
        assert!(
            out.contains("reload") && out.contains("ring-entries"),
            "{shell}"
        );
    }
}

#[test]
fn a_bad_command_line_is_exit_2_with_a_suggestion() {
    for (line, words) in [
        ("chek", "check"),
        ("run --workes 2", "--workers"),
        ("run --workers 0", "workers"),
        ("run --driver io-uring", "io_uring"),
        ("run --cpus 3-1", "backwards"),
        (
            "proxy --from 127.0.0.1:0 --to 127.0.0.1:1 --balance roundrobin",
            "round_robin",
        ),
        ("proxy --from nowhere --to 127.0.0.1:1", "--from"),
        ("proxy --from 127.0.0.1:0 --to 127.0.0.1:99999", "--to"),
        ("proxy --from 127.0.0.1:0", "--to"),
        ("stop --timeout soon", "seconds"),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let (code, out, err) = run(&args);
        assert_eq!((code, out.as_str()), (2, ""), "{line}: {err}");
        assert!(err.contains(words), "{line}: no {words:?} in {err}");
    }
}

#[test]
fn a_flag_out_of_bounds_is_exit_2() {
    let line = [
        "proxy",
        "--from",
        "127.0.0.1:0",
        "--to",
        "127.0.0.1:1",
        "--backlog",
        "99999999",
    ];
    let (code, _, err) = run(&line);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("backlog"), "{err}");
}

#[test]
fn a_cpu_that_is_not_ours_is_named() {
    let line = [
        "proxy",
        "--from",
        "127.0.0.1:0",
        "--to",
        "127.0.0.1:1",
        "--admin",
        "off",
        "--cpus",
        "4000",
    ];
    let (code, _, err) = run(&line);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("CPU 4000"), "{err}");
}

#[test]
fn a_port_in_use_is_named_with_a_way_out() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    for (line, hint) in [
        (vec!["demo", "--from", &address], "--from"),
        (
            vec!["proxy", "--from", &address, "--to", "127.0.0.1:1"],
            "--from",
        ),
        (
            vec![
                "proxy",
                "--from",
                "127.0.0.1:0",
                "--to",
                "127.0.0.1:1",
                "--admin",
                &address,
            ],
            "--admin",
        ),
    ] {
        let (code, _, err) = run(&line);
        assert_eq!(code, 1, "{line:?}: {err}");
        assert!(
            err.contains(&address) && err.contains(hint),
            "{line:?}: {err}"
        );
    }
}

#[test]
fn an_address_of_another_machine_is_refused() {
    let (code, _, err) = run(&["proxy", "--from", "192.0.2.1:8080", "--to", "127.0.0.1:1"]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("192.0.2.1:8080"), "{err}");
}

#[test]
fn reload_and_stop_say_that_nobody_answers() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("nobody.sock").display().to_string();
    for command in ["reload", "stop"] {
        let (code, _, err) = run(&[command, "--control", &socket]);
        assert_eq!(code, 1, "{err}");
        assert!(err.contains(&socket), "{err}");
        let (code, _, err) = run(&[command, "--control", "off"]);
        assert_eq!(code, 1);
        assert!(err.contains("SIG"), "{err}");
    }
}
