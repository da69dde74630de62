//! What is said about configurations that cannot be used, as people see it.

use ringfence_config::{ConfigError, Overrides, Plan};

/// A file that is fine but for what is put into it.
const REST: &str = "[[listener]]
address = \"127.0.0.1:8080\"

[[route]]
upstream = \"app\"

[upstream.app]
servers = [\"127.0.0.1:3001\"]
";

const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:8080\"\n";
const APP: &str = "[upstream.app]\nservers = [\"127.0.0.1:3001\"]\n";

fn refused_with(text: &str, overrides: &Overrides) -> ConfigError {
    let env = |name: &str| (name == "SET").then(|| "value".to_owned());
    match Plan::load(text, "ringfence.toml", &env, overrides) {
        Ok(_) => panic!("this loads:\n{text}"),
        Err(error) => error,
    }
}

fn refused(text: &str) -> ConfigError {
    refused_with(text, &Overrides::default())
}

/// Every mistake with the name of its snapshot.
fn mistakes() -> Vec<(&'static str, String)> {
    let with_app = |keys: &str| format!("{LISTENER}[[route]]\nupstream = \"app\"\n\n{APP}{keys}");
    let with_route = |keys: &str| format!("{LISTENER}\n[[route]]\n{keys}\n\n{APP}");
    let with_servers = |servers: &str| {
        format!("{LISTENER}[[route]]\nupstream = \"app\"\n\n[upstream.app]\nservers = {servers}\n")
    };
    vec![
        ("syntax", format!("{REST}\n[workers\ncount = \n")),
        ("empty", String::new()),
        ("unknown_key", format!("{REST}\n[workers]\ncuont = 4\n")),
        ("unknown_section", format!("{REST}\n[timeout]\nhead = \"1s\"\n")),
        ("unknown_balancer", with_app("balance = \"least_con\"\n")),
        ("unknown_upstream", with_route("upstream = \"apps\"")),
        ("wrong_types", format!("{REST}\n[workers]\npin = \"yes\"\nbacklog = \"many\"\ncount = 2.5\n\n[limits]\nmax_head = true\n")),
        ("one_table_for_many", "[listener]\naddress = \"127.0.0.1:8080\"\n".to_owned()),
        ("durations", format!("{REST}\n[timeouts]\nhead = \"10\"\nbody = \"1x\"\nsend = \"soon\"\ndrain = \"200d\"\n")),
        ("sizes", format!("{REST}\n[limits]\nmax_line = \"8KB\"\nmax_head = \"1GiB\"\nmax_body = \"-1\"\n")),
        ("addresses", with_servers("[\"127.0.0.1\", \"http://app:80\", \"::1:80\", \"app:99999\", \"256.1.1.1:80\"]")),
        ("listener_addresses", "[[listener]]\naddress = \":80\"\n[[listener]]\naddress = \"localhost:80\"\n[[listener]]\naddress = 8080\n".to_owned() + &with_route("upstream = \"app\"")),
        ("servers", with_servers("[{ address = \"127.0.0.1:3001\", weight = 0 }, \"127.0.0.1:3001\", { weight = 2 }]")),
        ("no_servers", with_servers("[]")),
        ("labels", with_servers("[{ address = \"127.0.0.1:1\", label = \"a\" }, { address = \"127.0.0.1:2\", label = \"a\" }, { address = \"127.0.0.1:3\", label = \"127.0.0.1:4\" }, \"127.0.0.1:4\"]")),
        ("empty_lists", format!("listener = []\nroute = []\n{APP}")),
        ("overlapping_listeners", format!("{LISTENER}[[listener]]\naddress = \"0.0.0.0:8080\"\n[[listener]]\naddress = \"[::]:8080\"\n[[listener]]\naddress = \"[::ffff:127.0.0.1]:8080\"\n[[listener]]\naddress = \"0.0.0.0:9000\"\n[[route]]\nupstream = \"app\"\n{APP}[admin]\nlisten = \"127.0.0.1:9000\"\n")),
        ("only_backups", with_servers("[{ address = \"127.0.0.1:3001\", backup = true }]")),
        ("twice", format!("{LISTENER}{LISTENER}\n[[route]]\nname = \"a\"\npath = \"/a\"\nupstream = \"app\"\n\n[[route]]\nname = \"a\"\npath = \"/b\"\nupstream = \"app\"\n\n{APP}")),
        ("unreachable_route", with_route("path = \"/api/{id}\"\nupstream = \"app\"\n\n[[route]]\npath = \"/api/{name}\"\nrespond = { status = 404 }")),
        ("paths", with_route("path = [\"api\", \"/a b\", \"/a*\", \"/{id}/{id}\", \"/a/../b\", \"/a?b=c\"]\nupstream = \"app\"")),
        ("hosts", with_route("host = [\"http://a.com\", \"a.com:80\", \"*.*.com\", \"bücher.example\"]\nupstream = \"app\"")),
        ("methods", with_route("methods = [\"get\", \"CONNECT\", \"PSOT\"]\nupstream = \"app\"")),
        ("two_actions", with_route("upstream = \"app\"\nredirect = \"/b\"\nstrip_prefix = \"/a\"\nreplace_prefix = { from = \"/a\" }")),
        ("no_action", with_route("path = \"/a\"")),
        ("redirects", with_route("path = \"/a/{id}\"\nredirect = \"example.com\"\n[[route]]\npath = \"/b/{id}\"\nredirect = { to = \"https://{id}/\", status = 200 }\n[[route]]\npath = \"/c/{id}\"\nredirect = \"/d/{di}\"\n[[route]]\npath = \"/e\"\nredirect = \"/e\"")),
        ("no_effect", with_route("respond = { status = 204, body = \"x\" }\ntimeouts = { connect = \"1s\" }") + "hash_key = \"ip\"\ncheck = { type = \"tcp\", path = \"/health\" }\n"),
        ("header_edits", with_route("upstream = \"app\"\nrequest_headers = { set = { Connection = \"close\", host = \"a\" }, remove = [\"a b\", \"expect\", \"content_length\"] }\nresponse_headers = { set = { x-a = \"1\" }, remove = \"x-a\" }")),
        ("header_value", with_route("upstream = \"app\"\nresponse_headers = { add = { x-a = [\"fine\", \"a\\r\\nset-cookie: b\"] } }")),
        ("prefix_that_never_matches", with_route("path = \"/web/*\"\nupstream = \"app\"\nstrip_prefix = \"/api\"")),
        ("networks", format!("{REST}\n[forwarding]\ntrusted = [\"10.0.0.0/33\", \"10.1.0.0/8\"]\n")),
        ("cpus", format!("{REST}\n[workers]\ncount = 4\ncpus = \"0-1\"\nring_entries = 1000\n")),
        ("variables", with_servers("[\"${APP}:80\", \"x${\"]")),
        ("checks", with_app("check = { path = \"health\", interval = \"1s\", timeout = \"2s\", expect = \"20x\", rise = 0 }\n")),
        ("statuses", with_route("upstream = \"app\"\nretry = { statuses = [\"500-599\", 600], attempts = 99, on = \"conect\" }")),
        ("cookies", with_app("sticky = { cookie = \"a b\", same_site = \"none\", secret = \"short\", ttl = \"1ms\" }\n")),
        ("shares", with_app("ejection = { max_share = 50, panic_threshold = \"120%\", failure_rate = 0, base_time = \"10s\", max_time = \"5s\" }\n")),
        ("cache_sizes", with_route("upstream = \"app\"\ncache = { max_object = \"3MiB\", min_uses = 256 }\n[[route]]\npath = \"/b\"\nupstream = \"app\"\ncache = { min_uses = 0 }") + "[cache]\nsize = \"2MiB\"\nmax_object = \"4MiB\"\n"),
        ("cache_out_of_place", with_route("path = \"/a\"\nrespond = { status = 404 }\ncache = true\npurges = [\"a\"]\n[[route]]\npath = \"/b\"\nmethods = [\"POST\"]\nupstream = \"app\"\ncache = {}\n[[route]]\npath = \"/c\"\nmethods = [\"GET\", \"OPTIONS\"]\nupstream = \"app\"\npurges = [\"c\"]\n[[route]]\npath = \"/d\"\nupstream = \"app\"\ncache = \"on\"")),
        ("cache_ttls", with_route("upstream = \"app\"\n[route.cache]\nttl = { 2x = \"1m\", \"\" = \"1m\", 304 = \"1m\", \"200,301\" = \"1m\", \"200,404\" = \"1m\", 5xx = \"1500ms\", 410 = \"11y\" }\ntypes = { css = \"1h\", \"*/*\" = \"1h\", \"text/html; charset=utf-8\" = \"1h\", \"text/css\" = \"1h\", \"Text/CSS\" = \"2h\", \"image/svg*\" = \"1h\" }")),
        ("cache_tables_without_anything", with_route("upstream = \"app\"\ncache = { ttl = {}, types = {} }")),
        ("cache_stale", with_route("upstream = \"app\"\n[route.cache]\nstale_while_revalidate = \"500ms\"\nstale_if_error = \"11y\"\nserve_stale = \"ever\"")),
        ("cache_origin", with_route("upstream = \"app\"\ncache = { origin = \"ignore\", browser = \"\" }\n[[route]]\npath = \"/b\"\nupstream = \"app\"\ncache = { origin = \"ignored\", browser = \"a\\r\\nb: c\" }")),
        ("cache_methods", with_route("upstream = \"app\"\ncache = { methods = [\"get\", \"HEAD\", \"POST\"] }\n[[route]]\npath = \"/b\"\nupstream = \"app\"\ncache = { methods = \"HEAD\" }")),
        ("cache_keys", with_route("upstream = \"app\"\ncache.key = { keep = [\"a=b\", \"a*b\", \"*\"], headers = [\"x a\", \"Connection\", \"x-a\", \"X-A\"], cookies = [\"a;b\", \"c\", \"c\"] }\n[[route]]\npath = \"/b\"\nupstream = \"app\"\ncache.key = { keep = \"a\", drop = \"b\", query = \"all\" }\n[[route]]\npath = \"/c\"\nupstream = \"app\"\ncache.key = { query = \"none\", drop = \"b\", sort = true }\n[[route]]\npath = \"/d\"\nupstream = \"app\"\ncache.key = { query = \"some\", kepe = \"a\" }")),
        ("cache_users", with_route("upstream = \"app\"\ncache = { per_user = \"cookie\" }\n[[route]]\npath = \"/b\"\nupstream = \"app\"\ncache = { per_user = {} }\n[[route]]\npath = \"/c\"\nupstream = \"app\"\ncache = { bypass = { query = [\"a\", \"a\"], headers = \"a b\" } }")),
        ("cache_tags", with_route("path = \"/quests/{id}\"\nupstream = \"app\"\npurges = [\"quest:{di}\", \"{*}\", \"a\", \"a\"]\ncache.tags = [\"a b\", \"quest:{id\", \"\", \"user:{user}\"]")),
        ("compress", with_route("upstream = \"app\"\ncompress = { codings = [\"br\", \"deflate\", \"gzp\", \"br\"], types = [\"text\", \"*/*\", \"text/css\", \"Text/CSS\", \"text/*xml\"], min_size = -1 }\n[[route]]\npath = \"/b\"\nupstream = \"app\"\ncompress = { codings = [], types = [], level = 9 }\n[[route]]\npath = \"/c\"\nrespond = { status = 404 }\ncompress = true\n[[route]]\npath = \"/d\"\nupstream = \"app\"\ncompress = \"gzip\"")),
        ("compressed_edits", with_route("upstream = \"app\"\ncompress = true\nresponse_headers = { set = { Content-Encoding = \"gzip\", vary = \"origin\" }, remove = [\"content-encoding\", \"etag\"], add = { content-encoding = \"x\" } }\nrequest_headers = { remove = \"content-encoding\" }\n[[route]]\npath = \"/b\"\nupstream = \"app\"\ncompress = false\nresponse_headers = { remove = \"content-encoding\" }\nname = \"\"")),
        ("warmings", format!("{REST}\n[[warm]]\nconcurrency = 0\n[[warm]]\nurls = [\"/a\", \"http://\"]\nat_start = false\n[[warm]]\nsitemap = \"https://a/map.xml\"\nevery = \"10ms\"\nlist = \"\"\n")),
        ("the_admin_listens_where_clients_do", format!("{REST}\n[admin]\nlisten = \"127.0.0.1:8080\"\n")),
    ]
}

#[test]
fn mistakes_are_shown_with_file_line_caret_path_and_suggestion() {
    for (name, text) in mistakes() {
        insta::assert_snapshot!(name, refused(&text).render(false));
    }
}

#[test]
fn every_mistake_has_a_place_and_most_a_suggestion() {
    let mut helped = 0;
    let mut all = 0;
    for (name, text) in mistakes() {
        for diagnostic in refused(&text).diagnostics() {
            assert!(
                diagnostic.line.is_some() && diagnostic.column.is_some(),
                "{name}: {diagnostic:?}"
            );
            assert!(
                !diagnostic.path.is_empty() || name == "syntax" || name == "empty",
                "{name}: {diagnostic:?}"
            );
            helped += usize::from(diagnostic.help.is_some());
            all += 1;
        }
    }
    assert!(helped * 10 >= all * 8, "{helped} of {all}");
}

#[test]
fn a_bad_flag_is_called_by_its_name() {
    let overrides = Overrides {
        ring_entries: Some(1000),
        backlog: Some(0),
        admin: Some("127.0.0.1:8080".parse().unwrap()),
        ..Overrides::default()
    };
    let error = refused_with(REST, &overrides);
    insta::assert_snapshot!("flags", error.render(false));
    assert_eq!(error.diagnostics()[0].line, None);
}

#[test]
fn one_line_for_each_mistake() {
    let error = refused(&format!(
        "{REST}\n[workers]\ncuont = 4\ndriver = \"kqueue\"\n"
    ));
    insta::assert_snapshot!("plain", error.to_string());
}

#[test]
fn colours_only_where_they_are_wanted() {
    let error = refused("");
    assert!(error.render(true).contains('\u{1b}'));
    assert!(!error.render(false).contains('\u{1b}'));
}
