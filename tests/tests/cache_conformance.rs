//! The public HTTP caching suite (`http-cache-tests`), run against the binary where the shared conformance tools lie
//! beside the checkout, as those of `conformance.rs` are. `tests/conformance/cache.toml` has the score and every test
//! that does not pass with the reason for it; both must be exactly what a run finds.
//!
//! Nearly all tests pause for three seconds between two requests, and the outcome of some hangs on the clock besides:
//! those that want a hit within `max-age=2` (`304-etag-update-response-*`, `cc-resp-must-revalidate-stale`) fail where the
//! machine stops for two seconds, and those of Age (`other-age-*`) where a second is counted short. So the suite has the
//! machine for itself, and a run that is not as committed is repeated once: what counts is what both have found.
//!
//! `SUITE_DIR` names another version of the suite, such as a checkout in which its packages are installed. Of that the score
//! is printed, and nothing is expected:
//!
//! ```text
//! SUITE_DIR=$PWD/../cache-tests cargo nextest run -p ringfence-tests --test cache_conformance --no-capture
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ringfence_tests::tools::{cache_suite, conformance, free_address, need, root, run, run_well};
use ringfence_tests::{Ringfence, TempDir};
use serde_json::Value;

/// How long the suite's client may take, which needs 15 seconds (later versions a minute) and waits for an answer for ever.
const CLIENT_LIMIT: Duration = Duration::from_secs(90);

/// How long a run may take, with the start of the suite's origin.
const LIMIT: Duration = Duration::from_secs(140);

#[test]
fn caching_suite_finds_what_is_committed() {
    let Some(tools) = conformance().map(|dir| dir.join("cache")) else {
        println!("skipped: the runner is not beside the checkout (see RINGFENCE_CONFORMANCE)");
        return;
    };
    if let Some(other) = std::env::var_os("SUITE_DIR").map(PathBuf::from) {
        println!("{}", Score::of_a_run(&tools, &other));
        return;
    }
    let committed = Committed::read();
    committed.expect_version_of(&cache_suite());
    let mut found = committed.differences(&Score::of_a_run(&tools, &cache_suite()));
    if !found.is_empty() {
        println!("once more, because of:\n{}", lines(&found));
        let again = committed.differences(&Score::of_a_run(&tools, &cache_suite()));
        found.retain(|about, _| again.contains_key(about));
    }
    assert!(
        found.is_empty(),
        "not as tests/conformance/cache.toml has it:\n{}",
        lines(&found)
    );
}

/// What is committed.
struct Committed {
    suite: String,
    /// Tests that pass, by kind.
    passing: BTreeMap<&'static str, usize>,
    failing: BTreeSet<String>,
}

impl Committed {
    fn read() -> Committed {
        let path = root().join("tests/conformance/cache.toml");
        let text = std::fs::read_to_string(path).expect("the committed score");
        let table: toml::Table = text.parse().expect("TOML");
        let passing = |kind| table[kind].as_integer().and_then(|n| n.try_into().ok());
        let groups = table["failing"].as_array().expect("groups");
        let ids = groups.iter().flat_map(|group| {
            assert!(group["reason"].is_str(), "{group} has no reason");
            group["ids"].as_array().expect("ids")
        });
        let ids: Vec<&str> = ids.map(|id| id.as_str().expect("an id")).collect();
        let failing: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(failing.len(), ids.len(), "a test is listed twice");
        Committed {
            suite: table["suite"].as_str().expect("a version").to_string(),
            passing: Score::COUNTED
                .map(|kind| (kind, passing(kind).expect("a number of tests")))
                .into(),
            failing,
        }
    }

    /// Panics where the score is of another version of the suite than is installed.
    fn expect_version_of(&self, suite: &Path) {
        let text = std::fs::read_to_string(suite.join("package.json")).expect("a package");
        let package: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(package["version"], self.suite, "the suite's version");
    }

    /// What is not as committed: by the test or the number that it is about.
    fn differences(&self, score: &Score) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for test in &score.tests {
            let text = match (test.is_wanting(), self.failing.contains(&test.id)) {
                (true, false) => test.to_string(),
                (false, true) => format!("{} passes: take it off the list", test.id),
                _ => continue,
            };
            all.insert(test.id.clone(), text);
        }
        let known: BTreeSet<&String> = score.tests.iter().map(|test| &test.id).collect();
        for id in self.failing.iter().filter(|id| !known.contains(id)) {
            all.insert(
                id.clone(),
                format!("{id} is listed, but no such test is run"),
            );
        }
        // The list is what a run is held against; the number follows from it.
        for (kind, committed) in &self.passing {
            let of_kind = score.tests.iter().filter(|test| test.kind == *kind);
            let left = of_kind.filter(|t| !self.failing.contains(&t.id)).count();
            if left != *committed {
                let text = format!("{kind} = {committed}, but the list leaves {left} to pass");
                all.insert((*kind).to_string(), text);
            }
        }
        all
    }
}

