//! Where in the file's structure something is.

use std::borrow::Cow;

/// One step into the file's structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// To the value of a key.
    Key(Cow<'a, str>),
    /// To an item of a list.
    Index(usize),
}

/// The steps with dots and brackets: `upstream.app.servers[1].weight`.
pub(super) fn dotted(steps: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&shown_key(key));
            }
        }
    }
    text
}

/// The key as TOML writes it, quoted where it is not bare.
fn shown_key(key: &str) -> Cow<'_, str> {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if bare {
        key.into()
    } else {
        format!("{key:?}").into()
    }
}
