//! The rules of RFC 9111 as a table of cases, each with its section, and beside it a slow model that lets the seconds pass
//! one by one.

use proptest::prelude::*;
use ringfence_cache::*;
use ringfence_http::{Fields, HeadLimits, Method, RequestHead, ResponseHead};

/// Sun, 06 Nov 1994 08:49:37 GMT.
const NOW: u64 = 784_111_777;

/// A response that is fresh for a minute.
const FRESH: &str = "Cache-Control: max-age=60";

const VALIDATE: Verdict = Verdict::Validate {
    if_error: false,
    if_gone: true,
};
const INSISTED: Verdict = Verdict::Validate {
    if_error: false,
    if_gone: false,
};
const ON_ERROR: Verdict = Verdict::Validate {
    if_error: true,
    if_gone: true,
};

/// A parsed message: its fields, their bytes, and the status of a response.
struct Message {
    fields: Fields,
    bytes: Vec<u8>,
    status: u16,
}

fn request(fields: &str) -> Message {
    let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", lines(fields)).into_bytes();
    let mut head = RequestHead::new();
    let parsed = head.parse(&bytes, &HeadLimits::default());
    parsed.expect("a sound request").expect("a whole one");
    Message {
        fields: head.fields,
        bytes,
        status: 0,
    }
}

fn response(status: u16, fields: &str) -> Message {
    let bytes = format!("HTTP/1.1 {status} x\r\n{}\r\n", lines(fields)).into_bytes();
    let mut head = ResponseHead::new();
    let parsed = head.parse(&bytes, &HeadLimits::default(), Method::Get);
    parsed.expect("a sound response").expect("a whole one");
    Message {
        fields: head.fields,
        bytes,
        status,
    }
}

/// Field lines from lines of text.
fn lines(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| format!("{line}\r\n")).collect()
}

impl Message {
    fn fields(&self) -> Head<'_> {
        Head {
            fields: &self.fields,
            bytes: &self.bytes,
        }
    }

    /// What it asks for, as a request.
    fn asks(&self) -> RequestControl {
        RequestControl::of(self.fields())
    }

    /// What it orders, as a response.
    fn control(&self) -> ResponseControl {
        ResponseControl::in_force(self.fields())
    }

    /// As one that was asked for and came at [`NOW`].
    fn freshness(&self) -> Freshness {
        let received = Received {
            delay: 0,
            came: NOW,
            date: NOW,
        };
        self.freshness_if(received)
    }

    fn freshness_if(&self, received: Received) -> Freshness {
        Freshness::of(
            self.fields(),
            self.status,
            &self.control(),
            received,
            Heuristic::default(),
        )
    }
}

fn store(asked: &str, status: u16, fields: &str) -> Result<(), NotStored> {
    let (request, response) = (request(asked), response(status, fields));
    let asked = Asked {
        method: Method::Get,
        head: request.fields(),
        control: request.asks(),
    };
    storable(&asked, response.fields(), status, &response.control())
}

/// What is to be done with a response so many seconds after it came.
fn after(seconds: u64, asked: &str, fields: &str) -> Verdict {
    let response = response(200, fields);
    judge(
        &response.freshness(),
        &response.control(),
        &request(asked).asks(),
        NOW + seconds,
    )
}

