//! What a route does: exactly one of `upstream`, `redirect` and `respond`.

use bytes::Bytes;

use crate::file::route::{Redirect, Respond, Route as Written};
use crate::file::shape::Or;
use crate::limits;
use crate::load::lower::field::value;
use crate::load::lower::params;
use crate::load::lower::target::Targets;
use crate::load::report::Place;
use crate::matching::Matcher;
use crate::plan::route::Action;
use crate::plan::template::Template;
use crate::plan::upstream::UpstreamId;
use crate::values::words::{listed, nearest};
use crate::values::wrong::{Wrong, quoted};

const REDIRECTS: [u32; 5] = [301, 302, 303, 307, 308];
/// What a redirect's target may have beside the path's parameters.
const FIXED: [&str; 4] = ["scheme", "host", "path", "query"];
const HELP: &str = "`{scheme}`, `{host}`, `{path}`, `{query}`, the path's parameters, and `{*}` where it ends in a star";

/// Takes the action's keys out of the route. Where they make no sense, an empty response stands in.
pub(super) fn take(
    file: &mut Written,
    matcher: &Matcher,
    targets: &Targets,
    at: &Place<'_>,
) -> Action {
    let (upstream, redirect, respond) = (
        file.upstream.take(),
        file.redirect.take(),
        file.respond.take(),
    );
    let there = [
        ("upstream", upstream.is_some()),
        ("redirect", redirect.is_some()),
        ("respond", respond.is_some()),
    ];
    let mut actions = there
        .iter()
        .filter(|(_, there)| *there)
        .map(|(key, _)| *key);
    if let (Some(first), Some(second)) = (actions.next(), actions.next()) {
        let wrong = Wrong::new(format!(
            "a route has one action, not both `{first}` and `{second}`"
        ));
        at.key(second)
            .say_of_key(wrong.help("leave one of them out"));
    }
    let action = upstream
        .and_then(|name| self::upstream(&name.0, targets, &at.key("upstream")))
        .or_else(|| {
            redirect.and_then(|redirect| self::redirect(redirect, matcher, &at.key("redirect")))
        })
        .or_else(|| respond.map(|respond| self::respond(&respond, &at.key("respond"))));
    if there.iter().all(|(key, there)| !there && !at.written(key)) {
        at.say(
            Wrong::new("the route does nothing")
                .help("give it one of `upstream`, `redirect` and `respond`"),
        );
    }
    action.unwrap_or_else(nothing)
}

fn nothing() -> Action {
    Action::Respond {
        status: 200,
        body: Bytes::new(),
        content_type: String::new(),
    }
}

fn upstream(name: &str, targets: &Targets, at: &Place<'_>) -> Option<Action> {
    if let Some(target) = targets.get(name) {
        return Some(Action::Upstream(target.id));
    }
    let names = || targets.keys().map(String::as_str);
    let wrong = Wrong::new(format!("there is no upstream {}", quoted(name)));
    at.say(match nearest(name, names()) {
        Some(near) => wrong.help(format!("did you mean `{near}`?")),
        None if targets.is_empty() => {
            wrong.help(format!("write `[upstream.{name}]` with its `servers`"))
        }
        None => wrong.help(format!("there are {}", listed(names()))),
    });
    // The file's other mistakes are about a route to an upstream, so it stays one.
    Some(Action::Upstream(UpstreamId(u32::MAX)))
}

fn redirect(
    written: Or<crate::values::scalar::Scalar<Template>, Redirect>,
    matcher: &Matcher,
    at: &Place<'_>,
) -> Option<Action> {
    let (file, to_at) = match written {
        Or::Table(file) => (file, at.key("to")),
        Or::Short(to) => (
            Redirect {
                to: Some(to),
                status: None,
            },
            at.clone(),
        ),
    };
    let status = value(&file.status).unwrap_or(limits::REDIRECT);
    if !REDIRECTS.contains(&status) {
        at.key("status").say(
            Wrong::new(format!("{status} is not a redirect"))
                .help("one of 301, 302, 303, 307 and 308"),
        );
    }
    let Some(to) = value(&file.to) else {
        at.missing("to", "for example `to = \"https://{host}{path}?{query}\"`");
        return None;
    };
    params::check(to.params(), &FIXED, HELP, matcher, &to_at);
    check_loop(&to, matcher, &to_at);
    Some(Action::Redirect {
        status: u16::try_from(status).unwrap_or_default(),
        to,
    })
}

/// A redirect that leads back to the same route at once.
fn check_loop(to: &Template, matcher: &Matcher, at: &Place<'_>) {
    let to = to.as_str();
    let same_url = matches!(
        to,
        "{path}" | "{path}?{query}" | "{scheme}://{host}{path}" | "{scheme}://{host}{path}?{query}"
    );
    if same_url
        || matcher
            .paths
            .iter()
            .any(|path| !path.open && path.params().next().is_none() && path.show() == to)
    {
        at.say(Wrong::new("the redirect leads back to itself"));
    }
}

fn respond(file: &Respond, at: &Place<'_>) -> Action {
    let status = value(&file.status).unwrap_or(200);
    if !(200..=599).contains(&status) {
        at.key("status").say(
            Wrong::new(format!("the status {status} is out of range"))
                .help("a final status goes from 200 to 599"),
        );
    }
    let body = value(&file.body).unwrap_or_default();
    if body.len() > limits::RESPONSE_BODY {
        at.key("body").say(
            Wrong::new(format!("a body of {} bytes is too long", body.len()))
                .help(format!("at most {}", limits::RESPONSE_BODY)),
        );
    }
    if !body.is_empty() && matches!(status, 204 | 205 | 304) {
        at.key("body").say_of_key(Wrong::new(format!(
            "a response with status {status} has no body"
        )));
    }
    Action::Respond {
        status: u16::try_from(status).unwrap_or_default(),
        body: Bytes::from(body),
        content_type: value(&file.content_type)
            .map_or_else(|| limits::CONTENT_TYPE.to_owned(), |kind| kind.0),
    }
}
