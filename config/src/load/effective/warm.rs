//! `[[warm]]`.

use crate::file::shape::OneOrMany;
use crate::file::warm as file;
use crate::load::effective::field::{or_off, some};
use crate::plan::warm::Warm;
use crate::values::link::{SitemapPlace, WebUrl};
use crate::values::scalar::Scalar;

pub(super) fn warm(plan: &Warm) -> file::Warm {
    let urls = plan.urls.iter().cloned().map(|url| Scalar(WebUrl(url)));
    file::Warm {
        urls: Some(OneOrMany(urls.collect())),
        list: plan.list.clone().map(Scalar),
        sitemap: plan
            .sitemap
            .clone()
            .map(|place| Scalar(SitemapPlace(place))),
        at_start: some(plan.at_start),
        every: or_off(plan.every),
        concurrency: u32::try_from(plan.concurrency).ok().map(Scalar),
    }
}
