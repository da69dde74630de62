//! The sticky cookie.

use crate::file::shape::Or;
use crate::file::upstream::Sticky as Written;
use crate::limits;
use crate::load::lower::field::value;
use crate::load::report::Place;
use crate::plan::upstream::{SameSite, Secret, Sticky};
use crate::values::host::check_host_name;
use crate::values::off::OrOff;
use crate::values::scalar::Scalar;
use crate::values::token::Token;
use crate::values::wrong::{Wrong, quoted};

pub(super) fn lower(
    written: Option<Or<Scalar<OrOff<Token>>, Written>>,
    at: &Place<'_>,
) -> Option<Sticky> {
    let file = match written? {
        Or::Table(file) => file,
        Or::Short(name) => Written {
            cookie: Some(Scalar(name.0.into_option()?)),
            ..Written::default()
        },
    };
    let sticky = Sticky {
        cookie: value(&file.cookie).map_or_else(|| limits::COOKIE.to_owned(), |cookie| cookie.0),
        ttl: value(&file.ttl).and_then(OrOff::into_option),
        path: value(&file.path).unwrap_or_else(|| "/".to_owned()),
        domain: value(&file.domain)
            .map(|domain| domain.trim_start_matches('.').to_ascii_lowercase()),
        secure: value(&file.secure).unwrap_or(false),
        http_only: value(&file.http_only).unwrap_or(true),
        same_site: value(&file.same_site).unwrap_or(SameSite::Lax),
        secret: value(&file.secret).map(Secret),
    };
    check_values(&sticky, at);
    check_together(&sticky, at);
    Some(sticky)
}

fn check_values(sticky: &Sticky, at: &Place<'_>) {
    if sticky.ttl.is_some_and(|ttl| ttl.as_secs() == 0) {
        at.key("ttl").say(
            Wrong::new("a cookie that lives less than a second is never sent back")
                .help("at least \"1s\", or `off` for a session cookie"),
        );
    }
    if !sticky.path.starts_with('/')
        || !sticky
            .path
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b';')
    {
        at.key("path").say(
            Wrong::new(format!("{} is not a cookie's path", quoted(&sticky.path)))
                .help("it begins with `/`, without `;` and spaces"),
        );
    }
    if let Some(Err(wrong)) = sticky.domain.as_deref().map(check_host_name) {
        at.key("domain").say(wrong);
    }
    if sticky
        .secret
        .as_ref()
        .is_some_and(|secret| secret.0.len() < limits::SECRET)
    {
        at.key("secret").say(
            Wrong::new("the secret is too short to keep")
                .help(format!("at least {} characters", limits::SECRET)),
        );
    }
}

/// What browsers refuse (RFC 6265bis 4.1.3, 5.7).
fn check_together(sticky: &Sticky, at: &Place<'_>) {
    if sticky.same_site == SameSite::None && !sticky.secure {
        at.key("same_site").say(
            Wrong::new("browsers drop a cookie with `same_site = \"none\"` that is not secure")
                .help("`secure = true`"),
        );
    }
    if sticky.cookie.starts_with("__Secure-") && !sticky.secure {
        at.key("cookie").say(
            Wrong::new("browsers drop a `__Secure-` cookie that is not secure")
                .help("`secure = true`"),
        );
    }
    if sticky.cookie.starts_with("__Host-")
        && (!sticky.secure || sticky.path != "/" || sticky.domain.is_some())
    {
        let wrong = Wrong::new("browsers drop this `__Host-` cookie");
        at.key("cookie")
            .say(wrong.help("it needs `secure = true`, `path = \"/\"` and no `domain`"));
    }
}
