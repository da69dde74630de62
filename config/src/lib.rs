//! TOML text to a validated, immutable [`Plan`]: every default, every limit, and the router.
//!
//! A mind without hands: it takes the text, the file's name and a way to ask for an environment variable, and
//! gives back a plan or a list of precise complaints. It opens no file and reads no clock.

pub mod error;
pub mod file;
pub mod limits;
pub mod matching;
pub mod overrides;
pub mod plan;
pub mod router;
pub mod values;

mod load;

pub use error::{ConfigError, Diagnostic};
pub use load::schema::schema;
pub use matching::{HeaderMatch, HeaderTest, HostPattern, Matcher, PathPattern, RouteId};
pub use overrides::Overrides;
pub use plan::cache::{Bypass, CacheLimits, CacheRules, KeyQuery, KeyRules, Origin, PerUser, Ttl};
pub use plan::client::{ClientTimeouts, Forwarding, Limits, Listener};
pub use plan::compress::{CompressRules, ContentCoding};
pub use plan::observe::{AccessLog, Admin, Expose, LogFormat, LogTarget, Resolver};
pub use plan::rewrite::Rewrite;
pub use plan::route::{Action, HeaderEdits, Retry, Route, RouteTimeouts};
pub use plan::tag::TagTemplate;
pub use plan::template::{Template, TemplateParts};
pub use plan::upstream::{
    Balance, Check, CheckKind, Ejection, HashKey, Pool, Queue, RetryBudget, SameSite, Secret,
    Server, Sticky, Upstream, UpstreamId,
};
pub use plan::warm::Warm;
pub use plan::workers::{DriverChoice, WorkerCount, Workers};
pub use plan::{Plan, Quick};
pub use router::params::Params;
pub use router::{Found, Miss, Query, Router, patterns_of};
pub use values::cpus::CpuList;
pub use values::endpoint::{Endpoint, ServerAddress};
pub use values::link::why_no_url;
pub use values::media::MediaPattern;
pub use values::off::OrOff;
pub use values::query::QueryName;
pub use values::status::StatusSet;
pub use values::wrong::Wrong;
