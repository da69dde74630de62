//! What a shared cache may keep, and when it may answer with it: RFC 9111 as pure functions of a request, a stored
//! response and the time.
//!
//! A mind: it takes parsed heads and `now` in seconds since the start of the process, and has no socket, clock, thread or
//! file. What cannot be understood is read in the way that stores less and validates more.
//!
//! | module | what it holds |
//! |---|---|
//! | `directives` | the list that Cache-Control is, member by member |
//! | `response`, `request` | [`ResponseControl`], [`RequestControl`]: what either side orders |
//! | `targeted` | `Ringfence-Cache-Control` and `CDN-Cache-Control` (RFC 9213) |
//! | `rules` | [`in_force`]: what a route's rules make of them |
//! | `freshness` | [`Freshness`]: for how long a response is fresh, and how old it came |
//! | `storable` | [`storable`]: whether a response may be kept, and why not |
//! | `reuse` | [`judge`]: whether a kept one may answer a request |
//! | `vary` | [`Vary`]: which requests a kept one was for |
//! | `etag`, `conditional` | [`condition`]: whether the client has it already |
//! | `object` | [`Object`]: one stored response |
//! | `key` | [`write_key`]: what a response is stored under |
//! | `pattern` | [`UrlPattern`]: which URLs a purge means |
//! | `range` | [`wanted`]: which parts of it are asked for |
//! | `store` | [`Store`]: the stored responses of one core, and what becomes of them |

mod conditional;
mod directives;
mod etag;
mod freshness;
mod head;
mod key;
mod object;
mod pattern;
mod range;
mod request;
mod response;
mod reuse;
mod rules;
mod seconds;
mod storable;
mod store;
mod targeted;
mod vary;

pub use conditional::{Condition, condition, range_applies};
pub use freshness::{Basis, Freshness, Heuristic, Received};
pub use head::Head;
pub use key::{KeyParts, PART, REALM, VALUE, normal_query, part_names, user, write_key, write_url};
pub use object::{Circumstances, Form, Object};
pub use pattern::{UrlPattern, split_url, without_scheme};
pub use range::{MOST_RANGES, Wanted, wanted};
pub use request::{MaxStale, RequestControl};
pub use response::{ResponseControl, Scope};
pub use reuse::{Verdict, judge, judge_purged};
pub use rules::{in_force, says_how_long};
pub use seconds::Seconds;
pub use storable::{Asked, NotStored, storable};
pub use store::{Found, Holdings, Key, MOST_VARIANTS, Purge, Refused, Stats, Store, Stored};
pub use vary::Vary;
