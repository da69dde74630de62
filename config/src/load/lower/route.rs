//! `[[route]]`.

use std::collections::BTreeMap;

use crate::file::route::Route as Written;
use crate::limits;
use crate::load::lower::edits::{self, Side};
use crate::load::lower::field::{no_effect, value};
use crate::load::lower::server_side::{self, Layer};
use crate::load::lower::target::Targets;
use crate::load::lower::{action, cache, compress, matcher, reach};
use crate::load::report::Place;
use crate::matching::path::literal_prefix;
use crate::matching::{Matcher, PathPattern, Segment};
use crate::plan::cache::CacheLimits;
use crate::plan::rewrite::Rewrite;
use crate::plan::route::{Action, Route};
use crate::plan::upstream::Upstream;
use crate::values::scalar::Scalar;
use crate::values::wrong::{Wrong, quoted};

/// What of the rest of the file bears on a route.
pub(super) struct Around<'a> {
    pub(super) targets: &'a Targets,
    pub(super) upstreams: &'a [Upstream],
    pub(super) global: &'a Layer,
    pub(super) cache: &'a CacheLimits,
}

/// Every route, in file order.
pub(super) fn all(
    written: Option<Vec<Written>>,
    around: &Around<'_>,
    root: &Place<'_>,
) -> Vec<Route> {
    let written = written.unwrap_or_default();
    if written.is_empty() {
        let first = around.upstreams.first();
        let name = first.map_or("app", |upstream| &upstream.name);
        let help = format!("say where requests go: `[[route]]` and `upstream = \"{name}\"`");
        root.empty("route", &help);
    }
    let at = root.key("route");
    at.at_most(written.len(), limits::ROUTES, "routes");
    let number = |(place, file)| route(place, file, around, &at.index(place));
    let routes: Vec<Route> = written.into_iter().enumerate().map(number).collect();
    check_names(&routes, &at);
    reach::check(&routes, &at);
    routes
}

fn route(place: usize, mut file: Written, around: &Around<'_>, at: &Place<'_>) -> Route {
    let matcher = matcher::take(&mut file, at);
    let action = action::take(&mut file, &matcher, around.targets, at);
    let rewrite = rewrite(&file, &matcher, at);
    if !matches!(action, Action::Upstream(_)) {
        check_no_upstream(&file, at);
    }
    let layer = server_side::of_route(
        file.timeouts.take(),
        file.max_body.as_ref(),
        file.retry.take(),
        at,
    );
    let layer = match &action {
        Action::Upstream(id) => around
            .upstreams
            .get(id.index())
            .and_then(|upstream| around.targets.get(&upstream.name))
            .map_or(layer.clone(), |target| layer.over(&target.layer)),
        Action::Redirect { .. } | Action::Respond { .. } => {
            layer.over(&around.global.only_max_body())
        }
    };
    let cache = cache::rules(file.cache.take(), around.cache, &matcher, &at.key("cache"));
    let purges = cache::purges(file.purges.take(), &matcher, &at.key("purges"));
    let compress = compress::rules(file.compress.take(), &at.key("compress"));
    Route {
        name: name(place, &file, at),
        matcher,
        action,
        rewrite,
        request_headers: edits::lower(
            file.request_headers,
            Side::Request,
            &at.key("request_headers"),
        ),
        response_headers: edits::lower(
            file.response_headers,
            match compress.is_some() {
                true => Side::Compressed,
                false => Side::Response,
            },
            &at.key("response_headers"),
        ),
        timeouts: layer.timeouts(),
        max_body: layer.max_body(),
        retry: layer.retry(),
        cache,
        purges,
        compress,
    }
}

fn name(place: usize, file: &Written, at: &Place<'_>) -> String {
    let Some(name) = value(&file.name) else {
        return format!("route-{}", place + 1);
    };
    if name.is_empty() || name.len() > limits::NAME || name.chars().any(char::is_control) {
        let wrong = Wrong::new(format!("{} cannot be the name of a route", quoted(&name)));
        at.key("name").say(wrong.help(format!(
            "from 1 to {} bytes, without control characters",
            limits::NAME
        )));
    }
    name
}