/// What one run has found.
struct Score {
    tests: Vec<Test>,
}

/// What one run has found of one test.
struct Test {
    id: String,
    /// `required`, `optimal` or `check`: the last are questions with no wrong answer.
    kind: String,
    verdict: String,
    why: String,
}

impl Score {
    /// The kinds of tests that can be failed.
    const COUNTED: [&'static str; 2] = ["required", "optimal"];

    /// Runs the suite against a cache of its own, and has the suite's own rule applied to the results.
    fn of_a_run(tools: &Path, suite: &Path) -> Score {
        let suite = suite.canonicalize().expect("the suite");
        let dir = TempDir::new();
        let results = dir.path().join("results.json");
        let origin = free_address().port();
        let ringfence = Ringfence::start(&config(origin));
        need("curl");
        let mut runner = Command::new("bash");
        runner
            .arg(tools.join("run-cache-tests.sh"))
            .arg(format!("http://{}", ringfence.address()))
            .arg(&results)
            .env("SUITE_DIR", &suite)
            .env("ORIGIN_PORT", origin.to_string())
            .env("LIMIT_S", CLIENT_LIMIT.as_secs().to_string());
        let said = run(&mut runner, LIMIT).stderr;
        let size = std::fs::metadata(&results).map_or(0, |file| file.len());
        let said = String::from_utf8_lossy(&said);
        assert!(size > 0, "the suite ended without results: {said}");
        Score::parse(&scored(tools, &suite, &results))
    }

    fn parse(json: &str) -> Score {
        let json: Value = serde_json::from_str(json).expect("the scorer's JSON");
        let tests = json[0]["tests"].as_array().expect("tests");
        let text = |test: &Value, key: &str| test[key].as_str().expect(key).to_string();
        let read = |test: &Value| Test {
            id: text(test, "id"),
            kind: text(test, "kind"),
            verdict: text(test, "verdict"),
            why: text(test, "why"),
        };
        Score {
            tests: tests.iter().map(read).collect(),
        }
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for test in self.tests.iter().filter(|test| test.is_wanting()) {
            writeln!(f, "{test}")?;
        }
        for kind in Score::COUNTED {
            let of_kind = || self.tests.iter().filter(|test| test.kind == kind);
            let passing = of_kind().filter(|test| test.passes()).count();
            writeln!(f, "{kind}: {passing} of {} pass", of_kind().count())?;
        }
        Ok(())
    }
}

impl Test {
    fn passes(&self) -> bool {
        matches!(self.verdict.as_str(), "pass" | "yes")
    }

    /// Whether it has to be on the list: it can be failed and does not pass, or it has come to no verdict, because what
    /// it builds on did not happen, or for want of an answer.
    fn is_wanting(&self) -> bool {
        match self.kind.as_str() {
            "check" => !matches!(self.verdict.as_str(), "yes" | "no" | "dependency_fail"),
            _ => !self.passes(),
        }
    }
}

impl std::fmt::Display for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Test {
            id, kind, verdict, ..
        } = self;
        write!(f, "{id} ({kind}): {verdict} {}", self.why)
    }
}

/// A cache before the suite's origin, which fails on purpose and must not be taken out for it.
fn config(origin: u16) -> String {
    format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[[route]]\nupstream = \"app\"\ncache = true\n\
         [upstream.app]\nservers = [\"127.0.0.1:{origin}\"]\ncheck = \"off\"\nejection = false\n"
    )
}

/// The results with a verdict for each test, in JSON. It goes through a file, because the scorer does not wait for a pipe
/// to take all of it.
fn scored(tools: &Path, suite: &Path, results: &Path) -> String {
    let scores = results.with_extension("scores");
    let mut scorer = Command::new("bash");
    scorer
        .args(["-c", "exec \"$0\" \"$1\" --json \"$2\" >\"$3\""])
        .arg(need("node"))
        .arg(tools.join("score.mjs"))
        .args([results, &scores])
        .env("SUITE_DIR", suite);
    run_well(&mut scorer, LIMIT);
    std::fs::read_to_string(scores).expect("the scores")
}

fn lines(found: &BTreeMap<String, String>) -> String {
    let all: Vec<&str> = found.values().map(String::as_str).collect();
    all.join("\n")
}
