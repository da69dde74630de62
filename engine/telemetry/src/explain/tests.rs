//! How explanations of several workers are joined, and how they read.

use super::*;

fn answer(worker: usize, outcome: &str, forward: Option<&str>) -> Answer {
    Answer {
        workers: vec![worker],
        outcome: outcome.to_owned(),
        forward: forward.map(str::to_owned),
        why: "so".to_owned(),
    }
}

fn stored(worker: usize, etag: &str) -> Stored {
    Stored {
        workers: vec![worker],
        selected: true,
        status: 200,
        etag: Some(etag.to_owned()),
        basis: "max-age".to_owned(),
        ..Stored::default()
    }
}

fn part(home: usize, answer: Answer, stored: Vec<Stored>) -> Explanation {
    Explanation {
        cache: Some(Cached {
            key: Some(Key {
                home,
                ..Key::default()
            }),
            answers: vec![answer],
            stored,
            ..Cached::default()
        }),
        ..Explanation::default()
    }
}

fn join(parts: Vec<Explanation>) -> Cached {
    let parts = parts.into_iter().enumerate().collect();
    let whole = Explanation::join("GET /".to_owned(), parts);
    assert_eq!(whole.request, "GET /");
    whole.cache.expect("told by all")
}

#[test]
fn workers_that_say_the_same_are_named_together() {
    let one = |worker| part(1, answer(worker, "HIT", None), vec![stored(worker, "a")]);
    let whole = join(vec![one(0), one(1), one(2)]);
    assert_eq!(whole.answers.len(), 1);
    assert_eq!(whole.answers[0].workers, [0, 1, 2]);
    assert_eq!(whole.stored.len(), 1);
    assert_eq!(whole.stored[0].workers, [0, 1, 2]);
}

#[test]
fn those_that_say_other_things_stand_apart() {
    let one = |worker, etag| part(1, answer(worker, "HIT", None), vec![stored(worker, etag)]);
    let whole = join(vec![one(0, "a"), one(1, "b"), one(2, "a")]);
    let who: Vec<_> = whole.stored.iter().map(|stored| &*stored.workers).collect();
    assert_eq!(who, [&[1][..], &[0, 2]]);
}

#[test]
fn what_the_home_has_is_handed_over() {
    let hit = part(1, answer(1, "HIT", None), vec![stored(1, "a")]);
    let miss = part(1, answer(0, "MISS", Some("uri-miss")), Vec::new());
    let whole = join(vec![miss.clone(), hit]);
    assert_eq!(
        whole.answers,
        [Answer {
            workers: vec![0, 1],
            ..answer(1, "HIT", None)
        }]
    );
    let purged = Stored {
        softly_purged: true,
        ..stored(1, "a")
    };
    let stale = part(1, answer(1, "EXPIRED", Some("stale")), vec![purged]);
    assert_eq!(join(vec![miss.clone(), stale]).answers.len(), 2);
    let other = part(
        1,
        answer(1, "MISS", Some("vary-miss")),
        vec![stored(1, "a")],
    );
    let whole = join(vec![miss.clone(), other]);
    assert_eq!(whole.answers.len(), 1, "all are given what is for others");
    let refused = part(1, answer(1, REFUSED, None), Vec::new());
    assert_eq!(join(vec![miss, refused]).answers.len(), 2);
}

#[test]
fn what_is_said_reads_back() {
    let whole = Explanation::join(
        "GET /".to_owned(),
        vec![(0, part(0, answer(0, "HIT", None), vec![stored(0, "a")]))],
    );
    let json = serde_json::to_string(&whole).unwrap();
    assert_eq!(serde_json::from_str::<Explanation>(&json).unwrap(), whole);
}

#[test]
fn nobody_said_anything() {
    let text = Explanation::join("GET /".to_owned(), Vec::new()).to_string();
    assert_eq!(text, "GET /\n\nroute     none\n");
}

#[test]
fn a_terminal_is_told_nothing_by_what_is_stored() {
    let bad = part(
        0,
        answer(0, "HIT", None),
        vec![stored(0, "\u{1b}[2J\n\u{9b}")],
    );
    let text = bad.to_string();
    assert!(
        text.contains("ETag \\u{1b}[2J\\n\\u{9b}, on worker 0\n"),
        "{text}"
    );
}

#[test]
fn the_text_is_in_columns() {
    let mut told = part(0, answer(0, "HIT", None), vec![stored(0, "\"1\"")]);
    told.request = "GET http://a/x".to_owned();
    told.route = Some(Taken {
        name: "all".to_owned(),
        number: 2,
        hosts: vec!["a".to_owned(), "*.b".to_owned()],
        path: "/*".to_owned(),
        ..Taken::default()
    });
    let cache = told.cache.as_mut().unwrap();
    cache.key.as_mut().unwrap().url = "http://a/x".to_owned();
    cache.answers[0].why = "it is fresh".to_owned();
    cache.stored[0].tags = vec!["s".to_owned(), "t".to_owned()];
    let server = |name: &str, state: &str| Server {
        name: name.to_owned(),
        address: "127.0.0.1:1".to_owned(),
        weight: 1,
        backup: false,
        state: state.to_owned(),
    };
    told.upstream = Some(Upstream {
        name: "app".to_owned(),
        balance: "round_robin".to_owned(),
        picks: vec![Pick {
            workers: vec![0],
            server: Some("b".to_owned()),
            why: "its turn".to_owned(),
        }],
        servers: vec![server("long", "down"), server("b", "up")],
    });
    assert_eq!(
        told.to_string(),
        "\
GET http://a/x

route     all (number 2)
          host a or *.b, path /*
answer    HIT: it is fresh
key       http://a/x
          at home on worker 0
stored    200, 0 bytes, ETag \"1\", on worker 0
          age 0 s, stale for 0 s: 0 s by max-age
          tags s, t
keep      what comes is stored if its server lets it be
upstream  app, by round_robin
          b: its turn
servers   long  127.0.0.1:1  weight 1, down
          b     127.0.0.1:1  weight 1, up
"
    );
}
