//! Upstreams as routes look them up.

use std::collections::BTreeMap;

use crate::load::lower::server_side::Layer;
use crate::plan::upstream::UpstreamId;

/// Every upstream by its name.
pub(super) type Targets = BTreeMap<String, Target>;

/// An upstream's name as routes look it up.
pub(super) struct Target {
    pub(super) id: UpstreamId,
    /// Its settings for routes, over the global ones.
    pub(super) layer: Layer,
}
