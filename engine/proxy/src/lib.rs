//! The request path.
//!
//! A [`work`]er owns everything that one core needs. Each client connection is one task
//! (`serve`), each request on it one exchange, which runs in a `coroutine` lent for it, and `walk` is
//! the one place that moves an exchange from station to station. One file a station:
//!
//! `Accept → Head → Screen → Route → Lookup → Dial → Ask → Answer → Relay → Finish`, and the side door
//! `Refuse`, where every response that we invent ourselves is made.
//!
//! | module | holds |
//! |---|---|
//! | `house` | all that cores share, and the orders that the control side posts |
//! | `serve` | a connection's task, and the coroutines that serve its requests |
//! | `work` | running one core: its listeners, its orders, its drain |
//! | `worker` | everything that one core needs |
//! | `epoch` | what a worker derived from one adopted plan |
//! | `holdings` | what is stored of each route, for the metrics |
//! | `lane` | one upstream as one worker sees it: picker, retry budget, queue |
//! | `refresh`, `warm` | asking again in the background, and for the cache alone |
//! | `note` | what the caches of the cores tell one another |
//! | `tag`, `tags` | by what responses are purged |
//! | `forwarded` | a request as the origin gets it |
//! | `pool` | idle upstream connections of one core, and the spill between cores |
//! | `purge` | purges that come from outside |
//! | `question`, `explain` | what would become of a request that nobody has made |
//! | `bypass`, `keys`, `cache_fields` | which requests the cache has no part in, what responses are stored under, and fields that there are because of it |
//! | `fit`, `invalidate` | which responses may be stored, and what of the store a request takes with it |
//! | `cache` | the stored responses of one core, and who fetches what |
//! | `compress`, `coder`, `coded` | in which form a response is passed on, what codes it, and passing it on so |
//! | `selected`, `recode` | in which form a stored response goes out, and what makes the head of one |
//! | `rendered` | heads of hits that were written a moment ago |
//! | `transit`, `passage` | a response's body on its way, and which bytes of it go by unseen |
//! | `gather`, `stretch` | receiving a response for all who want it, and what of its body has come |
//! | `stations` | the request path |

mod body;
mod bypass;
mod cache;
mod cache_fields;
mod client;
mod coded;
mod coder;
mod compress;
mod conn;
mod coroutine;
mod date;
mod edits;
mod epoch;
mod exchange;
mod explain;
mod fit;
mod forwarded;
mod forwarding;
mod gather;
mod holdings;
mod house;
mod invalidate;
mod journal;
mod keys;
mod lane;
mod note;
mod own;
mod pace;
mod passage;
pub mod pool;
mod presence;
mod purge;
mod question;
mod recode;
mod refresh;
mod rendered;
mod request_id;
mod retry;
mod selected;
mod serve;
mod share;
mod stations;
mod stretch;
mod tag;
mod tags;
mod transit;
mod upload;
mod walk;
mod warm;
mod work;
mod worker;

pub use explain::{Asked, explain};
pub use house::{Adoption, HashSecret, House, Order, WorkerSeed};
pub use note::CacheNote;
pub use purge::{PurgeOrder, purge};
pub use question::{Errand, Question};
pub use warm::{fetch, softly_purged};
pub use work::work;
