//! The house's own laws, held by reading the sources: which crate may name which, no import circle
//! within a crate, minds without hands, `unsafe` in few rooms only, functions of readable length.

mod imports;
mod sources;

use std::collections::BTreeSet;

use sources::{Member, Source, idents, members};

/// What each crate may name of ours, and nothing else: the arrows of the design.
const ARROWS: &[(&str, &[&str])] = &[
    ("ringfence-http", &[]),
    ("ringfence-config", &["http"]),
    ("ringfence-balance", &["http", "config"]),
    ("ringfence-cache", &["config", "http"]),
    ("ringfence-coding", &["config", "http"]),
    ("ringfence-telemetry", &["http", "config"]),
    ("ringfence-io", &["http", "config"]),
    (
        "ringfence-proxy",
        &[
            "http",
            "config",
            "balance",
            "cache",
            "coding",
            "telemetry",
            "io",
        ],
    ),
    (
        "ringfence-control",
        &["http", "config", "balance", "cache", "telemetry", "io"],
    ),
    (
        "ringfence",
        &[
            "http",
            "config",
            "balance",
            "telemetry",
            "io",
            "proxy",
            "control",
        ],
    ),
    (
        "ringfence-bench",
        &[
            "http",
            "config",
            "balance",
            "cache",
            "telemetry",
            "io",
            "proxy",
            "floor",
            "gate",
        ],
    ),
    ("ringfence-floor", &[]),
    (
        "ringfence-gate",
        &["config", "balance", "telemetry", "io", "proxy"],
    ),
    ("ringfence-tests", &["bench"]),
];

/// The crates that take bytes, a plan and `now`, and touch nothing.
const MINDS: &[&str] = &[
    "ringfence-http",
    "ringfence-config",
    "ringfence-balance",
    "ringfence-cache",
    "ringfence-coding",
    "ringfence-telemetry",
];

/// The crates that may name the ring and be `unsafe`: the product's one room for it, and the relays beside the product
/// that show what the ring alone costs.
const RING_ROOMS: &[&str] = &["ringfence-io", "ringfence-floor"];

/// The longest function that is allowed, in lines. Models of the field keep 98 in 100 under 70.
const LONGEST_FUNCTION: usize = 100;

#[test]
fn crates_name_only_what_the_design_allows() {
    for member in members() {
        let allowed = ARROWS.iter().find(|(name, _)| *name == member.name);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{} has no arrows", member.name));
        for dependency in member.own_dependencies() {
            let fine = allowed
                .iter()
                .any(|name| dependency == format!("ringfence-{name}"));
            assert!(fine, "{} may not name {dependency}", member.name);
        }
    }
}

#[test]
fn every_member_has_a_comment_over_it() {
    let manifest = std::fs::read_to_string(ringfence_tests::tools::root().join("Cargo.toml"));
    let manifest = manifest.expect("the workspace's manifest");
    let list = manifest
        .split("members = [")
        .nth(1)
        .expect("members")
        .split("\n]")
        .next();
    let lines: Vec<&str> = list.expect("a list").lines().map(str::trim).collect();
    for pair in lines.windows(2).filter(|pair| pair[1].starts_with('"')) {
        assert!(
            pair[0].starts_with("# "),
            "{} has no comment over it",
            pair[1]
        );
    }
}

#[test]
fn no_import_circle_inside_a_crate() {
    let mut circles = Vec::new();
    for member in members() {
        let found = imports::circles(&member);
        circles.extend(
            found
                .into_iter()
                .map(|circle| format!("{}: {circle}", member.name)),
        );
    }
    assert!(
        circles.is_empty(),
        "import circles:\n{}",
        circles.join("\n")
    );
}

#[test]
fn unsafe_lives_in_the_rings_rooms_and_says_why() {
    for member in members() {
        for source in member.sources() {
            let lines: Vec<&str> = source.text.lines().collect();
            for (word, line) in idents(&source.whole())
                .iter()
                .filter(|(word, _)| word == "unsafe")
            {
                let place = format!("{}:{line}: {word}", source.path.display());
                assert!(RING_ROOMS.contains(&member.name.as_str()), "{place}");
                let above = &lines[line.saturating_sub(10)..*line];
                let said = above
                    .iter()
                    .any(|text| text.to_lowercase().contains("safety"));
                assert!(said, "{place} does not say why it is sound");
            }
        }
    }
}

