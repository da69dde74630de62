//! What is compressed, as the file says it: every key of `[route.compress]`.

use ringfence_config::{CompressRules, ConfigError, ContentCoding, Overrides, Plan, limits};

fn load(text: &str) -> Result<Plan, ConfigError> {
    Plan::load(text, "test.toml", &|_| None, &Overrides::default())
}

/// What a route with these keys compresses. Its plan says the same after it was written out.
fn compress(keys: &str) -> Option<CompressRules> {
    let text = format!(
        "[[listener]]\naddress = \"127.0.0.1:8080\"\n[upstream.app]\nservers = \"127.0.0.1:3001\"\n[[route]]\nupstream = \"app\"\n{keys}\n"
    );
    let plan = load(&text).unwrap_or_else(|error| panic!("{}", error.render(false)));
    let text = plan.effective();
    let again = load(&text).unwrap_or_else(|error| panic!("{}\n{text}", error.render(false)));
    assert_eq!(again, plan, "{text}");
    assert_eq!(again.effective(), text);
    plan.routes[0].compress.as_deref().cloned()
}

#[test]
fn nothing_is_compressed_unless_the_file_says_so() {
    assert_eq!(compress(""), None);
    assert_eq!(compress("compress = false"), None);
}

#[test]
fn true_means_an_empty_table() {
    let rules = compress("compress = true").unwrap();
    assert_eq!(Some(&rules), compress("[route.compress]").as_ref());
    assert_eq!(rules.codings, ContentCoding::ALL);
    assert_eq!(rules.min_size, 1024);
    assert_eq!(
        rules.types.len(),
        limits::COMPRESS_TYPES.len(),
        "all can be read"
    );
    for kind in [
        "text/html; charset=utf-8",
        "application/json",
        "application/ld+json",
        "image/svg+xml",
        "application/wasm",
    ] {
        assert!(rules.covers(kind.as_bytes()), "{kind}");
    }
    for kind in [
        "image/png",
        "application/zip",
        "application/octet-stream",
        "video/mp4",
        "font/woff2",
    ] {
        assert!(!rules.covers(kind.as_bytes()), "{kind}");
    }
}

#[test]
fn every_key_reaches_the_plan() {
    let rules = compress(
        "compress = { codings = [\"gzip\", \"br\"], types = \"Text/CSS\", min_size = \"4KiB\" }",
    );
    let rules = rules.unwrap();
    assert_eq!(rules.codings, [ContentCoding::Gzip, ContentCoding::Brotli]);
    assert_eq!(rules.min_size, 4096);
    assert!(rules.covers(b"text/css") && !rules.covers(b"text/html"));
    let many: Vec<String> = (0..limits::COMPRESS_MOST_TYPES)
        .map(|at| format!("\"a/{at}\""))
        .collect();
    let most = compress(&format!("compress.types = [{}]", many.join(",")));
    assert_eq!(most.unwrap().types.len(), limits::COMPRESS_MOST_TYPES);
}