/// A request's fields, a response's status and fields, and whether it may be kept.
const STORABLE: &[(&str, u16, &str, Result<(), NotStored>)] = &[
    // Section 3.
    ("", 200, FRESH, Ok(())),
    ("", 404, FRESH, Ok(())),
    ("", 599, FRESH, Ok(())),
    ("", 302, FRESH, Ok(())),
    ("", 200, "Expires: Sun, 06 Nov 1994 09:49:37 GMT", Ok(())),
    ("", 200, "ETag: \"a\"", Ok(())),
    (
        "",
        200,
        "Last-Modified: Sun, 06 Nov 1994 07:49:37 GMT",
        Ok(()),
    ),
    ("", 302, "ETag: \"a\"", Err(NotStored::NoFreshness)),
    ("", 302, "ETag: \"a\"\nCache-Control: public", Ok(())),
    ("", 200, "", Err(NotStored::NoFreshness)),
    (
        "",
        200,
        "Cache-Control: public",
        Err(NotStored::NoFreshness),
    ),
    ("", 206, FRESH, Err(NotStored::Status)),
    ("", 304, FRESH, Err(NotStored::Status)),
    ("", 416, FRESH, Err(NotStored::Status)),
    ("", 429, FRESH, Err(NotStored::Status)),
    // Sections 5.2.1.5 and 5.2.2.5.
    (
        "Cache-Control: no-store",
        200,
        FRESH,
        Err(NotStored::RequestNoStore),
    ),
    (
        "",
        200,
        "Cache-Control: max-age=60, no-store",
        Err(NotStored::NoStore),
    ),
    // Section 5.2.2.3.
    (
        "",
        200,
        "Cache-Control: max-age=60, no-store, must-understand",
        Ok(()),
    ),
    (
        "",
        599,
        "Cache-Control: max-age=60, must-understand",
        Err(NotStored::NotUnderstood),
    ),
    // Section 5.2.2.7.
    (
        "",
        200,
        "Cache-Control: max-age=60, private",
        Err(NotStored::Private),
    ),
    ("", 200, "Cache-Control: max-age=60, private=\"a\"", Ok(())),
    (
        "",
        200,
        "Cache-Control: max-age=60, private=\"a b\"",
        Err(NotStored::Private),
    ),
    // Section 3.5.
    (
        "Authorization: x",
        200,
        FRESH,
        Err(NotStored::Authorization),
    ),
    (
        "Authorization: x",
        200,
        "Cache-Control: public, max-age=60",
        Ok(()),
    ),
    (
        "Authorization: x",
        200,
        "Cache-Control: s-maxage=60",
        Ok(()),
    ),
    (
        "Authorization: x",
        200,
        "Cache-Control: max-age=60, must-revalidate",
        Ok(()),
    ),
    (
        "Authorization: x",
        200,
        "Cache-Control: max-age=60, public=x",
        Err(NotStored::Authorization),
    ),
    // Section 4.1.
    (
        "",
        200,
        "Cache-Control: max-age=60\nVary: a, *",
        Err(NotStored::VariesAlways),
    ),
];

#[test]
fn what_may_be_kept() {
    for (asked, status, fields, want) in STORABLE {
        assert_eq!(
            store(asked, *status, fields),
            *want,
            "{asked:?} {status} {fields:?}"
        );
    }
}

#[test]
fn only_responses_to_get_are_kept() {
    let (request, response) = (request(""), response(200, "Cache-Control: max-age=60"));
    for method in [
        Method::Head,
        Method::Post,
        Method::Put,
        Method::Options,
        Method::Other,
    ] {
        let asked = Asked {
            method,
            head: request.fields(),
            control: request.asks(),
        };
        let kept = storable(&asked, response.fields(), 200, &response.control());
        assert_eq!(kept, Err(NotStored::Method));
    }
}

