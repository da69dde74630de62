//! Tags that a route gives to its responses, or purges.

use crate::file::shape::OneOrMany;
use crate::limits;
use crate::load::lower::names::{self, Kind};
use crate::load::lower::params;
use crate::load::report::Place;
use crate::matching::Matcher;
use crate::plan::tag::TagTemplate;
use crate::values::scalar::Scalar;

pub(super) fn lower(
    written: Option<OneOrMany<Scalar<TagTemplate>>>,
    matcher: &Matcher,
    at: &Place<'_>,
) -> Vec<TagTemplate> {
    const HELP: &str = "a tag has the path's parameters, and `{*}` where it ends in a star";
    for (place, tag) in written.iter().flat_map(|many| &many.0).enumerate() {
        params::check(tag.0.params(), &[], HELP, matcher, &at.index(place));
    }
    let kind = Kind::new("tag", limits::TAGS, |tag: &TagTemplate| {
        tag.as_str().to_owned()
    });
    names::each(written, Ok, &kind, at)
}
