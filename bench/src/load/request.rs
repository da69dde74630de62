//! The requests that the load sends, laid out once, each with the body that must come back.

use crate::body;
use crate::scenario::{Exchange, Scenario};

/// One request and its right answer.
#[derive(Debug, Clone)]
pub struct Request {
    /// Head and body as they are sent.
    pub bytes: Vec<u8>,
    /// The body of the only right answer, which is a 200.
    pub expect: &'static [u8],
}

/// The requests of `scenario`, to be sent in turn: one, or one for each route.
#[must_use]
pub fn requests(scenario: &Scenario) -> Vec<Request> {
    let table = scenario.route_table();
    if table.is_empty() {
        return vec![request(scenario, "bench.test", "")];
    }
    table
        .iter()
        .map(|(host, prefix)| request(scenario, host, prefix))
        .collect()
}

/// One request of `scenario` to `host`, for a path below `prefix`.
fn request(scenario: &Scenario, host: &str, prefix: &str) -> Request {
    let connection = if scenario.reconnect {
        "Connection: close\r\n"
    } else {
        ""
    };
    let agent = "User-Agent: ringfence-bench\r\nAccept: */*\r\n";
    match scenario.exchange {
        Exchange::Get(size) => {
            let name = body::NAMED
                .iter()
                .find(|(_, named)| *named == size)
                .map_or("128", |(name, _)| name);
            let head =
                format!("GET {prefix}/{name} HTTP/1.1\r\nHost: {host}\r\n{agent}{connection}\r\n");
            Request {
                bytes: head.into_bytes(),
                expect: body::of(size),
            }
        }
        Exchange::Upload(size) => {
            let length =
                format!("Content-Type: application/octet-stream\r\nContent-Length: {size}\r\n");
            let head = format!(
                "POST {prefix}/upload HTTP/1.1\r\nHost: {host}\r\n{agent}{length}{connection}\r\n"
            );
            Request {
                bytes: [head.as_bytes(), body::of(size)].concat(),
                expect: body::of(128),
            }
        }
    }
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
    fn there_is_a_request_for_every_route() {
        assert_eq!(requests(find("routes").unwrap()).len(), 10_000);
    }
}
