//! What is kept, as the file says it: every key of `[cache]` and `[route.cache]`, and `purges`.

use std::sync::Arc;
use std::time::Duration;

use ringfence_config::{
    CacheLimits, CacheRules, ConfigError, KeyQuery, Origin, Overrides, PerUser, Plan, Route, Ttl,
};

fn load(text: &str) -> Result<Plan, ConfigError> {
    Plan::load(text, "test.toml", &|_| None, &Overrides::default())
}

/// The plan of a route that `keys` are given to, which says the same after it was written out.
fn plan(keys: &str, rest: &str) -> Plan {
    let text = format!(
        "[[listener]]\naddress = \"127.0.0.1:8080\"\n[upstream.app]\nservers = \"127.0.0.1:3001\"\n{rest}\n[[route]]\npath = \"/quests/{{id}}/*\"\nupstream = \"app\"\n{keys}\n"
    );
    let plan = load(&text).unwrap_or_else(|error| panic!("{}", error.render(false)));
    let text = plan.effective();
    let again = load(&text).unwrap_or_else(|error| panic!("{}\n{text}", error.render(false)));
    assert_eq!(again, plan, "{text}");
    assert_eq!(again.effective(), text);
    plan
}

fn route(keys: &str) -> Route {
    plan(keys, "").routes.remove(0)
}