#[test]
fn for_how_long_a_response_is_fresh() {
    let at = "Date: Sun, 06 Nov 1994 08:49:37 GMT\n";
    for (fields, want) in [
        (
            "Cache-Control: max-age=60, s-maxage=90",
            (90, Basis::SMaxage),
        ),
        ("Cache-Control: s-maxage=x, max-age=60", (0, Basis::SMaxage)),
        ("Cache-Control: max-age=60\nExpires: 0", (60, Basis::MaxAge)),
        ("Cache-Control: max-age=1, max-age=60", (1, Basis::MaxAge)),
        (
            "Cache-Control: max-age=99999999999",
            (1 << 31, Basis::MaxAge),
        ),
        (
            "Expires: Sun, 06 Nov 1994 08:50:37 GMT",
            (60, Basis::Expires),
        ),
        (
            "Expires: Sun, 06 Nov 1994 08:49:30 GMT",
            (0, Basis::Expires),
        ),
        ("Expires: 0", (0, Basis::Expires)),
        (
            "Expires: Sunday, 06-Nov-94 08:50:37 GMT",
            (60, Basis::Expires),
        ),
        (
            "Last-Modified: Sun, 06 Nov 1994 08:32:57 GMT",
            (100, Basis::Heuristic),
        ),
        (
            "Last-Modified: Sat, 06 Nov 1993 08:49:37 GMT",
            (86_400, Basis::Heuristic),
        ),
        (
            "Last-Modified: Sun, 06 Nov 1994 09:49:37 GMT",
            (0, Basis::Heuristic),
        ),
        ("ETag: \"a\"", (0, Basis::Nothing)),
    ] {
        let freshness = response(200, &format!("{at}{fields}")).freshness();
        assert_eq!((freshness.lifetime, freshness.basis), want, "{fields}");
    }
    let odd = "Last-Modified: Sun, 06 Nov 1994 08:32:57 GMT";
    assert_eq!(response(302, odd).freshness().basis, Basis::Nothing);
    let public = format!("{odd}\nCache-Control: public");
    assert_eq!(response(302, &public).freshness().basis, Basis::Heuristic);
}

#[test]
fn how_old_a_response_comes() {
    let received = Received {
        delay: 4,
        came: NOW,
        date: NOW,
    };
    for (fields, want) in [
        ("", 4),
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT", 4),
        ("Date: Sun, 06 Nov 1994 08:49:07 GMT", 30),
        ("Date: Sun, 06 Nov 1994 09:49:37 GMT", 4),
        ("Date: x\nAge: 10", 14),
        ("Date: Sun, 06 Nov 1994 08:49:07 GMT\nAge: 27", 31),
        ("Age: 10, 20", 14),
        ("Age: 10\nAge: 20", 14),
        ("Age: x", 4),
        ("Age: x, 10", 4),
        ("Age: -1", 4),
        ("Age: 1.5", 4),
        ("Age: 10;x=1", 4),
        ("Age: 99999999999", (1 << 31) + 4),
    ] {
        let freshness = response(200, fields).freshness_if(received);
        assert_eq!(freshness.initial_age, want, "{fields}");
        assert_eq!(freshness.age(NOW + 100), want + 100);
    }
}

