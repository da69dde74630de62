//! TOML text to a validated, immutable [`Plan`]: every default, every limit, and the router.
//!
//! A mind without hands: it takes the text, the file's name and a way to ask for an environment variable, and
//! gives back a plan or a list of precise complaints. It opens no file and reads no clock.

pub mod error;
pub mod limits;
pub mod matching;
pub mod overrides;
pub mod plan;
pub mod router;
pub mod values;

mod load;

pub use load::schema;

pub use error::{ConfigError, Diagnostic};
pub use matching::{HeaderMatch, HeaderTest, HostPattern, Matcher, PathPattern, RouteId};
pub use overrides::{CpuList, OrOff, Overrides};
pub use plan::client::{ClientTimeouts, Forwarding, Limits, Listener};
pub use plan::observe::{AccessLog, Admin, Expose, LogFormat, LogTarget, Resolver};
pub use plan::route::{Action, HeaderEdits, Retry, Rewrite, Route, RouteTimeouts, StatusSet};
pub use plan::template::{Template, TemplateParts};
pub use plan::upstream::{
    Balance, Check, CheckKind, Ejection, HashKey, Pool, Queue, RetryBudget, SameSite, Secret,
    Server, Sticky, Upstream, UpstreamId,
};
pub use plan::workers::{DriverChoice, WorkerCount, Workers};
pub use plan::{Plan, Quick};
pub use router::{Found, Miss, Params, Query, Router};
pub use values::endpoint::{Endpoint, ServerAddress};
pub use values::words::UnknownWord;
