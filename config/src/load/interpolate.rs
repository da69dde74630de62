//! `${NAME}` and `${NAME:-default}` in strings; `$${` is a plain `${`.

use crate::limits;
use crate::values::wrong::{Wrong, quoted};

/// Asks for an environment variable.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Fills the holes of a string. `None` where it has none.
///
/// # Errors
/// The complaint, and the part of the string that it is about.
pub(super) fn fill<'a>(text: &'a str, env: Env<'_>) -> Result<Option<String>, (Wrong, &'a str)> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if let Some(before) = rest[..at].strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let hole = &rest[at..];
        let Some(end) = hole.find('}') else {
            return Err((
                Wrong::new(format!("{} lacks its `}}`", quoted(hole)))
                    .help("a plain `${` is written `$${`"),
                hole,
            ));
        };
        let (hole, after) = hole.split_at(end + 1);
        out.push_str(&value(hole, env).map_err(|wrong| (wrong, hole))?);
        rest = after;
        if out.len() > limits::INTERPOLATED {
            let wrong = Wrong::new("the string is too long once its variables are filled in");
            return Err((
                wrong.help(format!("at most {} bytes", limits::INTERPOLATED)),
                hole,
            ));
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

/// The value of one hole, `${` and `}` included. As in a shell, a default also stands in for an empty variable.
fn value(hole: &str, env: Env<'_>) -> Result<String, Wrong> {
    let inside = &hole[2..hole.len() - 1];
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_name(name) {
        return Err(
            Wrong::new(format!("{} is not the name of a variable", quoted(name)))
                .help("`${NAME}` or `${NAME:-default}`; a plain `${` is written `$${`"),
        );
    }
    if default.is_some_and(|default| default.contains("${")) {
        return Err(Wrong::new("a default cannot have a variable in it"));
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(
            Wrong::new(format!("the environment variable `{name}` is not set"))
                .help(format!("set it, or give a default: `${{{name}:-…}}`")),
        ),
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            "TRICK" => Some("${A}\" x = 1".to_owned()),
            _ => None,
        }
    }

    fn filled(text: &str) -> String {
        fill(text, &env).unwrap().unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn fills_holes() {
        for (text, expected) in [
            ("plain", "plain"),
            ("$A", "$A"),
            ("${A}", "one"),
            ("x${A}y${A}z", "xoneyonez"),
            ("${B:-two}", "two"),
            ("${A:-two}", "one"),
            ("${EMPTY:-two}", "two"),
            ("${EMPTY}", ""),
            ("${B:-}", ""),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("a$$b", "a$$b"),
        ] {
            assert_eq!(filled(text), expected, "{text}");
        }
    }

    #[test]
    fn a_value_is_not_read_again() {
        assert_eq!(filled("${TRICK}"), "${A}\" x = 1");
    }

    #[test]
    fn refuses_what_it_cannot_fill() {
        for (text, part) in [
            ("x${B}y", "${B}"),
            ("${", "${"),
            ("${A", "${A"),
            ("${}", "${}"),
            ("${1}", "${1}"),
            ("${A-b}", "${A-b}"),
            ("${B:-${A}}", "${B:-${A}"),
        ] {
            assert_eq!(fill(text, &env).unwrap_err().1, part, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_escaped_text_reads_back(text in "[a$\\{\\}]{0,12}") {
            prop_assert_eq!(filled(&text.replace("${", "$${")), text);
        }
    }
}
