//! Which requests get the same response, and which pass by the cache.

use crate::file::cache::{Bypass as WrittenBypass, CacheKey as Written, QueryWord};
use crate::limits::CACHE_NAMES as MOST;
use crate::load::lower::field::{no_effect, value};
use crate::load::lower::names::{self, Kind};
use crate::load::report::Place;
use crate::plan::cache::{Bypass, KeyQuery, KeyRules};
use crate::values::token::{field_name, is_connection_field};
use crate::values::wrong::Wrong;

pub(super) fn lower(mut file: Written, at: &Place<'_>) -> KeyRules {
    let query = query(&mut file, at);
    let sort = value(&file.sort).unwrap_or(false);
    if sort && query == KeyQuery::None {
        let wrong = no_effect("sort", "where nothing of the query counts");
        at.key("sort").say_of_key(wrong.help("leave it out"));
    }
    KeyRules {
        query,
        sort,
        headers: names::each(
            file.headers,
            |name: String| countable(&name),
            &Kind::new("header", MOST, String::clone),
            &at.key("headers"),
        ),
        cookies: names::cookies(file.cookies, MOST, &at.key("cookies")),
        device: value(&file.device).unwrap_or(false),
        host: value(&file.host).unwrap_or(true),
        scheme: value(&file.scheme).unwrap_or(true),
    }
}

/// The name of a header in lower case, if what is asked for can depend on it.
fn countable(name: &str) -> Result<String, Wrong> {
    let name = field_name(name)?;
    if is_connection_field(&name) {
        let wrong = Wrong::new(format!("the header `{name}` cannot be part of a key"));
        return Err(wrong.help("it belongs to one connection and its framing"));
    }
    Ok(name)
}

fn query(file: &mut Written, at: &Place<'_>) -> KeyQuery {
    let word = value(&file.query);
    let nothing = word == Some(QueryWord::None);
    let against = [
        ("keep", file.keep.is_some() && word.is_some()),
        ("drop", file.drop.is_some() && nothing),
    ];
    for (key, _) in against.iter().filter(|(_, against)| *against) {
        let word = word.unwrap_or(QueryWord::All);
        let why = format_args!("with `query = \"{word}\"`");
        at.key(key)
            .say_of_key(no_effect(key, why).help("leave one of them out"));
    }
    if file.keep.is_some() && file.drop.is_some() {
        let wrong = Wrong::new("a key has one choice of parameters, not both `keep` and `drop`");
        at.key("drop")
            .say_of_key(wrong.help("what `keep` does not name is dropped"));
    }
    let keep = file
        .keep
        .take()
        .map(|keep| names::query(Some(keep), MOST, &at.key("keep")));
    let drop = names::query(file.drop.take(), MOST, &at.key("drop"));
    match keep {
        _ if nothing => KeyQuery::None,
        Some(keep) if keep.is_empty() => KeyQuery::None,
        Some(keep) => KeyQuery::Keep(keep),
        None if drop.is_empty() => KeyQuery::All,
        None => KeyQuery::Drop(drop),
    }
}

pub(super) fn bypass(file: WrittenBypass, at: &Place<'_>) -> Bypass {
    Bypass {
        cookies: names::cookies(file.cookies, MOST, &at.key("cookies")),
        headers: names::fields(file.headers, MOST, &at.key("headers")),
        query: names::query(file.query, MOST, &at.key("query")),
    }
}
