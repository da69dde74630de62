//! What is asked of every proxy alike.

use serde::Serialize;

use crate::body;

/// Servers behind the proxy where the scenario is not about their number.
const FEW_SERVERS: usize = 3;

/// Descriptors that a proxy has for each idle connection: one for it, and one for all else that it keeps free.
const DESCRIPTORS_EACH: u64 = 2;

/// One kind of load.
#[derive(Debug, Clone, Serialize)]
pub struct Scenario {
    /// Its name on the command line and in results.
    pub name: &'static str,
    /// One line for the table's heading.
    pub about: &'static str,
    /// What one exchange is.
    pub exchange: Exchange,
    /// Connections that exchange without a pause.
    pub connections: usize,
    /// Whether each request has a connection of its own.
    pub reconnect: bool,
    /// Keep-alive connections that lie idle beside the active ones.
    pub idle: usize,
    /// Routes that the proxy has, all of which are used in turn.
    pub routes: usize,
    /// Servers behind the proxy, all listed in one upstream.
    pub servers: usize,
    /// Whether the proxy writes an access log.
    pub log: bool,
    /// When requests are sent.
    pub pace: Pace,
    /// How many times the cores of a usual run the proxy has.
    pub cores: usize,
}

/// What one exchange is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Exchange {
    /// A GET answered by a body of this many bytes.
    Get(usize),
    /// A POST with a body of this many bytes, answered by 128.
    Upload(usize),
}

/// When requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Pace {
    /// Each connection sends its next request when it has the answer to the last.
    Full,
    /// At a fixed rate, whatever the answers do: half of what the slowest peer can at [`Pace::Full`].
    HalfOfSlowest,
}

/// The base that scenarios vary.
const SMALL: Scenario = Scenario {
    name: "small",
    about: "128 B, 64 connections",
    exchange: Exchange::Get(128),
    connections: 64,
    reconnect: false,
    idle: 0,
    routes: 1,
    servers: FEW_SERVERS,
    log: false,
    pace: Pace::Full,
    cores: 1,
};

/// All scenarios, in the order in which they are run.
pub const ALL: [Scenario; 13] = [
    SMALL,
    Scenario {
        name: "one",
        about: "128 B, 1 connection",
        connections: 1,
        ..SMALL
    },
    Scenario {
        name: "many",
        about: "128 B, 2,000 active connections",
        connections: 2_000,
        ..SMALL
    },
    Scenario {
        name: "64k",
        about: "64 KiB responses, 64 connections",
        exchange: Exchange::Get(64 * 1024),
        ..SMALL
    },
    Scenario {
        name: "1m",
        about: "1 MiB responses, 16 connections",
        exchange: Exchange::Get(body::LARGEST),
        connections: 16,
        ..SMALL
    },
    Scenario {
        name: "upload",
        about: "1 MiB request bodies, 16 connections",
        exchange: Exchange::Upload(body::LARGEST),
        connections: 16,
        ..SMALL
    },
    Scenario {
        name: "new",
        about: "128 B, a connection for each request, 64 at once",
        reconnect: true,
        ..SMALL
    },
    Scenario {
        name: "idle",
        about: "`small` beside 10,000 idle keep-alive connections",
        idle: 10_000,
        ..SMALL
    },
    Scenario {
        name: "routes",
        about: "`small` over 10,000 routes",
        routes: 10_000,
        ..SMALL
    },
    Scenario {
        name: "servers",
        about: "`small` over 1,000 servers",
        servers: 1_000,
        ..SMALL
    },
    Scenario {
        name: "log",
        about: "`small` with the access log on",
        log: true,
        ..SMALL
    },
    Scenario {
        name: "constant",
        about: "128 B at a fixed rate, half of the slowest peer's limit",
        pace: Pace::HalfOfSlowest,
        ..SMALL
    },
    Scenario {
        name: "cores",
        about: "`small` on twice the cores",
        cores: 2,
        ..SMALL
    },
];

/// The scenario of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name)
}

impl Scenario {
    /// The same with no more idle connections than `descriptors` of one process allow.
    #[must_use]
    pub fn within(&self, descriptors: u64) -> Self {
        let most = usize::try_from(descriptors / DESCRIPTORS_EACH).unwrap_or(usize::MAX);
        Self {
            idle: self.idle.min(most),
            ..self.clone()
        }
    }

    /// Whether bodies are large enough for transfer to outweigh everything else.
    #[must_use]
    pub const fn is_bulk(&self) -> bool {
        match self.exchange {
            Exchange::Get(size) | Exchange::Upload(size) => size >= 64 * 1024,
        }
    }

    /// The routes as host and path prefix: as many paths as hosts, or one route for everything where there is but one.
    #[must_use]
    pub fn route_table(&self) -> Vec<(String, String)> {
        if self.routes <= 1 {
            return Vec::new();
        }
        let side = self.routes.isqrt();
        let host = |number: usize| format!("h{:03}.test", number / side);
        (0..self.routes)
            .map(|number| (host(number), format!("/r{:03}", number % side)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for (index, scenario) in ALL.iter().enumerate() {
            assert_eq!(
                find(scenario.name).map(|found| found.about),
                Some(ALL[index].about)
            );
        }
        assert!(find("none").is_none());
    }

    #[test]
    fn idle_connections_are_as_many_as_there_are_descriptors_for() {
        let idle = find("idle").unwrap();
        assert_eq!(idle.within(1 << 20).idle, idle.idle);
        assert_eq!(idle.within(18_000).idle, 9_000);
        assert_eq!(find("small").unwrap().within(0).idle, 0);
    }

    #[test]
    fn the_route_table_has_as_many_routes_as_it_says() {
        let table = find("routes").unwrap().route_table();
        let mut unique = table.clone();
        unique.sort();
        unique.dedup();
        assert_eq!((table.len(), unique.len()), (10_000, 10_000));
        assert_eq!(table[101], ("h001.test".to_owned(), "/r001".to_owned()));
        assert!(find("small").unwrap().route_table().is_empty());
    }
}
