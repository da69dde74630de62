//! `[[warm]]`.

use crate::file::warm as file;
use crate::limits;
use crate::load::lower::field::value;
use crate::load::report::Place;
use crate::plan::warm::Warm;
use crate::values::off::OrOff;
use crate::values::wrong::Wrong;

pub(super) fn all(written: Option<Vec<file::Warm>>, root: &Place<'_>) -> Vec<Warm> {
    let written = written.unwrap_or_default();
    let at = root.key("warm");
    at.at_most(written.len(), limits::WARMS, "tables");
    let lower = |(place, warm)| one(warm, &at.index(place));
    written.into_iter().enumerate().map(lower).collect()
}

fn one(file: file::Warm, at: &Place<'_>) -> Warm {
    let urls = file.urls.map(|many| many.0).unwrap_or_default();
    at.key("urls")
        .at_most(urls.len(), limits::WARM_URLS, "URLs");
    if urls.is_empty() && file.list.is_none() && file.sitemap.is_none() {
        at.missing(
            "urls",
            "say what to ask for: `urls = [\"http://example.com/\"]`, `list` or `sitemap`",
        );
    }
    let every = value(&file.every).and_then(OrOff::into_option);
    let every = at.key("every").within(every, &limits::WARM_EVERY);
    let at_start = value(&file.at_start).unwrap_or(true);
    if !at_start && every.is_none() && !at.broken("every") {
        at.key("at_start").say(
            Wrong::new("nothing is ever asked for")
                .help("say how often, such as `every = \"1h\"`, or leave `at_start` out"),
        );
    }
    Warm {
        urls: urls.into_iter().map(|url| url.0.0).collect(),
        list: value(&file.list),
        sitemap: value(&file.sitemap).map(|place| place.0),
        at_start,
        every,
        concurrency: at
            .key("concurrency")
            .bounded(value(&file.concurrency), &limits::WARM_CONCURRENCY)
            as usize,
    }
}
