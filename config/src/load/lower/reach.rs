//! Routes that no request can reach, because another takes all of theirs.

use std::collections::HashMap;

use crate::limits;
use crate::load::report::Place;
use crate::matching::{HeaderMatch, HeaderTest, HostPattern, Matcher, Segment};
use crate::plan::route::Route;
use crate::values::wrong::Wrong;

/// A host and the shape of a path: segments, `None` for a parameter, and whether anything may follow.
type Spot<'a> = (Option<&'a HostPattern>, Vec<Option<&'a str>>, bool);

/// Complains about routes that are shadowed at one of their hosts and paths.
pub(super) fn check(routes: &[Route], at: &Place<'_>) {
    let mut spots: HashMap<Spot<'_>, Vec<usize>> = HashMap::new();
    let mut count = 0;
    for (place, route) in routes.iter().enumerate() {
        let here = at.index(place);
        let mut complained = false;
        count += route.matcher.paths.len() * route.matcher.hosts.len().max(1);
        if count > limits::PLACES {
            here.say(
                Wrong::new("the routes have too many combinations of host and path")
                    .help(format!("at most {}", limits::PLACES)),
            );
            return;
        }
        for spot in spots_of(&route.matcher) {
            let before = spots.entry(spot).or_default();
            let shadow = before
                .iter()
                .find(|other| **other != place && covers(&routes[**other].matcher, &route.matcher));
            if let (Some(other), false) = (shadow, complained) {
                say_shadowed(routes, place, *other, at);
                complained = true;
            } else if before.len() >= limits::ALTERNATIVES && !complained {
                let wrong = Wrong::new("too many routes differ only in methods and headers");
                here.say(wrong.help(format!(
                    "at most {} at one host and path",
                    limits::ALTERNATIVES
                )));
                complained = true;
            }
            if before.len() < limits::ALTERNATIVES {
                before.push(place);
            }
        }
    }
}

fn spots_of(matcher: &Matcher) -> impl Iterator<Item = Spot<'_>> {
    let hosts: Vec<Option<&HostPattern>> = match matcher.hosts.as_slice() {
        [] => vec![None],
        hosts => hosts.iter().map(Some).collect(),
    };
    hosts.into_iter().flat_map(|host| {
        matcher.paths.iter().map(move |path| {
            let shape = path.segments.iter().map(|segment| match segment {
                Segment::Literal(text) => Some(text.as_str()),
                Segment::Param(_) => None,
            });
            (host, shape.collect(), path.open)
        })
    })
}

/// Whether `a`, which comes before, takes every request that `b` would at the same host and path. A route that asks
/// for methods or headers is tried before one that does not, so a general route never hides a special one.
fn covers(a: &Matcher, b: &Matcher) -> bool {
    let special = |matcher: &Matcher| !matcher.methods.is_empty() || !matcher.headers.is_empty();
    let methods = a.methods.is_empty()
        || (!b.methods.is_empty() && b.methods.iter().all(|method| a.methods.contains(method)));
    let headers = a
        .headers
        .iter()
        .all(|wanted| b.headers.iter().any(|header| implies(header, wanted)));
    special(a) == special(b) && methods && headers
}

fn implies(header: &HeaderMatch, wanted: &HeaderMatch) -> bool {
    header.name == wanted.name && (wanted.test == HeaderTest::Present || wanted.test == header.test)
}

fn say_shadowed(routes: &[Route], place: usize, other: usize, at: &Place<'_>) {
    // A route whose keys could not be read seems to take everything.
    let keys = ["host", "path", "methods", "headers"];
    if [place, other]
        .iter()
        .any(|place| keys.iter().any(|key| at.index(*place).broken(key)))
    {
        return;
    }
    let name = &routes[other].name;
    let here = at.index(place);
    let wrong = Wrong::new(format!(
        "no request reaches this route: `{name}` takes them all"
    ));
    here.say_beside(
        wrong.help("two routes at the same host and path must differ in methods or headers"),
        &at.index(other),
        "this one",
    );
}
