//! Changes to header fields.

use std::collections::BTreeMap;

use crate::file::route::HeaderEdits as Written;
use ringfence_http::Name;

use crate::limits;
use crate::load::report::Place;
use crate::plan::route::HeaderEdits;
use crate::values::token::{field_name, is_connection_field};
use crate::values::wrong::Wrong;

/// Whose head is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
    /// Of a response that may be compressed.
    Compressed,
}

pub(super) fn lower(written: Option<Written>, side: Side, at: &Place<'_>) -> HeaderEdits {
    let written = written.unwrap_or_default();
    let mut edits = HeaderEdits::default();
    for (place, name) in written
        .remove
        .map(|many| many.0)
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        edits.remove.extend(editable(&name.0, side, |wrong| {
            at.key("remove").index(place).say(wrong)
        }));
    }
    let set = at.key("set");
    for (name, value) in written.set.unwrap_or_default() {
        let lower = editable(&name, side, |wrong| set.key(&name).say_of_key(wrong));
        edits.set.extend(lower.map(|lower| (lower, value.0.0)));
    }
    let add = at.key("add");
    for (name, values) in written.add.unwrap_or_default() {
        let lower = editable(&name, side, |wrong| add.key(&name).say_of_key(wrong));
        let values = values.0.into_iter().map(|value| value.0.0);
        edits.add.extend(
            lower
                .into_iter()
                .flat_map(|lower| values.clone().map(move |value| (lower.clone(), value))),
        );
    }
    at.at_most(
        edits.set.len() + edits.add.len() + edits.remove.len(),
        limits::EDITS,
        "changes",
    );
    check_twice(&edits, at);
    edits
}

/// The name in lower case, if a file may edit such a field.
fn editable(name: &str, side: Side, complain: impl Fn(Wrong)) -> Option<String> {
    let lower = match field_name(name) {
        Ok(lower) => lower,
        Err(wrong) => {
            complain(wrong);
            return None;
        }
    };
    if is_connection_field(&lower) {
        complain(
            Wrong::new(format!("the header `{lower}` cannot be edited")).help(
                "it belongs to one connection and its framing, which Ringfence writes itself",
            ),
        );
        return None;
    }
    if side == Side::Request && Name::is_disguise(lower.as_bytes()) {
        complain(
            Wrong::new(format!("the header `{lower}` cannot be edited"))
                .help("servers may take it for the same name with dashes"),
        );
        return None;
    }
    if lower == "content-encoding" && side == Side::Compressed {
        complain(
            Wrong::new("the header `content-encoding` cannot be edited where `compress` is on")
                .help("it says how the body is compressed, and clients cannot read it without"),
        );
        return None;
    }
    if lower == "host" && side == Side::Request {
        complain(
            Wrong::new("the header `host` cannot be edited")
                .help("`host = \"…\"` of the upstream says what its servers get"),
        );
        return None;
    }
    if lower == "expect" && side == Side::Request {
        complain(
            Wrong::new("the header `expect` cannot be edited")
                .help("a client that sent it waits for the answer before it sends its body"),
        );
        return None;
    }
    Some(lower)
}

fn check_twice(edits: &HeaderEdits, at: &Place<'_>) {
    let mut seen = BTreeMap::new();
    let set = edits.set.iter().map(|(name, _)| (name, "set"));
    for (name, how) in set.chain(edits.remove.iter().map(|name| (name, "remove"))) {
        match seen.insert(name, how) {
            Some(before) if before == how => at.key(how).say_of_key(Wrong::new(format!(
                "the header `{name}` is in `{how}` twice"
            ))),
            Some(_) => at.key(how).say_of_key(
                Wrong::new(format!("the header `{name}` is both set and removed"))
                    .help("`set` alone replaces what was there"),
            ),
            None => {}
        }
    }
}
