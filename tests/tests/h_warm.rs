//! Warming: what is asked for before a client asks, by the command line, at the start and from time to time.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ringfence_tests::{
    Origin, Outcome, PATIENCE, Ringfence, Visit, command, eventually, site_with,
};

/// An origin whose answers may be kept for ten minutes under the tag `a`, by language; those to `/gone` are no good, and those to
/// `/private` may not be kept.
fn origin() -> Origin {
    Origin::serving("kept", |visit: &mut Visit| {
        while let Some(request) = visit.request()? {
            let (status, control) = match &*request.target {
                "/gone" => ("404 Not Found", "no-store"),
                "/private" => ("200 OK", "private"),
                _ => ("200 OK", "max-age=600"),
            };
            visit.send(format!(
                "HTTP/1.1 {status}\r\nContent-Length: 4\r\nCache-Control: {control}\r\nETag: \"1\"\r\nVary: Accept-Language\r\nCache-Tag: a\r\n\r\nbody"
            ))?;
        }
        Ok(())
    })
}

fn start(origin: &Origin, rest: &str) -> Ringfence {
    let site = site_with(&[origin], "cache = true", "check = \"off\"");
    Ringfence::start(&format!("{site}\n{rest}"))
}

fn run(ringfence: &Ringfence, subcommand: &str, args: &[&str]) -> Outcome {
    let socket = ringfence.dir().join("control.sock").display().to_string();
    let mut all = vec![subcommand, "--control", &socket];
    all.extend(args);
    command(&all)
}

fn url(path: &str) -> String {
    format!("http://test.example{path}")
}

/// How a client is answered.
fn how(ringfence: &Ringfence, path: &str) -> String {
    let answer = ringfence.get(path).expect(200);
    answer.field("x-cache").unwrap_or_default().to_owned()
}

#[test]
fn what_is_warmed_is_a_hit() {
    let origin = origin();
    let ringfence = start(&origin, "");
    let list = ringfence.dir().join("list.txt");
    let text = format!(
        "# pages\n{}\n\n{}\n{}\n",
        url("/a"),
        url("/b"),
        url("/c?d=e#f")
    );
    fs::write(&list, text).expect("write the list");
    let list = list.display().to_string();
    let args = [&*url("/a"), "--list", &list];
    let told = run(&ringfence, "warm", &args).succeeded();
    assert!(told.stdout.starts_with("3 URLs in "), "{}", told.stdout);
    assert!(told.stdout.ends_with(": 3 stored\n"), "{}", told.stdout);
    assert_eq!(origin.served(), 3, "each is asked for once");
    for path in ["/a", "/b", "/c?d=e"] {
        assert_eq!(how(&ringfence, path), "HIT", "{path}");
    }
    let told = run(&ringfence, "warm", &args).succeeded();
    assert!(
        told.stdout.ends_with(": 3 fresh already\n"),
        "{}",
        told.stdout
    );
    assert_eq!(origin.served(), 3);
}

#[test]
fn sitemaps_are_followed() {
    let origin = origin();
    let ringfence = start(&origin, "");
    let page = |path: &str| format!("<url><loc>{}</loc></url>", url(path));
    let pages = format!("<urlset>{}{}</urlset>", page("/a?b=1&amp;c"), page("/d"));
    let maps = Origin::serving("maps", move |visit: &mut Visit| {
        while let Some(request) = visit.request()? {
            let host = request.field("host").unwrap_or_default();
            let text = match &*request.target {
                "/index.xml" => format!(
                    "<?xml version=\"1.0\"?>\n<sitemapindex><sitemap><loc>http://{host}/pages.xml</loc></sitemap></sitemapindex>"
                ),
                _ => pages.clone(),
            };
            let length = text.len();
            visit.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{text}"
            ))?;
        }
        Ok(())
    });
    let file = ringfence.dir().join("map.xml");
    fs::write(&file, format!("<urlset>{}</urlset>", page("/e"))).expect("write the map");
    let index = format!("http://{}/index.xml", maps.address());
    let file = file.display().to_string();
    let told = run(
        &ringfence,
        "warm",
        &["--sitemap", &index, "--sitemap", &file],
    )
    .succeeded();
    assert!(told.stdout.ends_with(": 3 stored\n"), "{}", told.stdout);
    for path in ["/a?b=1&c", "/d", "/e"] {
        assert_eq!(how(&ringfence, path), "HIT", "{path}");
    }
    let none = format!("http://{}/none", Origin::absent("none").address());
    run(&ringfence, "warm", &["--sitemap", &none]).failed_saying(&["not warmed", &none]);
    run(&ringfence, "warm", &["--sitemap", "https://a/map.xml"])
        .failed_saying(&["only plain HTTP", "file"]);
}

#[test]
fn what_fails_is_named_and_the_rest_is_done() {
    let origin = origin();
    let ringfence = start(&origin, "");
    let (good, gone, private) = (url("/a"), url("/gone"), url("/private"));
    let told = run(&ringfence, "warm", &[&gone, &good, &private]);
    let told = told.failed_saying(&[&gone, "404", "1 of 3 URLs failed"]);
    let text = told.stdout;
    assert!(
        text.ends_with(": 1 stored, 1 not kept, 1 failed\n"),
        "{text}"
    );
    assert_eq!(how(&ringfence, "/a"), "HIT");
    run(&ringfence, "warm", &["/a"]).failed_saying(&["not warmed", "http://"]);
    run(&ringfence, "warm", &[]).failed_saying(&["--list"]);
    command(&["warm", &good, "--control", "/nowhere/at/all.sock"])
        .failed_saying(&["/nowhere/at/all.sock"]);
}