/// Keys that only say something about a server.
fn check_no_upstream(file: &Written, at: &Place<'_>) {
    let there = [
        ("strip_prefix", file.strip_prefix.is_some()),
        ("replace_prefix", file.replace_prefix.is_some()),
        ("request_headers", file.request_headers.is_some()),
        ("timeouts", file.timeouts.is_some()),
        ("retry", file.retry.is_some()),
        ("cache", file.cache.is_some()),
        ("purges", file.purges.is_some()),
        ("compress", file.compress.is_some()),
    ];
    for (key, _) in there.iter().filter(|(_, there)| *there) {
        if !at.written("upstream") {
            at.key(key)
                .say_of_key(no_effect(key, "on a route without an upstream"));
        }
    }
}

fn rewrite(file: &Written, matcher: &Matcher, at: &Place<'_>) -> Option<Rewrite> {
    if file.strip_prefix.is_some() && file.replace_prefix.is_some() {
        let wrong =
            Wrong::new("a route has one rewrite, not both `strip_prefix` and `replace_prefix`");
        at.key("replace_prefix")
            .say_of_key(wrong.help("`replace_prefix` alone takes the prefix away as well"));
    }
    if let Some(from) = &file.strip_prefix {
        let here = at.key("strip_prefix");
        let from = prefix(from, &here)?;
        if from.is_empty() {
            here.say(Wrong::new("there is nothing to strip").help("a prefix such as \"/api\""));
        }
        check_applies(&from, matcher, &here);
        return Some(Rewrite {
            from,
            to: String::new(),
        });
    }
    let replace = file.replace_prefix.as_ref()?;
    let here = at.key("replace_prefix");
    for (key, there) in [
        ("from", replace.from.is_some()),
        ("to", replace.to.is_some()),
    ] {
        if !there {
            here.missing(
                key,
                "for example `replace_prefix = { from = \"/api\", to = \"/v2\" }`",
            );
        }
    }
    let from = prefix(replace.from.as_ref()?, &here.key("from"))?;
    let to = prefix(replace.to.as_ref()?, &here.key("to"))?;
    check_applies(&from, matcher, &here.key("from"));
    Some(Rewrite { from, to })
}

fn prefix(written: &Scalar<String>, at: &Place<'_>) -> Option<String> {
    literal_prefix(&written.0)
        .map_err(|wrong| at.say(wrong))
        .ok()
}

/// A prefix that no path of the route can begin with is a mistake.
fn check_applies(prefix: &str, matcher: &Matcher, at: &Place<'_>) {
    let segments: Vec<&str> = prefix.split('/').skip(1).collect();
    if !matcher.paths.iter().any(|path| may_begin(path, &segments)) {
        let paths: Vec<String> = matcher
            .paths
            .iter()
            .take(3)
            .map(PathPattern::show)
            .collect();
        let wrong = Wrong::new(format!("no path of this route begins with `{prefix}`"));
        at.say(wrong.help(format!("its path is `{}`", paths.join("`, `"))));
    }
}

fn may_begin(path: &PathPattern, prefix: &[&str]) -> bool {
    let long_enough = path.open || path.segments.len() >= prefix.len();
    long_enough
        && path
            .segments
            .iter()
            .zip(prefix)
            .all(|(segment, text)| match segment {
                Segment::Literal(literal) => literal == text,
                Segment::Param(_) => true,
            })
}

fn check_names(routes: &[Route], at: &Place<'_>) {
    let mut seen = BTreeMap::new();
    for (place, route) in routes.iter().enumerate() {
        if let Some(first) = seen.insert(route.name.as_str(), place) {
            let here = at.index(place);
            here.key("name").say_beside(
                Wrong::new(format!("two routes are called `{}`", route.name)),
                &at.index(first),
                "first here",
            );
        }
    }
}
