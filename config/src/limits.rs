//! Every default and every limit of the configuration, in one place.
//!
//! A [`Bound`] is a setting with its default and its range. The other constants bound the file itself, so that a
//! configuration of any size and shape is read in bounded time and memory.

use std::time::Duration;

/// A setting's default, and the range that it must be in.
#[derive(Debug, Clone, Copy)]
pub struct Bound<T> {
    /// The value where the file names none.
    pub default: T,
    /// The smallest value.
    pub min: T,
    /// The largest value.
    pub max: T,
}

const fn bound<T: Copy>(min: T, default: T, max: T) -> Bound<T> {
    Bound { default, min, max }
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

// The file itself.

/// Bytes of a configuration.
pub const TEXT: usize = 8 << 20;
/// Tables within tables.
pub const DEPTH: usize = 32;
/// Complaints that are reported at once.
pub const DIAGNOSTICS: usize = 25;
/// Bytes of a string after its variables are filled in.
pub const INTERPOLATED: usize = 64 << 10;
/// Listeners.
pub const LISTENERS: usize = 256;
/// Routes.
pub const ROUTES: usize = 20_000;
/// Upstreams.
pub const UPSTREAMS: usize = 10_000;
/// Servers of one upstream.
pub const SERVERS: usize = 1_000;
/// Hosts of one route.
pub const HOSTS: usize = 256;
/// Paths of one route.
pub const PATHS: usize = 64;
/// Methods of one route.
pub const METHODS: usize = 32;
/// Headers that one route asks for.
pub const HEADERS: usize = 16;
/// Combinations of host and path, over all routes.
pub const PLACES: usize = 200_000;
/// Routes that differ only in methods and headers: they are tried one after another.
pub const ALTERNATIVES: usize = 128;
/// Header fields that one route sets, adds or removes.
pub const EDITS: usize = 64;
/// Names in one list of a route's cache settings: of fields, cookies, or query parameters.
pub const CACHE_NAMES: usize = 32;
/// Sets of statuses, and as many media types, that one route gives a freshness of their own.
pub const CACHE_TTLS: usize = 32;
/// Media types that one route compresses.
pub const COMPRESS_MOST_TYPES: usize = 64;
/// Tags that one route gives to its responses, and as many that it purges.
pub const TAGS: usize = 32;
/// Trusted networks.
pub const TRUSTED: usize = 1_000;
/// DNS servers.
pub const RESOLVERS: usize = 8;

// Single values.

/// CPU numbers, as in the kernel's `CPU_SETSIZE` on the largest machines.
pub const CPUS: usize = 4_096;
/// Bytes of a name of a route or an upstream.
pub const NAME: usize = 128;
/// Bytes of a path in a route.
pub const PATH: usize = 4 << 10;
/// Parameters in a path.
pub const PARAMS: usize = 16;
/// Bytes of a redirect's target, before its holes are filled.
pub const TEMPLATE: usize = 4 << 10;
/// Bytes of a fixed response's body.
pub const RESPONSE_BODY: usize = 1 << 20;
/// Bytes of a header's name, a method or a cookie's name.
pub const FIELD_NAME: usize = 256;
/// Bytes of a header's value.
pub const FIELD_VALUE: usize = 8 << 10;
/// Bytes of the name of a query parameter.
pub const QUERY_NAME: usize = 256;
/// Bytes of either half of a media type (RFC 6838 4.2).
pub const MEDIA_NAME: usize = 127;
/// Bytes of a tag, before its holes are filled.
pub const TAG: usize = 256;
/// Bytes of a Unix socket's path: `sun_path` less its final NUL.
pub const UNIX_PATH: usize = 107;
/// Bytes that a sticky cookie's secret must have at least.
pub const SECRET: usize = 16;
/// Bytes of a checked body that a body match looks at.
pub const CHECK_BODY: usize = 64 << 10;

// Workers.

/// `workers.count`, where it is a number. The default is one worker for each CPU.
pub const WORKERS: Bound<u32> = bound(1, 1, 1_024);
/// `workers.ring_entries`: what a ring of the kernel may have.
pub const RING_ENTRIES: Bound<u32> = bound(64, 1_024, 32_768);
/// `workers.backlog`: what `listen(2)` takes.
pub const BACKLOG: Bound<u32> = bound(1, 1_024, 65_535);
/// `workers.max_connections`
pub const MAX_CONNECTIONS: Bound<u32> = bound(1, 65_536, 16_000_000);

// Time limits of the client's side.

/// `timeouts.head`: HAProxy's usual 10 s; nginx has 60 s, which feeds a slow-loris.
pub const HEAD_TIMEOUT: Bound<Duration> = bound(millis(10), secs(10), secs(HOUR));
/// `timeouts.keep_alive`: between the 60 s of cloud load balancers and the 75 s of nginx, on the shorter side.
pub const KEEP_ALIVE: Bound<Duration> = bound(millis(10), secs(60), secs(DAY));
/// `timeouts.body`
pub const BODY_TIMEOUT: Bound<Duration> = bound(millis(10), secs(30), secs(DAY));
/// `timeouts.send`
pub const SEND_TIMEOUT: Bound<Duration> = bound(millis(10), secs(30), secs(DAY));
/// `timeouts.drain`: below what init systems wait before they kill (90 s for systemd).
pub const DRAIN: Bound<Duration> = bound(secs(0), secs(30), secs(DAY));

// Time limits of the server's side.

/// `connect`: time for one lost SYN to be sent again (after 1 s) and answered.
pub const CONNECT_TIMEOUT: Bound<Duration> = bound(millis(1), secs(2), secs(10 * 60));
/// `first_byte`
pub const FIRST_BYTE: Bound<Duration> = bound(millis(1), secs(30), secs(DAY));
/// `between_bytes`
pub const BETWEEN_BYTES: Bound<Duration> = bound(millis(1), secs(30), secs(DAY));
/// `request`, where it is not `off`, which is the default: a long download is no fault.
pub const REQUEST_TIMEOUT: Bound<Duration> = bound(millis(1), secs(HOUR), secs(7 * DAY));

// Sizes and rates of what clients send.

/// `limits.max_line`: RFC 9112 3 recommends at least 8000 bytes.
pub const MAX_LINE: Bound<u64> = bound(256, 8 * KIB, 64 * KIB);
/// `limits.max_head`: as nginx's four buffers of 8 KiB.
pub const MAX_HEAD: Bound<u64> = bound(512, 32 * KIB, MIB);
/// `limits.max_fields`: as HAProxy and Envoy have it.
pub const MAX_FIELDS: Bound<u32> = bound(1, 100, 256);
/// `max_body`, where it is not `off`, which is the default: bodies are streamed in bounded memory.
pub const MAX_BODY: Bound<u64> = bound(0, 0, 1 << 50);
/// `limits.min_receive_rate`, in bytes a second: far below any modem, far above a slow-loris.
pub const MIN_RECEIVE_RATE: Bound<u64> = bound(0, 100, MIB);
/// `limits.max_buffers`: an exchange holds some 32 KiB, and up to half a MiB while it moves large bodies.
pub const MAX_BUFFERS: Bound<u64> = bound(16 * MIB, 1024 * MIB, 1 << 40);
/// `limits.rate_grace`
pub const RATE_GRACE: Bound<Duration> = bound(millis(100), secs(5), secs(HOUR));

// Upstreams.

/// A server's `weight`.
pub const WEIGHT: Bound<u32> = bound(1, 1, 1_000);
/// A server's `max_connections`, where it has one.
pub const SERVER_CONNECTIONS: Bound<u32> = bound(1, 1, 1_000_000);
/// `slow_start`; zero is off.
pub const SLOW_START: Bound<Duration> = bound(secs(0), secs(0), secs(HOUR));
/// `queue.size`
pub const QUEUE_SIZE: Bound<u32> = bound(0, 1_024, 1_000_000);
/// `queue.timeout`: as HAProxy's usual 5 s.
pub const QUEUE_TIMEOUT: Bound<Duration> = bound(millis(1), secs(5), secs(10 * 60));
/// `pool.size`
pub const POOL_SIZE: Bound<u32> = bound(0, 256, 65_536);
/// `pool.idle_timeout`: below the 60 s or more that most servers allow.
pub const POOL_IDLE: Bound<Duration> = bound(millis(10), secs(30), secs(DAY));
/// `pool.max_age`, where it is not `off`: as nginx's `keepalive_time`, so that changed addresses take effect.
pub const POOL_AGE: Bound<Duration> = bound(secs(1), secs(HOUR), secs(30 * DAY));
/// `pool.max_requests`, where it is not `off`, which is the default.
pub const POOL_REQUESTS: Bound<u32> = bound(1, 1, u32::MAX);
/// `retry_budget.share`: as Envoy and Linkerd have it.
pub const RETRY_SHARE: f64 = 0.2;
/// `retry_budget.min_per_second`: as Linkerd has it.
pub const RETRY_MIN: Bound<u32> = bound(0, 10, 100_000);

// Active checks.

/// `check.interval`: as HAProxy's `inter`.
pub const CHECK_INTERVAL: Bound<Duration> = bound(millis(10), secs(2), secs(HOUR));
/// `check.timeout`; where the interval is shorter, the default is the interval.
pub const CHECK_TIMEOUT: Bound<Duration> = bound(millis(1), secs(1), secs(10 * 60));
/// `check.rise`: as HAProxy's.
pub const CHECK_RISE: Bound<u32> = bound(1, 2, 1_000);
/// `check.fall`: as HAProxy's.
pub const CHECK_FALL: Bound<u32> = bound(1, 3, 1_000);
/// `check.jitter`
pub const CHECK_JITTER: f64 = 0.1;

// Ejection. Envoy's outlier detection, with a shorter first ejection and a share that suits small groups.

/// `ejection.consecutive_failures`, where it is not `off`.
pub const EJECT_FAILURES: Bound<u32> = bound(1, 5, 100_000);
/// `ejection.failure_rate`
pub const EJECT_RATE: f64 = 0.5;
/// `ejection.window`
pub const EJECT_WINDOW: Bound<Duration> = bound(millis(100), secs(10), secs(HOUR));
/// `ejection.min_requests`
pub const EJECT_MIN_REQUESTS: Bound<u32> = bound(1, 20, 1_000_000);
/// `ejection.base_time`
pub const EJECT_BASE: Bound<Duration> = bound(millis(10), secs(10), secs(HOUR));
/// `ejection.max_time`; where the base is longer, the default is the base.
pub const EJECT_MAX: Bound<Duration> = bound(millis(10), secs(300), secs(DAY));
/// `ejection.max_share`
pub const EJECT_SHARE: f64 = 0.5;
/// `ejection.panic_threshold`: Envoy's 0.5 would use dead servers again as soon as two of three are down.
pub const PANIC: f64 = 0.25;

// Warming.

/// `[[warm]]` tables.
pub const WARMS: usize = 64;
/// URLs in one of them.
pub const WARM_URLS: usize = 1_000;
/// Bytes of such a URL.
pub const WARM_URL: usize = 8 << 10;
/// `warm.every`
pub const WARM_EVERY: Bound<Duration> = bound(secs(1), secs(HOUR), secs(YEAR));
/// `warm.concurrency`
pub const WARM_CONCURRENCY: Bound<u32> = bound(1, 4, 64);

// Retries.

/// `retry.attempts`
pub const RETRY_ATTEMPTS: Bound<u32> = bound(0, 2, 10);
/// `retry.max_body`
pub const RETRY_BODY: Bound<u64> = bound(0, 64 * KIB, 16 * MIB);
/// `retry.max_retry_after`
pub const RETRY_AFTER: Bound<Duration> = bound(secs(0), secs(1), secs(60));

// Caching.

/// `cache.size`: what a small machine can spare.
pub const CACHE_SIZE: Bound<u64> = bound(MIB, 256 * MIB, 1 << 40);
/// `cache.max_object`; where the whole cache is smaller, the default is its size.
pub const MAX_OBJECT: Bound<u64> = bound(0, 16 * MIB, 1 << 40);
/// `cache.ttl` and `cache.types` of a route, which have no default.
pub const CACHE_TTL: Bound<Duration> = bound(secs(0), secs(0), secs(10 * YEAR));
/// `cache.stale_while_revalidate`, `cache.stale_if_error` and `cache.serve_stale` of a route, where they are not `off`,
/// which is the default.
pub const STALE: Bound<Duration> = bound(secs(0), secs(0), secs(10 * YEAR));
/// `cache.min_uses` of a route.
pub const MIN_USES: Bound<u32> = bound(1, 1, 255);

// Compression.

/// `compress.min_size` of a route: less hardly shrinks, and fits a packet or two as it is.
pub const COMPRESS_MIN_SIZE: Bound<u64> = bound(0, KIB, 1 << 40);
/// `compress.types` of a route: what is text at heart, fonts that are not compressed in themselves, and WebAssembly.
pub const COMPRESS_TYPES: &[&str] = &[
    "text/*",
    "application/*+json",
    "application/*+xml",
    "application/javascript",
    "application/json",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/xml",
    "application/vnd.ms-fontobject",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/svg+xml",
    "image/vnd.microsoft.icon",
    "image/x-icon",
];

// Seeing it.

/// `access_log.queue`: records of each worker.
pub const LOG_QUEUE: Bound<u32> = bound(16, 8_192, 1 << 20);
/// `admin.listen`
pub const ADMIN: &str = "127.0.0.1:9901";
/// `forwarding.via`
pub const VIA: &str = "ringfence";
/// `resolver.min_ttl`
pub const MIN_TTL: Bound<Duration> = bound(millis(100), secs(5), secs(DAY));
/// `resolver.max_ttl`; where the minimum is longer, the default is the minimum.
pub const MAX_TTL: Bound<Duration> = bound(millis(100), secs(60), secs(DAY));
/// `resolver.timeout`
pub const RESOLVE_TIMEOUT: Bound<Duration> = bound(millis(10), secs(5), secs(60));
/// A DNS server's port.
pub const DNS_PORT: u16 = 53;

/// `respond.content_type`
pub const CONTENT_TYPE: &str = "text/plain; charset=utf-8";
/// `redirect.status`
pub const REDIRECT: u32 = 308;
/// `sticky.cookie`
pub const COOKIE: &str = "ringfence";
