//! `compress` of a route.

use std::sync::Arc;

use crate::file::compress as file;
use crate::file::shape::Or;
use crate::limits;
use crate::load::lower::field::value;
use crate::load::lower::names::{self, Kind};
use crate::load::report::Place;
use crate::plan::compress::{CompressRules, ContentCoding};
use crate::values::media::MediaPattern;
use crate::values::scalar::Scalar;

/// What a route compresses; `None` = nothing.
pub(super) fn rules(
    written: Option<Or<Scalar<bool>, file::RouteCompress>>,
    at: &Place<'_>,
) -> Option<Arc<CompressRules>> {
    let file = match written? {
        Or::Short(Scalar(false)) => return None,
        Or::Short(Scalar(true)) => file::RouteCompress::default(),
        Or::Table(file) => file,
    };
    let min_size = at.key("min_size").bounded(
        value(&file.min_size).map(|size| size.0),
        &limits::COMPRESS_MIN_SIZE,
    );
    Some(Arc::new(CompressRules {
        codings: codings(&file, at),
        types: types(file, at),
        min_size,
    }))
}

fn codings(file: &file::RouteCompress, at: &Place<'_>) -> Vec<ContentCoding> {
    let Some(written) = &file.codings else {
        return ContentCoding::ALL.to_vec();
    };
    if written.0.is_empty() {
        at.empty("codings", "for example `codings = [\"br\", \"gzip\"]`");
    }
    names::each(
        Some(written.clone()),
        Ok,
        &Kind::new("coding", ContentCoding::ALL.len(), ToString::to_string),
        &at.key("codings"),
    )
}

fn types(file: file::RouteCompress, at: &Place<'_>) -> Vec<MediaPattern> {
    let Some(written) = file.types else {
        let usual = limits::COMPRESS_TYPES.iter();
        return usual
            .filter_map(|text| MediaPattern::read(text).ok())
            .collect();
    };
    if written.0.is_empty() {
        at.empty(
            "types",
            "for example `types = [\"text/*\", \"application/json\"]`",
        );
    }
    names::each(
        Some(written),
        |text: String| MediaPattern::read(&text),
        &Kind::new(
            "media type",
            limits::COMPRESS_MOST_TYPES,
            MediaPattern::show,
        ),
        &at.key("types"),
    )
}
