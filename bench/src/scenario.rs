//! What is asked of every proxy alike.

use serde::Serialize;

use crate::body;
use crate::origin::kind::Kind;

/// Servers behind the proxy where the scenario is not about their number.
const FEW_SERVERS: usize = 3;

/// Bytes that a cache may take for each object of 128 bytes: more than any of the proxies does.
const ROOM_EACH: u64 = 2 << 10;

/// Descriptors that a proxy has for each idle connection: one for it, and one for all else that it keeps free.
const DESCRIPTORS_EACH: u64 = 2;

/// Objects of the scenario `mixed`.
const MIXED_OBJECTS: usize = 100_000;

/// How unevenly those are asked for: the exponent of Zipf's law.
const MIXED_EXPONENT: f64 = 0.9;

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
    /// What the proxy keeps and what of that is asked for, where it is to answer from a cache.
    pub cache: Option<Cache>,
    /// The only origin that can do what the scenario needs; `None` = any.
    pub origin: Option<Kind>,
}

/// A proxy's cache, and what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cache {
    /// Bytes that it may hold.
    pub bytes: u64,
    /// What is asked for.
    pub asked: Asked,
}

/// What is asked of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Asked {
    /// One object, again and again.
    One,
    /// Any of many, by Zipf's law.
    Drawn {
        /// How many there are.
        objects: usize,
        /// The exponent; 0 = all are asked for alike.
        exponent: f64,
        /// How many of those asked for most are asked for once before anything is measured …
        fill: usize,
        /// … and how many requests by that law then follow.
        settle: u64,
    },
    /// All connections at once for one that nobody has asked for before, and that takes the origin [`body::SLOW`]; then for
    /// the next.
    Waves,
}

/// What one exchange is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Exchange {
    /// A GET answered by a body of this many bytes.
    Get(usize),
    /// A GET of one of many objects of different sizes.
    GetMixed,
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
    cache: None,
    origin: None,
};

/// A cache of one object.
const OF_ONE: Cache = Cache {
    bytes: 64 << 20,
    asked: Asked::One,
};

/// All scenarios, in the order in which they are run.
pub const ALL: [Scenario; 17] = [
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
    Scenario {
        name: "hit",
        about: "128 B from the cache, 64 connections",
        cache: Some(OF_ONE),
        ..SMALL
    },
    Scenario {
        name: "hit-64k",
        about: "64 KiB from the cache, 64 connections",
        exchange: Exchange::Get(64 * 1024),
        cache: Some(OF_ONE),
        ..SMALL
    },
    Scenario {
        name: "mixed",
        about: "100,000 objects of 1 to 64 KiB by Zipf's law, a cache for a fifth of them, 64 connections",
        exchange: Exchange::GetMixed,
        cache: Some(Cache {
            bytes: body::mixed_bytes(MIXED_OBJECTS) / 5,
            asked: Asked::Drawn {
                objects: MIXED_OBJECTS,
                exponent: MIXED_EXPONENT,
                fill: MIXED_OBJECTS / 5,
                settle: MIXED_OBJECTS as u64,
            },
        }),
        origin: Some(Kind::Alone),
        ..SMALL
    },
    Scenario {
        name: "stampede",
        about: "1,000 clients at once for one object of 4 KiB that takes the origin 200 ms, and then for the next",
        exchange: Exchange::Get(4 * 1024),
        connections: 1_000,
        cache: Some(Cache {
            bytes: 64 << 20,
            asked: Asked::Waves,
        }),
        origin: Some(Kind::Alone),
        ..SMALL
    },
];

/// Hits on so many objects of 128 bytes, all asked for alike.
#[must_use]
pub fn hits_on(objects: usize) -> Scenario {
    Scenario {
        name: "entries",
        about: "128 B from a cache of many objects, 64 connections",
        cache: Some(Cache {
            bytes: (objects as u64 * ROOM_EACH).max(OF_ONE.bytes),
            asked: Asked::Drawn {
                objects,
                exponent: 0.0,
                fill: objects,
                settle: 0,
            },
        }),
        origin: Some(Kind::Alone),
        ..SMALL
    }
}

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

    /// The origins that it is measured with, where these were asked for.
    #[must_use]
    pub fn origins(&self, asked: &[Kind]) -> Vec<Kind> {
        self.origin.map_or_else(|| asked.to_vec(), |own| vec![own])
    }

    /// Whether bodies are large enough for transfer to outweigh everything else.
    #[must_use]
    pub const fn is_bulk(&self) -> bool {
        match self.exchange {
            Exchange::Get(size) | Exchange::Upload(size) => size >= 64 * 1024,
            Exchange::GetMixed => false,
        }
    }

    /// Whether every request in the measured time is for what the cache has.
    #[must_use]
    pub fn is_all_hits(&self) -> bool {
        self.cache.is_some_and(|cache| match cache.asked {
            Asked::One => true,
            Asked::Drawn { exponent, .. } => exponent == 0.0,
            Asked::Waves => false,
        })
    }

    /// Whether all connections ask at once, and then wait for each other.
    #[must_use]
    pub fn is_waves(&self) -> bool {
        self.cache.is_some_and(|cache| cache.asked == Asked::Waves)
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
    fn only_what_is_always_in_the_cache_is_all_hits() {
        for name in ["hit", "hit-64k"] {
            assert!(find(name).unwrap().is_all_hits(), "{name}");
        }
        for name in ["small", "mixed", "stampede"] {
            assert!(!find(name).unwrap().is_all_hits(), "{name}");
        }
        assert!(hits_on(1_000).is_all_hits());
    }

    #[test]
    fn the_mixed_cache_holds_a_fifth() {
        let cache = find("mixed").unwrap().cache.unwrap();
        let all: usize = (0..MIXED_OBJECTS).map(body::mixed_size).sum();
        assert_eq!(cache.bytes, all as u64 / 5);
        assert!(cache.bytes < 512 << 20, "{}", cache.bytes);
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