/// Seconds after which a request with these fields comes, those of the kept response, and what is to be done.
const VERDICTS: &[(u64, &str, &str, Verdict)] = &[
    // Section 4.2.
    (59, "", FRESH, Verdict::Fresh),
    (60, "", FRESH, VALIDATE),
    // Section 4.2.4: an origin that gives no answer.
    (659, "", FRESH, VALIDATE),
    (660, "", FRESH, INSISTED),
    // Section 5.2.1.
    (0, "Cache-Control: no-cache", FRESH, VALIDATE),
    (0, "Pragma: no-cache", FRESH, VALIDATE),
    (10, "Cache-Control: max-age=10", FRESH, Verdict::Fresh),
    (11, "Cache-Control: max-age=10", FRESH, VALIDATE),
    (1, "Cache-Control: max-age=x", FRESH, VALIDATE),
    (50, "Cache-Control: min-fresh=10", FRESH, Verdict::Fresh),
    (51, "Cache-Control: min-fresh=10", FRESH, VALIDATE),
    (70, "Cache-Control: max-stale=10", FRESH, Verdict::Stale),
    (71, "Cache-Control: max-stale=10", FRESH, VALIDATE),
    (9_999, "Cache-Control: max-stale", FRESH, Verdict::Stale),
    (70, "Cache-Control: max-stale=x", FRESH, VALIDATE),
    // Sections 5.2.2.2, 5.2.2.4, 5.2.2.8 and 5.2.2.10.
    (1, "", "Cache-Control: max-age=60, no-cache", INSISTED),
    (
        1,
        "",
        "Cache-Control: max-age=60, no-cache=\"a\"",
        Verdict::Fresh,
    ),
    (
        70,
        "Cache-Control: max-stale",
        "Cache-Control: max-age=60, must-revalidate",
        INSISTED,
    ),
    (
        70,
        "Cache-Control: max-stale",
        "Cache-Control: max-age=60, proxy-revalidate",
        INSISTED,
    ),
    (
        70,
        "Cache-Control: max-stale",
        "Cache-Control: s-maxage=60",
        INSISTED,
    ),
    // RFC 5861.
    (
        69,
        "",
        "Cache-Control: max-age=60, stale-while-revalidate=10",
        Verdict::WhileRevalidating,
    ),
    (
        69,
        "",
        "Cache-Control: s-maxage=60, stale-while-revalidate=10",
        INSISTED,
    ),
    (
        70,
        "",
        "Cache-Control: max-age=60, stale-while-revalidate=10",
        VALIDATE,
    ),
    (
        69,
        "",
        "Cache-Control: max-age=60, stale-if-error=10",
        ON_ERROR,
    ),
    (
        70,
        "",
        "Cache-Control: max-age=60, stale-if-error=10",
        VALIDATE,
    ),
    (
        69,
        "",
        "Cache-Control: max-age=60, must-revalidate, stale-if-error=10, stale-while-revalidate=10",
        INSISTED,
    ),
    // RFC 9213.
    (
        70,
        "",
        "Cache-Control: max-age=60\nCDN-Cache-Control: max-age=90",
        Verdict::Fresh,
    ),
    (
        50,
        "",
        "Cache-Control: max-age=60\nCDN-Cache-Control: max-age=40",
        VALIDATE,
    ),
    (
        70,
        "",
        "CDN-Cache-Control: max-age=1\nRingfence-Cache-Control: max-age=90",
        Verdict::Fresh,
    ),
    (
        50,
        "",
        "Cache-Control: max-age=60\nCDN-Cache-Control: max-age=;",
        Verdict::Fresh,
    ),
];

#[test]
fn when_a_kept_response_answers() {
    for (seconds, asked, fields, want) in VERDICTS {
        assert_eq!(
            after(*seconds, asked, fields),
            *want,
            "{seconds} s, {asked:?}, {fields:?}"
        );
    }
}

#[test]
fn what_was_purged_softly_stands_in_no_longer_than_what_is_stale() {
    let lasting = "Cache-Control: max-age=60, stale-if-error=9000";
    let insisting = "Cache-Control: max-age=60, must-revalidate";
    for (seconds, fields, want) in [
        (0, FRESH, ON_ERROR),
        (59, FRESH, ON_ERROR),
        (60, FRESH, VALIDATE),
        (659, FRESH, VALIDATE),
        (660, FRESH, INSISTED),
        (9_059, lasting, ON_ERROR),
        (9_060, lasting, INSISTED),
        (0, insisting, INSISTED),
    ] {
        let response = response(200, fields);
        let (freshness, control) = (response.freshness(), response.control());
        let verdict = judge_purged(&freshness, &control, NOW + seconds);
        assert_eq!(verdict, want, "{seconds} {fields}");
    }
}

#[test]
fn targeted_fields_take_the_place_of_others_whole() {
    let hour = "Expires: Sun, 06 Nov 1994 09:49:37 GMT\n";
    let both = format!("{hour}Cache-Control: no-store\nCDN-Cache-Control: max-age=5");
    let targeted = response(200, &both);
    assert!(!targeted.control().no_store);
    assert_eq!(targeted.freshness().lifetime, 5);
    let without_age = response(200, &format!("{hour}CDN-Cache-Control: must-revalidate"));
    assert_eq!(without_age.freshness().basis, Basis::Nothing);
}

