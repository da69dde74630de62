//! Warming: many URLs are asked for, so that they are stored before a client asks.
//!
//! | module | does |
//! |---|---|
//! | `run` | asks for all, so many at once, and waits where no server is there |
//! | `queue` | what is still to be asked for |
//! | `sources` | finds the URLs: lists, sitemaps |
//! | `sitemap` | reads a sitemap |
//! | `schedule` | does so at the start and from time to time, as the file says |

mod queue;
mod run;
mod schedule;
mod sitemap;
mod sources;

pub(crate) use run::{Fetching, run};
pub use run::{Tally, Watch};
pub(crate) use schedule::{Schedules, fetch};
pub(crate) use sources::Files;
pub use sources::Sources;
