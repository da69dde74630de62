//! What routes compress.

use crate::file::compress as file;
use crate::file::shape::{OneOrMany, Or};
use crate::load::effective::field::some;
use crate::plan::compress::CompressRules;
use crate::values::amount::Size;
use crate::values::scalar::Scalar;

pub(super) fn rules(plan: Option<&CompressRules>) -> Or<Scalar<bool>, file::RouteCompress> {
    let Some(plan) = plan else {
        return Or::Short(Scalar(false));
    };
    let codings = plan.codings.iter().copied().map(Scalar);
    let types = plan.types.iter().map(|kind| Scalar(kind.show()));
    Or::Table(file::RouteCompress {
        codings: Some(OneOrMany(codings.collect())),
        types: Some(OneOrMany(types.collect())),
        min_size: some(Size(plan.min_size)),
    })
}