#[test]
fn which_requests_select_a_response() {
    let vary = Vary::of(response(200, "Vary: Accept-Encoding, x\nVary: X").fields());
    let names = vec![b"accept-encoding".to_vec(), b"x".to_vec()];
    assert_eq!(vary, Vary::Fields(names));
    let selection = |fields: &str| {
        let mut out = Vec::new();
        vary.write_selection(request(fields).fields(), &mut out);
        out
    };
    let same = selection("Accept-Encoding: gzip, br\nX: 1");
    for fields in [
        "X: 1\nAccept-Encoding:  gzip ,br",
        "X: 1\nAccept-Encoding: br, gzip",
        "accept-encoding: GZIP\naccept-encoding: br\nx: 1\nother: 2",
    ] {
        assert_eq!(selection(fields), same, "{fields}");
    }
    for fields in [
        "Accept-Encoding: gzip, br;q=0\nX: 1",
        "Accept-Encoding: gzip, br\nX: 2",
        "Accept-Encoding: gzip, br",
        "Accept-Encoding: gzip, br\nX:",
        "X: 1",
    ] {
        assert_ne!(selection(fields), same, "{fields}");
    }
    assert_ne!(selection("X: 1"), selection("Accept-Encoding: 1"));
    for any in ["*", "a, *", "a b", "a;q=1"] {
        assert!(
            Vary::of(response(200, &format!("Vary: {any}")).fields()).is_any(),
            "{any}"
        );
    }
}

#[test]
fn whether_the_client_has_it_already() {
    let stored = "ETag: \"a\"\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
    for (asked, status, stored, want) in [
        ("", 200, stored, Condition::Send),
        ("If-None-Match: \"a\"", 200, stored, Condition::NotModified),
        (
            "If-None-Match: W/\"a\"",
            200,
            stored,
            Condition::NotModified,
        ),
        (
            "If-None-Match: \"b\", \"a\"",
            200,
            stored,
            Condition::NotModified,
        ),
        (
            "If-None-Match: \"b\"\nIf-None-Match: \"a\"",
            200,
            stored,
            Condition::NotModified,
        ),
        ("If-None-Match: *", 200, "", Condition::NotModified),
        ("If-None-Match: \"b\"", 200, stored, Condition::Send),
        ("If-None-Match: a", 200, stored, Condition::Send),
        ("If-None-Match: \"a\"", 200, "", Condition::Send),
        ("If-None-Match: \"a\"", 404, stored, Condition::Send),
        // RFC 9110 section 13.1.3.
        (
            "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
            200,
            stored,
            Condition::NotModified,
        ),
        (
            "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT",
            200,
            stored,
            Condition::Send,
        ),
        ("If-Modified-Since: x", 200, stored, Condition::Send),
        (
            "If-None-Match: \"b\"\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
            200,
            stored,
            Condition::Send,
        ),
        // Section 4.3.2: when it was made, or when it came, where it says no more.
        (
            "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
            200,
            "Date: Sun, 06 Nov 1994 08:49:38 GMT",
            Condition::Send,
        ),
        (
            "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
            200,
            "",
            Condition::NotModified,
        ),
        ("If-Match: \"a\"", 200, stored, Condition::Ask),
        ("If-Unmodified-Since: x", 200, stored, Condition::Ask),
    ] {
        let (asked_for, kept) = (request(asked), response(status, stored));
        let condition = condition(asked_for.fields(), kept.fields(), status, NOW);
        assert_eq!(condition, want, "{asked:?} {status} {stored:?}");
    }
}

#[test]
fn whether_a_range_is_still_of_the_same() {
    let stored = "ETag: \"a\"\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\nDate: Sun, 06 Nov 1994 08:49:38 GMT";
    let fast = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\nDate: Sun, 06 Nov 1994 08:49:37 GMT";
    for (asked, stored, want) in [
        ("", stored, true),
        ("If-Range: \"a\"", stored, true),
        ("If-Range: W/\"a\"", stored, false),
        ("If-Range: \"a\"", "ETag: W/\"a\"", false),
        ("If-Range: \"b\"", stored, false),
        ("If-Range: \"a\"", "", false),
        ("If-Range: Sun, 06 Nov 1994 08:49:37 GMT", stored, true),
        ("If-Range: Sun, 06 Nov 1994 08:49:38 GMT", stored, false),
        ("If-Range: Sun, 06 Nov 1994 08:49:37 GMT", fast, false),
        ("If-Range: x", "", false),
    ] {
        let (asked_for, kept) = (request(asked), response(200, stored));
        let applies = range_applies(asked_for.fields(), kept.fields());
        assert_eq!(applies, want, "{asked:?} {stored:?}");
    }
}