#[test]
fn only_what_routes_keep_is_asked_for() {
    let origin = origin();
    let site = site_with(&[&origin], "host = \"test.example\"", "check = \"off\"");
    let ringfence = Ringfence::start(&site);
    let told = run(&ringfence, "warm", &[&url("/a")]).succeeded();
    assert!(told.stdout.ends_with(": 1 not kept\n"), "{}", told.stdout);
    run(&ringfence, "warm", &["http://other.example/a"]).failed_saying(&["no_route"]);
    assert_eq!(origin.served(), 0, "nothing that is not kept is asked for");
}

#[test]
fn so_many_are_asked_for_at_once() {
    const MOST: usize = 3;
    let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = peak.clone();
    let origin = Origin::serving("counting", move |visit: &mut Visit| {
        while visit.request()?.is_some() {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // As long as fewer have come than may, more are waited for.
            let until = Instant::now() + PATIENCE;
            while peak.load(Ordering::SeqCst) < MOST && Instant::now() < until {
                thread::sleep(Duration::from_millis(1));
            }
            now.fetch_sub(1, Ordering::SeqCst);
            visit.send(
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nCache-Control: max-age=60\r\n\r\n",
            )?;
        }
        Ok(())
    });
    let ringfence = start(&origin, "");
    let urls: Vec<_> = (0..30).map(|at| url(&format!("/{at}"))).collect();
    let mut args: Vec<&str> = urls.iter().map(String::as_str).collect();
    args.extend(["--concurrency", "3"]);
    run(&ringfence, "warm", &args).succeeded();
    assert_eq!(origin.served(), 30);
    assert_eq!(seen.load(Ordering::SeqCst), MOST);
}

#[test]
fn a_server_that_is_gone_is_waited_for() {
    let mut origin = origin();
    let ringfence = start(&origin, "");
    origin.dies();
    let socket = ringfence.dir().join("control.sock").display().to_string();
    let page = url("/a");
    let warming = thread::spawn(move || command(&["warm", &page, "--control", &socket]));
    thread::sleep(Duration::from_millis(300));
    origin.revives();
    let told = warming.join().expect("it ended").succeeded();
    assert!(told.stdout.ends_with(": 1 stored\n"), "{}", told.text());
    assert_eq!(how(&ringfence, "/a"), "HIT");
}

#[test]
fn what_was_purged_softly_is_asked_for_again() {
    let origin = origin();
    let ringfence = start(&origin, "");
    ringfence.get("/a").expect(200);
    ringfence
        .client()
        .asks("GET", "/b", "Accept-Language: de\r\n")
        .expect(200);
    origin.forgets();
    let told = run(&ringfence, "purge", &["--tag", "a", "--soft", "--refetch"]).succeeded();
    assert!(told.stdout.contains("\n2 URLs in "), "{}", told.stdout);
    let mut asked: Vec<_> = origin
        .requests()
        .iter()
        .map(|request| {
            (
                request.target.clone(),
                request.field("accept-language").map(str::to_owned),
            )
        })
        .collect();
    asked.sort();
    let want = [
        ("/a".to_owned(), None),
        ("/b".to_owned(), Some("de".to_owned())),
    ];
    assert_eq!(asked, want);
    assert_eq!(how(&ringfence, "/a"), "HIT");
    let answer = ringfence
        .client()
        .asks("GET", "/b", "Accept-Language: de\r\n");
    assert_eq!(answer.field("x-cache"), Some("HIT"));
    let told = run(&ringfence, "warm", &["--purged"]).succeeded();
    assert!(told.stdout.starts_with("0 URLs "), "{}", told.stdout);
    assert_eq!(origin.served(), 2);
}

#[test]
fn the_file_has_it_done_at_the_start_and_from_time_to_time() {
    let origin = Origin::serving("stale", |visit: &mut Visit| {
        while visit.request()?.is_some() {
            visit.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: max-age=0\r\nETag: \"1\"\r\n\r\nbody")?;
        }
        Ok(())
    });
    let table = "[[warm]]\nurls = [\"http://test.example/a\"]\nevery = \"1s\"\n";
    let ringfence = start(&origin, table);
    eventually("it is asked for three times", || origin.served() >= 3);
    assert!(
        origin
            .requests()
            .iter()
            .all(|request| request.target == "/a")
    );
    eventually("it is told", || ringfence.says("warm: 1 URLs: 1 stored"));
    let paused = "[[warm]]\nurls = [\"http://test.example/b\"]\n";
    let site = site_with(&[&origin], "cache = true", "check = \"off\"");
    ringfence.reload(&format!("{site}\n{paused}"));
    eventually("what a reload brings is asked for", || {
        origin
            .requests()
            .iter()
            .any(|request| request.target == "/b")
    });
    origin.forgets();
    thread::sleep(Duration::from_millis(1_500));
    let late = origin.requests();
    assert!(
        late.len() <= 1,
        "what is no more in the file has ended: {late:?}"
    );
}

#[test]
fn a_list_of_the_file_is_read_at_the_start() {
    let origin = origin();
    let dir = ringfence_tests::TempDir::new();
    let list = dir.path().join("list.txt");
    fs::write(&list, format!("{}\n{}\n", url("/a"), url("/b"))).expect("write the list");
    let missing = dir.path().join("missing").display().to_string();
    let table = format!(
        "[[warm]]\nlist = \"{}\"\n[[warm]]\nsitemap = \"{missing}\"\n",
        list.display()
    );
    let mut ringfence = start(&origin, &table);
    eventually("both are asked for", || origin.served() == 2);
    eventually("what cannot be read is told", || {
        ringfence.says(&format!("warm: sitemap {missing}: "))
    });
    eventually("it is told", || ringfence.says("warm: 2 URLs: 2 stored"));
    assert_eq!(how(&ringfence, "/a"), "HIT");
    ringfence.control("stop").succeeded();
    ringfence.ends();
}