#[test]
fn minds_have_no_hands() {
    let hands = [
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "UnixStream",
        "UnixListener",
        "UnixDatagram",
        "ToSocketAddrs",
        "Instant",
        "tokio",
        "monoio",
        "OpenOptions",
    ];
    let rooms = ["fs", "thread", "process", "env"];
    for member in members()
        .iter()
        .filter(|member| MINDS.contains(&member.name.as_str()))
    {
        for source in member.sources().iter().filter(|source| !source.is_test) {
            let found = idents(&source.product());
            for (at, (word, line)) in found.iter().enumerate() {
                // A type may be named that only reading the clock makes a hand.
                let reads_clock =
                    word == "SystemTime" && found.get(at + 1).is_some_and(|(w, _)| w == "now");
                let after_std = at > 0 && found[at - 1].0 == "std";
                let hand = reads_clock
                    || hands.contains(&word.as_str())
                    || after_std && rooms.contains(&word.as_str());
                assert!(
                    !hand,
                    "a mind with a hand: {}:{line}: {word}",
                    source.path.display()
                );
            }
        }
    }
}

#[test]
fn the_ring_is_named_in_its_rooms_only() {
    let rings = ["monoio", "io_uring", "io-uring"];
    for member in members()
        .iter()
        .filter(|member| !RING_ROOMS.contains(&member.name.as_str()))
    {
        for dependency in member.dependencies() {
            assert!(
                !rings.contains(&dependency.as_str()),
                "{}: {dependency}",
                member.name
            );
        }
        for source in member.sources() {
            // Only a path or an import names the crate; a word such as the driver's is free.
            for word in source.foreign_crates() {
                assert!(
                    !rings.contains(&word.as_str()),
                    "{}: {word}",
                    source.path.display()
                );
            }
        }
    }
}

#[test]
fn no_lock_on_the_request_path() {
    let locks = ["Mutex", "RwLock", "Condvar"];
    for member in members()
        .iter()
        .filter(|member| member.name == "ringfence-proxy")
    {
        for source in member.sources().iter().filter(|source| !source.is_test) {
            let found = idents(&source.product());
            let lock = found
                .iter()
                .find(|(word, _)| locks.contains(&word.as_str()));
            assert!(lock.is_none(), "{}: {lock:?}", source.path.display());
        }
    }
}

#[test]
fn functions_are_of_readable_length() {
    let all: Vec<(usize, String)> = members()
        .iter()
        .flat_map(Member::sources)
        .flat_map(|source| source.functions())
        .collect();
    let long: BTreeSet<_> = all
        .iter()
        .filter(|(lines, _)| *lines > LONGEST_FUNCTION)
        .collect();
    assert!(
        long.is_empty(),
        "functions over {LONGEST_FUNCTION} lines: {long:#?}"
    );
    let over_70 = all.iter().filter(|(lines, _)| *lines > 70).count();
    let share = over_70 as f64 / all.len() as f64;
    assert!(
        share < 0.02,
        "{over_70} of {} functions are over 70 lines",
        all.len()
    );
}

#[test]
fn every_public_file_says_what_it_is() {
    for member in members() {
        for source in member.sources() {
            let opens = source.text.starts_with("//!");
            assert!(
                opens,
                "{} does not open with a sentence",
                source.path.display()
            );
        }
    }
}

/// Guards the scanner itself: it must find a circle where there is one.
#[test]
fn the_scanner_finds_a_circle() {
    let source = |name: &str, text: &str| Source::of(name, text);
    let crate_of = |a: &str, b: &str| {
        vec![
            source("lib.rs", "pub mod a; pub mod b; pub use a::Thing;"),
            source("a.rs", a),
            source("b.rs", b),
        ]
    };
    let circle = crate_of(
        "use crate::b::Other; pub struct Thing;",
        "use crate::Thing; pub struct Other;",
    );
    assert_eq!(imports::circles_of(&circle).len(), 1);
    let tree = crate_of("pub struct Thing;", "use crate::Thing; pub struct Other;");
    assert_eq!(imports::circles_of(&tree).len(), 0);
    let by_path = crate_of(
        "pub struct Thing; fn f() { super::b::g() }",
        "pub fn g() { let _ = crate::a::Thing; }",
    );
    assert_eq!(imports::circles_of(&by_path).len(), 1);
    let in_tests = crate_of(
        "pub struct Thing; #[cfg(test)] mod tests { use crate::b::Other; }",
        "use crate::Thing; pub struct Other;",
    );
    assert_eq!(imports::circles_of(&in_tests).len(), 0);
}