/// Lets the seconds pass one by one, and says what is then to be done.
fn slow_judge(case: &Case) -> Verdict {
    let (mut age, mut left, mut late) = (case.age, i64::from(case.max_age) - case.age, None);
    if left <= 0 {
        late = Some(-left);
    }
    for _ in 0..case.elapsed {
        age += 1;
        left -= 1;
        if left <= 0 {
            late = Some(late.map_or(0, |late: i64| late + 1));
        }
    }
    let refuses_age = case.asked_age.is_some_and(|most| age > i64::from(most));
    let refuses_left = case
        .min_fresh
        .is_some_and(|least| left.max(0) < i64::from(least));
    let validate = |late: Option<i64>| Verdict::Validate {
        if_error: !case.must_revalidate && late.unwrap_or(0) < i64::from(case.if_error),
        if_gone: !case.must_revalidate,
    };
    match late {
        _ if refuses_age || refuses_left => validate(late),
        None => Verdict::Fresh,
        Some(_) if case.must_revalidate => validate(late),
        Some(by) if case.max_stale.is_some_and(|most| by <= i64::from(most)) => Verdict::Stale,
        Some(by) if by < i64::from(case.while_revalidate) => Verdict::WhileRevalidating,
        Some(_) => validate(late),
    }
}

/// A response and a request for it some time later.
#[derive(Clone, Debug)]
struct Case {
    max_age: u8,
    age: i64,
    elapsed: u8,
    must_revalidate: bool,
    while_revalidate: u8,
    if_error: u8,
    asked_age: Option<u8>,
    min_fresh: Option<u8>,
    max_stale: Option<u8>,
}

impl Case {
    fn response(&self) -> String {
        let insists = if self.must_revalidate {
            ", must-revalidate"
        } else {
            ""
        };
        format!(
            "Age: {}\nCache-Control: max-age={}, stale-while-revalidate={}, stale-if-error={}{insists}",
            self.age, self.max_age, self.while_revalidate, self.if_error
        )
    }

    fn request(&self) -> String {
        let directives = [
            ("max-age", self.asked_age),
            ("min-fresh", self.min_fresh),
            ("max-stale", self.max_stale),
        ];
        let sent = directives
            .iter()
            .filter_map(|(name, value)| Some((name, (*value)?)));
        let sent: Vec<_> = sent
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("Cache-Control: {}", sent.join(", "))
    }
}

prop_compose! {
    fn cases()(
        max_age in 0..40u8,
        age in 0..50i64,
        elapsed in 0..60u8,
        must_revalidate in any::<bool>(),
        while_revalidate in 0..30u8,
        if_error in 0..30u8,
        asked_age in proptest::option::of(0..60u8),
        min_fresh in proptest::option::of(0..40u8),
        max_stale in proptest::option::of(0..40u8),
    ) -> Case {
        Case {
            max_age, age, elapsed, must_revalidate, while_revalidate, if_error, asked_age, min_fresh, max_stale,
        }
    }
}

proptest! {
    #[test]
    fn verdicts_are_those_of_the_slow_model(case in cases()) {
        let verdict = after(u64::from(case.elapsed), &case.request(), &case.response());
        prop_assert_eq!(verdict, slow_judge(&case));
    }

    #[test]
    fn any_fields_are_judged(values in proptest::collection::vec("[ -~]{0,30}", 6), seconds in any::<u64>()) {
        let names = ["Cache-Control", "Expires", "Age", "Date", "Vary", "CDN-Cache-Control"];
        let fields: Vec<_> = names.iter().zip(&values).map(|(name, value)| format!("{name}: {value}")).collect();
        let response = response(200, &fields.join("\n"));
        let asked = request("").asks();
        let _ = judge(&response.freshness(), &response.control(), &asked, seconds);
        let _ = store("", 200, &fields.join("\n"));
    }
}
