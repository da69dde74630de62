//! The requests that the load sends, laid out once, each with the body that must come back.

use crate::body::{self, NUMBERED, NUMBERED_SLOW};
use crate::scenario::{Asked, Exchange, Scenario};

/// Fields that every request has.
const AGENT: &str = "User-Agent: ringfence-bench\r\nAccept: */*\r\n";

/// One request and its right answer.
#[derive(Debug, Clone)]
pub struct Request {
    /// Head and body as they are sent.
    pub bytes: Vec<u8>,
    /// The body of the only right answer, which is a 200.
    pub expect: &'static [u8],
}

/// Objects that all ask for at once, one after another: as many as an hour has room for.
const WAVES: usize = 18_000;

/// The host asked for where there is but one.
const HOST: &str = "bench.test";

/// The requests of `scenario`: one, or one for each route or object.
#[must_use]
pub fn requests(scenario: &Scenario) -> Vec<Request> {
    match scenario.cache.map(|cache| cache.asked) {
        Some(Asked::Drawn { objects, .. }) => (0..objects)
            .map(|number| numbered(scenario, NUMBERED, number))
            .collect(),
        Some(Asked::Waves) => (0..WAVES)
            .map(|number| numbered(scenario, NUMBERED_SLOW, number))
            .collect(),
        Some(Asked::One) | None => by_route(scenario),
    }
}

/// A request that any server of `scenario` can answer at once, to see whether it does.
#[must_use]
pub fn probe(scenario: &Scenario) -> Request {
    let (host, prefix) = match scenario.route_table().into_iter().next() {
        Some(route) => route,
        None => (HOST.to_owned(), String::new()),
    };
    request(scenario, &host, &prefix)
}

/// One, or one for each route.
fn by_route(scenario: &Scenario) -> Vec<Request> {
    let table = scenario.route_table();
    if table.is_empty() {
        return vec![probe(scenario)];
    }
    table
        .iter()
        .map(|(host, prefix)| request(scenario, host, prefix))
        .collect()
}

/// A request for an object that has a number.
fn numbered(scenario: &Scenario, first: &str, number: usize) -> Request {
    let size = match scenario.exchange {
        Exchange::Get(size) | Exchange::Upload(size) => size,
        Exchange::GetMixed => body::mixed_size(number),
    };
    let name = body::name_of(size);
    Request {
        bytes: get(&format!("/{first}/{number}/{name}"), HOST, ""),
        expect: body::of_number(number, size),
    }
}

/// One request of `scenario` to `host`, for a path below `prefix`.
fn request(scenario: &Scenario, host: &str, prefix: &str) -> Request {
    let connection = if scenario.reconnect {
        "Connection: close\r\n"
    } else {
        ""
    };
    match scenario.exchange {
        Exchange::Get(size) => Request {
            bytes: get(
                &format!("{prefix}/{}", body::name_of(size)),
                host,
                connection,
            ),
            expect: body::of(size),
        },
        Exchange::GetMixed => Request {
            bytes: get(&format!("{prefix}/128"), host, connection),
            expect: body::of(128),
        },
        Exchange::Upload(size) => {
            let length =
                format!("Content-Type: application/octet-stream\r\nContent-Length: {size}\r\n");
            let head = format!(
                "POST {prefix}/upload HTTP/1.1\r\nHost: {host}\r\n{AGENT}{length}{connection}\r\n"
            );
            Request {
                bytes: [head.as_bytes(), body::of(size)].concat(),
                expect: body::of(128),
            }
        }
    }
}

/// The head of a GET.
fn get(path: &str, host: &str, connection: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{AGENT}{connection}\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::find;

    fn text(name: &str) -> String {
        String::from_utf8(requests(find(name).unwrap())[0].bytes.clone()).unwrap()
    }

    #[test]
    fn requests_say_what_the_scenario_wants() {
        assert!(text("small").starts_with("GET /128 HTTP/1.1\r\nHost: bench.test\r\n"));
        assert!(text("1m").starts_with("GET /1m "));
        assert!(text("new").contains("\r\nConnection: close\r\n"));
        assert!(!text("small").contains("Connection"));
        assert!(text("routes").starts_with("GET /r000/128 HTTP/1.1\r\nHost: h000.test\r\n"));
    }

    #[test]
    fn an_upload_carries_its_body() {
        let upload = text("upload");
        let (head, body) = upload.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Content-Length: 1048576"));
        assert_eq!(body.as_bytes(), body::of(body::LARGEST));
    }

    #[test]
    fn objects_that_have_numbers_have_a_request_each() {
        let mixed = requests(find("mixed").unwrap());
        assert_eq!(mixed.len(), 100_000);
        assert!(
            mixed[12]
                .bytes
                .starts_with(b"GET /object/12/16k HTTP/1.1\r\n")
        );
        assert_eq!(mixed[12].expect, body::for_path("/object/12/16k").unwrap());
        assert!(text("stampede").starts_with("GET /slow/0/4k "));
    }

    #[test]
    fn what_is_asked_first_is_none_of_what_all_ask_for_at_once() {
        let first = probe(find("stampede").unwrap());
        assert!(first.bytes.starts_with(b"GET /4k HTTP/1.1\r\n"));
    }

    #[test]
    fn there_is_a_request_for_every_route() {
        assert_eq!(requests(find("routes").unwrap()).len(), 10_000);
    }
}
