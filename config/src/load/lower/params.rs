//! Whether the holes of a template stand for something in every path of the route.

use crate::load::report::Place;
use crate::matching::Matcher;
use crate::values::words::nearest;
use crate::values::wrong::Wrong;

/// Complains about the parameters that a path of the route does not have. `fixed` are the holes that mean something
/// everywhere, and `help` is what a template may have.
pub(super) fn check<'a>(
    names: impl Iterator<Item = &'a str>,
    fixed: &[&str],
    help: &str,
    matcher: &Matcher,
    at: &Place<'_>,
) {
    for name in names {
        let lacks = matcher.paths.iter().find(|path| {
            if name == "*" {
                !path.open
            } else {
                path.params().all(|param| param != name)
            }
        });
        let Some(path) = lacks else { continue };
        let wrong = Wrong::new(format!("the path `{}` has no `{{{name}}}`", path.show()));
        let near = nearest(name, fixed.iter().copied().chain(path.params()));
        at.say(match near {
            Some(near) => wrong.help(format!("did you mean `{{{near}}}`?")),
            None => wrong.help(help),
        });
    }
}
