//! `[[warm]]`.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::file::shape::OneOrMany;
use crate::values::link::{SitemapPlace, WebUrl};
use crate::values::off::OrOff;
use crate::values::scalar::Scalar;

/// URLs that are asked for so that they are stored before a client asks.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warm {
    /// The URLs themselves, with scheme and host. Default `[]`.
    pub urls: Option<OneOrMany<Scalar<WebUrl>>>,
    /// A file of URLs, one a line; what begins with `#` is none. It is read each time.
    pub list: Option<Scalar<PathBuf>>,
    /// A sitemap: a file, or a URL that is asked for over plain HTTP. It is read each time, with the sitemaps that it names.
    pub sitemap: Option<Scalar<SitemapPlace>>,
    /// Whether they are asked for at the start, and when a reload brings them. Default `true`.
    pub at_start: Option<Scalar<bool>>,
    /// How long after the last time they are asked for again, give or take a tenth; or `off`. Default `off`.
    pub every: Option<Scalar<OrOff<Duration>>>,
    /// How many are asked for at once. Default `4`.
    pub concurrency: Option<Scalar<u32>>,
}
