//! Two network namespaces joined by a cable of their own, and faults on it. Needs root.
//!
//! The balancer runs on side `a` (10.77.0.1), servers on side `b` (10.77.0.2). Faults strike what
//! reaches side `b`. Nothing leaves the machine.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::tools::{need, run_well};

/// The address of the balancer's side.
pub const SIDE_A: [u8; 4] = [10, 77, 0, 1];
/// The address of the servers' side.
pub const SIDE_B: [u8; 4] = [10, 77, 0, 2];

/// The two namespaces; removed when dropped.
#[derive(Debug)]
pub struct Cable {
    name: String,
}

impl Cable {
    /// Lays a cable. `None`, with a message, where this user may not; in CI that is a failure.
    #[track_caller]
    pub fn lay() -> Option<Cable> {
        if !rustix::process::geteuid().is_root() {
            assert!(
                std::env::var_os("CI").is_none(),
                "network namespaces need root"
            );
            println!("skipped: network namespaces need root");
            return None;
        }
        let cable = Cable {
            name: format!("rf{}", std::process::id()),
        };
        let (a, b, link_a, link_b) = (cable.a(), cable.b(), cable.link('a'), cable.link('b'));
        for namespace in [&a, &b] {
            ip(&["netns", "add", namespace]);
        }
        ip(&[
            "link", "add", &link_a, "netns", &a, "type", "veth", "peer", "name", &link_b, "netns",
            &b,
        ]);
        for (namespace, link, address) in
            [(&a, &link_a, "10.77.0.1/24"), (&b, &link_b, "10.77.0.2/24")]
        {
            ip(&["-n", namespace, "addr", "add", address, "dev", link]);
            ip(&["-n", namespace, "link", "set", "lo", "up"]);
            ip(&["-n", namespace, "link", "set", link, "up"]);
        }
        cable.nft("add table inet f");
        cable.nft("add chain inet f i { type filter hook input priority 0; }");
        Some(cable)
    }

    /// The namespace of the balancer.
    pub fn a(&self) -> String {
        format!("{}-a", self.name)
    }

    /// The namespace of the servers.
    pub fn b(&self) -> String {
        format!("{}-b", self.name)
    }

    fn link(&self, side: char) -> String {
        format!("v{}{side}", self.name)
    }

    /// Drops that share of all packets, in per cent.
    pub fn loses(&self, percent: u32) {
        self.nft(&format!(
            "add rule inet f i numgen random mod 1000 < {} drop",
            percent * 10
        ));
    }

    /// Drops everything for one port in silence.
    pub fn swallows(&self, port: u16) {
        self.nft(&format!("add rule inet f i tcp dport {port} drop"));
    }

    /// Answers everything for one port with a reset.
    pub fn resets(&self, port: u16) {
        self.nft(&format!(
            "add rule inet f i tcp dport {port} reject with tcp reset"
        ));
    }

    /// Pulls the plug.
    pub fn is_pulled(&self) {
        ip(&["-n", &self.b(), "link", "set", &self.link('b'), "down"]);
    }

    /// Ends every fault.
    pub fn heals(&self) {
        self.nft("flush chain inet f i");
        ip(&["-n", &self.b(), "link", "set", &self.link('b'), "up"]);
        ip(&["-n", &self.a(), "neigh", "flush", "dev", &self.link('a')]);
    }

    fn nft(&self, rule: &str) {
        let mut command = Command::new(need("ip"));
        run_well(
            command.args(["netns", "exec", &self.b(), "nft", rule]),
            Duration::from_secs(10),
        );
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for namespace in [self.a(), self.b()] {
            let _ = Command::new("ip")
                .args(["netns", "del", &namespace])
                .status();
        }
    }
}

/// Runs `what` on a thread inside a namespace; sockets that it makes stay there.
pub fn inside<T: Send + 'static>(namespace: &str, what: impl FnOnce() -> T + Send + 'static) -> T {
    let path = format!("/run/netns/{namespace}");
    let thread = std::thread::spawn(move || {
        let file = File::open(&path).expect("the namespace's file");
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("enter it");
        what()
    });
    thread.join().expect("what runs inside ends well")
}

fn ip(args: &[&str]) {
    run_well(Command::new(need("ip")).args(args), Duration::from_secs(10));
}