fn rules(keys: &str) -> Arc<CacheRules> {
    let route = route(&format!("[route.cache]\n{keys}"));
    route.cache.expect("a table switches the cache on")
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn nothing_is_kept_unless_the_file_says_so() {
    assert_eq!(route("").cache, None);
    assert_eq!(route("cache = false").cache, None);
    assert_eq!(route("").purges, []);
    assert_eq!(
        plan("", "").cache,
        CacheLimits {
            size: 256 << 20,
            max_object: 16 << 20
        }
    );
}

#[test]
fn true_means_an_empty_table() {
    let short = route("cache = true").cache.unwrap();
    assert_eq!(short, rules(""));
    assert_eq!((&short.ttl, &short.types[..]), (&None, &[][..]));
    assert_eq!(short.origin, Origin::Respect);
    assert_eq!((&short.browser, &short.per_user), (&None, &None));
    assert!(short.bypass.is_empty() && short.tags.is_empty());
    assert_eq!((short.min_uses, short.max_object), (1, 16 << 20));
    assert!(short.head && !short.expose_tags);
    assert_eq!(short.key.query, KeyQuery::All);
    assert!(short.key.host && short.key.scheme && !short.key.device && !short.key.sort);
    assert!(short.key.headers.is_empty() && short.key.cookies.is_empty());
    let stale = [
        short.stale_while_revalidate,
        short.stale_if_error,
        short.serve_stale,
    ];
    assert_eq!(stale, [None; 3]);
}

#[test]
fn the_largest_object_is_the_routes_or_everybodys_or_the_whole_cache() {
    let limits = |keys: &str| plan("cache = true", &format!("[cache]\n{keys}"));
    let small = limits("size = \"1MiB\"");
    assert_eq!(
        (small.cache.size, small.cache.max_object),
        (1 << 20, 1 << 20)
    );
    assert_eq!(small.routes[0].cache.as_ref().unwrap().max_object, 1 << 20);
    let own = limits("size = \"2GiB\"\nmax_object = \"1GiB\"");
    assert_eq!((own.cache.size, own.cache.max_object), (2 << 30, 1 << 30));
    assert_eq!(own.routes[0].cache.as_ref().unwrap().max_object, 1 << 30);
    assert_eq!(rules("max_object = 0").max_object, 0);
    assert_eq!(rules("max_object = \"256MiB\"").max_object, 256 << 20);
}

#[test]
fn freshness_is_one_duration_or_one_for_each_set_of_statuses() {
    assert_eq!(
        rules("ttl = \"10y\"").ttl,
        Some(Ttl::Default(secs(315_360_000)))
    );
    assert_eq!(rules("ttl = 0").ttl, Some(Ttl::Default(secs(0))));
    let by_status = rules(
        "ttl = { 2xx = \"3s\", \"200\" = \"1s\", \"5xx, 404\" = \"4s\", \"200-203\" = \"2s\" }",
    );
    let shown: Vec<(String, u64)> = match &by_status.ttl {
        Some(Ttl::ByStatus(sets)) => sets
            .iter()
            .map(|(set, ttl)| (set.show(), ttl.as_secs()))
            .collect(),
        other => panic!("{other:?}"),
    };
    let wanted = [
        ("200", 1),
        ("200-203", 2),
        ("200-299", 3),
        ("500-599,404", 4),
    ];
    assert_eq!(shown, wanted.map(|(set, ttl)| (set.to_owned(), ttl)));
    let ttl = |status| by_status.ttl_of(status, None).map(|ttl| ttl.as_secs());
    assert_eq!(
        [200, 203, 204, 404, 503, 301].map(ttl),
        [Some(1), Some(2), Some(3), Some(4), Some(4), None]
    );
}

#[test]
fn sets_of_the_same_size_are_in_an_order_of_their_own() {
    let ttl = |sets: &str| rules(&format!("ttl = {{ {sets} }}")).ttl.clone();
    assert_eq!(
        ttl("5xx = \"1s\", 400-499 = \"2s\", \"404\" = \"3s\""),
        ttl("\"404\" = \"3s\", 4xx = \"2s\", 500-599 = \"1s\"")
    );
}

#[test]
fn freshness_by_type_takes_the_closest() {
    let rules = rules("ttl = \"1s\"\ntypes = { \"image/*\" = \"2s\", \"Image/SVG+xml\" = \"3s\" }");
    let ttl = |kind: &str| rules.ttl_of(200, Some(kind.as_bytes())).unwrap().as_secs();
    assert_eq!(ttl("image/svg+xml"), 3);
    assert_eq!(ttl("image/png"), 2);
    assert_eq!(ttl("text/html"), 1);
}

#[test]
fn every_other_key_reaches_the_plan() {
    let rules = rules(
        "
        ttl = \"5m\"
        origin = \"ignore\"
        browser = \"public, max-age=31536000, immutable\"
        min_uses = 255
        methods = \"GET\"
        per_user = \"authorization\"
        tags = [\"quests\", \"quest:{id}\", \"below:{*}\"]
        expose_tags = true
        stale_while_revalidate = \"30s\"
        stale_if_error = \"1h\"
        serve_stale = \"1d\"
        bypass = { cookies = \"Preview\", headers = [\"X-No-Cache\", \"range\"], query = [\"draft\", \"preview_*\"] }
        ",
    );
    assert_eq!(rules.origin, Origin::Ignore);
    assert_eq!(
        rules.browser.as_deref(),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!((rules.min_uses, rules.head), (255, false));
    assert_eq!(rules.per_user, Some(PerUser::Authorization));
    let tags: Vec<&str> = rules.tags.iter().map(|tag| tag.as_str()).collect();
    assert_eq!(tags, ["quests", "quest:{id}", "below:{*}"]);
    assert!(rules.expose_tags);
    assert_eq!(rules.stale_while_revalidate, Some(secs(30)));
    assert_eq!(rules.stale_if_error, Some(secs(3_600)));
    assert_eq!(rules.serve_stale, Some(secs(86_400)));
    assert_eq!(rules.bypass.cookies, ["Preview"]);
    assert_eq!(rules.bypass.headers, ["x-no-cache", "range"]);
    let query: Vec<String> = rules.bypass.query.iter().map(|name| name.show()).collect();
    assert_eq!(query, ["draft", "preview_*"]);
}

#[test]
fn what_is_off_by_default_can_be_said_to_be_off() {
    let off = "per_user = \"off\"\nstale_while_revalidate = \"off\"\nstale_if_error = false\nserve_stale = \"off\"";
    assert_eq!(rules(off), rules(""));
    let none = "tags = []\nbypass = {}\nkey = { query = \"all\", drop = [] }";
    assert_eq!(rules(none), rules(""));
}

#[test]
fn a_cookie_tells_users_apart() {
    let rules = rules("per_user = { cookie = \"Session\" }");
    assert_eq!(rules.per_user, Some(PerUser::Cookie("Session".to_owned())));
}

#[test]
fn the_methods_are_as_written() {
    assert!(rules("methods = [\"HEAD\", \"GET\"]").head);
    assert!(!rules("methods = [\"GET\", \"GET\"]").head);
}

#[test]
fn every_key_of_the_key_reaches_the_plan() {
    let key = |keys: &str| rules(&format!("key = {{ {keys} }}")).key.clone();
    let full = key(
        "keep = [\"page\", \"filter_*\"], sort = true, headers = [\"Accept-Language\", \"x-a\"], cookies = [\"Theme\"], device = true, host = false, scheme = false",
    );
    assert!(matches!(&full.query, KeyQuery::Keep(names) if names.len() == 2));
    assert!(full.query.counts(b"filter_a") && !full.query.counts(b"utm_a"));
    assert_eq!(full.headers, ["accept-language", "x-a"]);
    assert_eq!(full.cookies, ["Theme"]);
    assert!(full.sort && full.device && !full.host && !full.scheme);
    let drop = key("drop = \"utm_*\"");
    assert!(!drop.query.counts(b"utm_a") && drop.query.counts(b"page"));
    assert_eq!(key("query = \"none\"").query, KeyQuery::None);
    assert_eq!(key("keep = []").query, KeyQuery::None);
}

#[test]
fn a_route_purges_without_a_cache_of_its_own() {
    let route = route("methods = [\"POST\", \"GET\"]\npurges = [\"quests\", \"quest:{id}\"]");
    let tags: Vec<&str> = route.purges.iter().map(|tag| tag.as_str()).collect();
    assert_eq!(tags, ["quests", "quest:{id}"]);
    assert_eq!(route.cache, None);
    assert_eq!(self::route("purges = \"quests\"").purges.len(), 1);
}

/// The complaints about a route with these keys, one a line.
fn refused(keys: &str) -> String {
    let text = format!(
        "[[listener]]\naddress = \"127.0.0.1:8080\"\n[upstream.app]\nservers = \"127.0.0.1:3001\"\n[[route]]\nupstream = \"app\"\n{keys}\n"
    );
    load(&text).expect_err(keys).to_string()
}

#[test]
fn no_list_is_endless() {
    let list = |count: usize| {
        let names: Vec<String> = (0..count).map(|at| format!("\"n{at}\"")).collect();
        format!("[{}]", names.join(", "))
    };
    for (keys, message) in [
        ("purges = ", "33 tags are too many"),
        ("cache.tags = ", "33 tags are too many"),
        ("cache.key.headers = ", "33 headers are too many"),
        ("cache.key.cookies = ", "33 cookies are too many"),
        ("cache.key.keep = ", "33 query parameters are too many"),
        ("cache.key.drop = ", "33 query parameters are too many"),
        ("cache.bypass.headers = ", "33 headers are too many"),
        ("cache.bypass.cookies = ", "33 cookies are too many"),
        ("cache.bypass.query = ", "33 query parameters are too many"),
    ] {
        let error = refused(&format!("{keys}{}", list(33)));
        assert!(error.contains(message), "{error}");
        route(&format!("{keys}{}", list(32)));
    }
    let table = |count: usize, show: fn(usize) -> String| {
        let rows: Vec<String> = (0..count)
            .map(|at| format!("\"{}\" = \"1s\"", show(at)))
            .collect();
        format!("{{ {} }}", rows.join(", "))
    };
    let error = refused(&format!(
        "cache.ttl = {}",
        table(33, |at| (400 + at).to_string())
    ));
    assert!(
        error.contains("33 sets of statuses are too many"),
        "{error}"
    );
    let error = refused(&format!(
        "cache.types = {}",
        table(33, |at| format!("a/b{at}"))
    ));
    assert!(error.contains("33 media types are too many"), "{error}");
}
