//! Whether a response may be kept (RFC 9111 section 3).

use ringfence_http::{Method, Name};

use crate::freshness::{expires, may_be_guessed};
use crate::head::Head;
use crate::request::RequestControl;
use crate::response::{ResponseControl, Scope};
use crate::seconds::Seconds;
use crate::vary::Vary;

/// What of a request decides whether its response may be kept.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its method.
    pub method: Method,
    /// Its fields.
    pub head: Head<'a>,
    /// What it says in Cache-Control.
    pub control: RequestControl,
}

/// Why a response may not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStored {
    /// Only responses to GET are kept.
    Method,
    /// It is interim, part of a response, says that nothing has changed, or is about this client or this request alone.
    Status,
    /// `must-understand`, and the status is not one whose meaning for caches is known.
    NotUnderstood,
    /// The request's `no-store`.
    RequestNoStore,
    /// The response's `no-store`.
    NoStore,
    /// `private`
    Private,
    /// The request has credentials, and the response does not say that others may have it (section 3.5).
    Authorization,
    /// Vary with `*`: no other request could ever be given it.
    VariesAlways,
    /// It says nothing of how long it is fresh, and could not be validated either.
    NoFreshness,
}

impl NotStored {
    /// A word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Status => "status",
            Self::NotUnderstood => "must-understand",
            Self::RequestNoStore => "request-no-store",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::VariesAlways => "vary",
            Self::NoFreshness => "no-freshness",
        }
    }
}

/// Whether a response with `status` may be kept for others, but for the fields that [`ResponseControl::private`] names.
///
/// # Errors
/// Why not.
pub fn storable(
    asked: &Asked<'_>,
    response: Head<'_>,
    status: u16,
    control: &ResponseControl,
) -> Result<(), NotStored> {
    if asked.method != Method::Get {
        return Err(NotStored::Method);
    }
    if !(200..600).contains(&status) || is_for_one(status) {
        return Err(NotStored::Status);
    }
    if control.must_understand && !is_understood(status) {
        return Err(NotStored::NotUnderstood);
    }
    if asked.control.no_store {
        return Err(NotStored::RequestNoStore);
    }
    // Where the status is understood, `must-understand` takes the place of `no-store` (section 5.2.2.3).
    if control.no_store && !control.must_understand {
        return Err(NotStored::NoStore);
    }
    if control.private == Scope::All {
        return Err(NotStored::Private);
    }
    if asked.head.has(Name::Authorization) && !is_for_all(control) {
        return Err(NotStored::Authorization);
    }
    if Vary::of(response).is_any() {
        return Err(NotStored::VariesAlways);
    }
    if !is_worth_keeping(response, status, control) {
        return Err(NotStored::NoFreshness);
    }
    Ok(())
}

/// Whether a response to a request with credentials may be given to others (section 3.5).
fn is_for_all(control: &ResponseControl) -> bool {
    let shared_for = matches!(control.s_maxage, Seconds::Of(_));
    control.public || control.must_revalidate || shared_for
}

/// Whether it says how long it is fresh, or may be taken to be and can be validated.
fn is_worth_keeping(response: Head<'_>, status: u16, control: &ResponseControl) -> bool {
    let explicit = control.gives_age() || expires(response, control);
    let validator = response.has(Name::LastModified) || response.has(Name::ETag);
    explicit || may_be_guessed(status, control) && validator
}

/// Statuses of answers to one client or to fields that no key has: parts and conditions (RFC 9110 sections 15.3.7, 15.4.5,
/// 15.5.13, 15.5.17 and 15.5.18), and those that RFC 6585 lets no cache store.
fn is_for_one(status: u16) -> bool {
    matches!(status, 206 | 304 | 412 | 416 | 417 | 428 | 429 | 431 | 511)
}

/// Statuses that RFC 9110 defines, none of which asks anything of caches but 206 and 304, which are not kept.
fn is_understood(status: u16) -> bool {
    matches!(
        status,
        200..=205
            | 300..=303
            | 305
            | 307..=308
            | 400..=417
            | 421..=422
            | 426
            | 500..=505
    )
}
