//! Runs every committed input through its target. An input that breaks a promise fails the test and
//! is named.

use std::fs;
use std::panic;
use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut count = 0;
    for entry in fs::read_dir(&corpus).expect("the corpus is committed") {
        let path = entry.expect("a readable directory").path();
        let input = fs::read(&path).expect("a readable file");
        let result = panic::catch_unwind(|| run(&input));
        assert!(result.is_ok(), "{target} fails on {}", path.display());
        count += 1;
    }
    assert!(count >= 10, "{target}: {count} inputs are no corpus");
}

#[test]
fn request_head() {
    replay("request_head", ringfence_fuzz::request_head);
}

#[test]
fn response_head() {
    replay("response_head", ringfence_fuzz::response_head);
}

#[test]
fn chunked_body() {
    replay("chunked_body", ringfence_fuzz::chunked_body);
}

#[test]
fn config_text() {
    replay("config_text", ringfence_fuzz::config_text);
}

#[test]
fn head_vs_oracle() {
    replay("head_vs_oracle", ringfence_fuzz::head_vs_oracle);
}

#[test]
fn caching() {
    replay("caching", ringfence_fuzz::caching);
}

#[test]
fn vary() {
    replay("vary", ringfence_fuzz::vary);
}

#[test]
fn range() {
    replay("range", ringfence_fuzz::range);
}

#[test]
fn targeted() {
    replay("targeted", ringfence_fuzz::targeted);
}
