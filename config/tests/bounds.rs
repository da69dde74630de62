//! No text makes loading panic, overflow the stack or take long.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use ringfence_config::{Overrides, Plan, limits};

fn load(text: &str) -> Result<Plan, String> {
    let env = |name: &str| (name == "A").then(|| "one".to_owned());
    Plan::load(text, "test.toml", &env, &Overrides::default()).map_err(|error| {
        assert!(!error.diagnostics().is_empty());
        assert!(error.diagnostics().len() <= limits::DIAGNOSTICS);
        assert!(!error.render(true).is_empty());
        error.to_string() + &error.render(false)
    })
}

/// Loads on a small stack, as a thread may have, and in bounded time.
fn refused(text: String) -> String {
    let start = Instant::now();
    let loading = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || load(&text));
    let error = loading.unwrap().join().unwrap().unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
    error
}

#[test]
fn too_long_a_text_is_refused_unread() {
    assert!(refused("x".repeat(limits::TEXT + 1)).contains("bytes long"));
}

#[test]
fn deep_texts_do_not_overflow_the_stack() {
    refused(format!("a = {}", "[".repeat(1_000_000)));
    refused(format!("a = {}{}", "[".repeat(70), "]".repeat(70)));
    refused(format!("[{}]", ["a"; 100_000].join(".")));
    refused(format!("{} = 1", ["a"; 79].join(".")));
    let keys = ["a"; 79].join(".");
    refused(format!(
        "{}1{}",
        format!("{keys} = {{").repeat(70),
        "}".repeat(70)
    ));
    refused(format!(
        "{keys} = {}1{}",
        format!("{{ {keys} = ").repeat(70),
        "}".repeat(70)
    ));
}

#[test]
fn many_mistakes_are_counted_not_shown() {
    let routes = "[[route]]\nupstream = \"nowhere\"\npath = \"/x\"\n".repeat(limits::ROUTES);
    let error = refused(format!(
        "[[listener]]\naddress = \"127.0.0.1:1\"\n[upstream.app]\nservers = \"a:1\"\n{routes}"
    ));
    assert!(error.contains("more"), "{error}");
    refused("[[route]]\n".repeat(200_000));
    refused("[[route]]\nweight = 1\n".repeat(200_000));
    refused((0..500_000).map(|at| format!("k{at} = 1\n")).collect());
    refused("= \n".repeat(1_000_000));
    refused(format!(
        "[upstream.a]\nservers = [{}]",
        "\"a:1\",".repeat(500_000)
    ));
}

#[test]
fn many_alternatives_at_one_path_are_refused() {
    let route = |at| format!("[[route]]\nheaders = {{ x = \"{at}\" }}\nupstream = \"app\"\n");
    let routes: String = (0..5_000).map(route).collect();
    let text = format!(
        "[[listener]]\naddress = \"127.0.0.1:1\"\n[upstream.app]\nservers = \"a:1\"\n{routes}"
    );
    assert!(refused(text).contains("too many routes differ only in methods and headers"));
}

#[test]
fn many_sets_of_statuses_are_compared_in_moments() {
    let sets: String = (400..432).map(|at| format!("{at}=0,")).collect();
    let route = format!("[[route]]\nupstream = \"app\"\ncache.ttl = {{{sets}}}\n");
    refused(route.repeat(limits::ROUTES));
    let same = "100-599,".repeat(500);
    let sets: String = (100..132).map(|at| format!("\"{same}{at}\"=0,")).collect();
    let route = format!("[[route]]\nupstream = \"app\"\ncache.ttl = {{{sets}}}\n");
    refused(route.repeat(limits::TEXT / route.len()));
}

/// Pieces that a configuration is made of, right and wrong.
fn piece() -> impl Strategy<Value = String> {
    let words = vec![
        "[[route]]",
        "[[listener]]",
        "[upstream.app]",
        "[upstream.b]",
        "[workers]",
        "[timeouts]",
        "[limits]",
        "[retry]",
        "[cache]",
        "[route.cache]",
        "[[warm]]",
        "urls",
        "sitemap",
        "[admin]",
        "[route]",
        "address",
        "upstream",
        "servers",
        "path",
        "host",
        "methods",
        "headers",
        "redirect",
        "respond",
        "strip_prefix",
        "replace_prefix",
        "retry",
        "cache",
        "ttl",
        "types",
        "tags",
        "purges",
        "bypass",
        "key",
        "query",
        "keep",
        "drop",
        "per_user",
        "methods",
        "timeouts",
        "check",
        "ejection",
        "sticky",
        "pool",
        "queue",
        "balance",
        "hash_key",
        "weight",
        "count",
        "cpus",
        "connect",
        "max_body",
        "name",
        "request_headers",
        "set",
        "add",
        "remove",
        "status",
        "to",
        "from",
        "backup",
        "=",
        "=",
        "=",
        "\n",
        "\n",
        "\n",
        "{",
        "}",
        "[",
        "]",
        ",",
        ".",
        "true",
        "false",
        "1",
        "-1",
        "1.5",
        "nan",
        "1979-05-27",
        "99999999999999999999",
        "\"127.0.0.1:80\"",
        "\"app\"",
        "\"/a/{b}/*\"",
        "\"10s\"",
        "\"off\"",
        "\"${A}\"",
        "\"${B}\"",
        "\"$${\"",
        "\"${\"",
        "\"é\\u0000\"",
        "\"GET\"",
        "\"5xx\"",
        "\"image/*\"",
        "\"utm_*\"",
        "\"ignore\"",
        "'''",
        "#",
        "listener = [{ address = \"127.0.0.1:1\" }]\n",
        "route = [{ upstream = \"app\" }]\n",
        "upstream.app.servers = \"a:1\"\n",
    ];
    prop::sample::select(words).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn arbitrary_text_never_panics(text in "(?s).{0,200}") {
        let _ = load(&text);
    }

    #[test]
    fn shuffled_pieces_never_panic(pieces in prop::collection::vec(piece(), 0..40)) {
        if let Ok(plan) = load(&pieces.join(" ")) {
            let again = load(&plan.effective());
            prop_assert_eq!(again.as_ref(), Ok(&plan));
        }
    }

    #[test]
    fn broken_files_never_panic(cut in any::<prop::sample::Index>(), piece in piece(), width in 0_usize..20) {
        let text = include_str!("../examples/full.toml");
        let mut start = cut.index(text.len());
        while !text.is_char_boundary(start) { start -= 1; }
        let mut end = (start + width).min(text.len());
        while !text.is_char_boundary(end) { end += 1; }
        if let Ok(plan) = load(&format!("{}{piece}{}", &text[..start], &text[end..])) {
            let again = load(&plan.effective());
            prop_assert_eq!(again.as_ref(), Ok(&plan));
        }
    }
}
