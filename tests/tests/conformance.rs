//! The shared conformance tools, run against the binary where they lie beside the checkout (or where
//! `RINGFENCE_CONFORMANCE` says). Elsewhere these tests say so and pass.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use ringfence_tests::tools::{conformance, free_address, run, venv};
use ringfence_tests::{Ringfence, launch::suite_driver};

/// Checks of real clients that need no TLS.
const WITHOUT_TLS: u32 = 15;

const LIMIT: Duration = Duration::from_secs(240);

/// A balancer before an origin that the tool will start on the port that is given back.
fn ready(tool: &str) -> Option<(PathBuf, Ringfence, String)> {
    let Some(dir) = conformance() else {
        println!("skipped: {tool} is not beside the checkout (see RINGFENCE_CONFORMANCE)");
        return None;
    };
    let tool = dir.join(tool);
    assert!(tool.exists(), "{} is missing", tool.display());
    let port = free_address().port();
    let config = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[[route]]\nupstream = \"app\"\n\
         [upstream.app]\nservers = [\"127.0.0.1:{port}\"]\ncheck = \"off\"\nejection = false\n"
    );
    Some((tool, Ringfence::start(&config), port.to_string()))
}

/// The tool's output, whatever its end.
fn output_of(tool: &PathBuf, args: &[&str]) -> String {
    let mut command = Command::new(venv("python3"));
    let output = run(command.arg(tool).args(args), LIMIT);
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn real_clients_are_content() {
    let Some((tool, ringfence, origin)) = ready("env/real_clients.py") else {
        return;
    };
    let port = ringfence.address().port().to_string();
    let said = output_of(&tool, &["--http", &port, "--origin-port", &origin]);
    println!("{said}");
    let last = said
        .lines()
        .rev()
        .find(|line| line.contains(" passed, "))
        .unwrap_or_default();
    let passed: Option<u32> = last.split_whitespace().next().and_then(|n| n.parse().ok());
    assert!(
        last.contains(", 0 failed") && passed.is_some_and(|n| n >= WITHOUT_TLS),
        "{said}"
    );
    // What was left out must be what needs TLS, not a program that is missing.
    let left_out = said
        .lines()
        .filter(|line| line.starts_with("skip ") && line.contains("not installed"));
    assert_eq!(left_out.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn httpolice_finds_no_error() {
    let Some((tool, ringfence, origin)) = ready("http1/httpolice_check.py") else {
        return;
    };
    let port = ringfence.address().port().to_string();
    let said = output_of(&tool, &[&port, "--origin-port", &origin]);
    println!("driver {:?}\n{said}", suite_driver());
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains("added by the proxy: 0 errors"), "{said}");
}

#[test]
fn a_troubled_network_is_told_apart_from_a_troubled_server() {
    let Some(dir) = conformance() else {
        println!("skipped: env/chaos_proxy.py is not beside the checkout");
        return;
    };
    let tool = dir.join("env/chaos_proxy.py");
    // The tool speaks to 127.0.0.1 alone.
    let origin = ringfence_tests::Origin::kit_on("a", ([127, 0, 0, 1], 0).into());
    let (_, origin_port) = origin
        .address()
        .rsplit_once(':')
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .expect("a port");
    for (fault, expected) in [
        ("latency=20", 200..=200),
        ("slice=7", 200..=200),
        ("refuse=1", 502..=502),
        ("rst_after=1", 502..=502),
        ("fin_after=1", 502..=502),
        ("stall_after=10", 504..=504),
    ] {
        let port = free_address().port();
        let mut child = Command::new(venv("python3"))
            .arg(&tool)
            .args([&port.to_string(), &origin_port, fault])
            .spawn()
            .expect("start the trouble");
        // It is ready when it accepts, however busy the machine is.
        let ready = (0..400).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        assert!(ready, "{fault}: the trouble does not listen");
        let config = format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\n[[route]]\nupstream = \"app\"\n[upstream.app]\nservers = [\"127.0.0.1:{port}\"]\n\
             check = \"off\"\nejection = false\nretry = false\ntimeouts = {{ first_byte = \"1s\" }}\n"
        );
        let ringfence = Ringfence::start(&config);
        let status = ringfence.get("/bytes/100").status;
        let _ = child.kill();
        let _ = child.wait();
        assert!(expected.contains(&status), "{fault}: {status}");
    }
}
