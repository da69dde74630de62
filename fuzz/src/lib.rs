//! What each fuzz target does with its input, as plain functions: libFuzzer feeds them in
//! `fuzz_targets/`, and `tests/replay.rs` runs the committed corpus through them on any toolchain.
//! Each panics if a promise is broken.
//!
//! Fuzz with `cargo +nightly fuzz run TARGET`; replay with `cargo test --no-default-features`.

// The suite of `ringfence-http` has what these need: the oracle and the judges.
#[path = "../../engine/http/tests/suite/compare.rs"]
mod compare;
mod fields;
#[path = "../../engine/http/tests/oracle/mod.rs"]
mod oracle;
#[path = "../../engine/http/tests/suite/passage.rs"]
mod passage;

use compare::{LIMITS, agree};
use fields::Member;
use oracle::Answer;
use ringfence_cache::{
    Asked, Freshness, Head, Heuristic, MOST_RANGES, Received, RequestControl, ResponseControl,
    Scope, Seconds, Vary, Verdict, Wanted, condition, judge, range_applies, storable, wanted,
};
use ringfence_config::{Overrides, Plan};
use ringfence_http::path::{Normal, normalise};
use ringfence_http::{
    BodyDecoder, Decoded, Fault, Framing, HeadLimits, Method, Name, RequestHead, ResponseHead,
};

/// Methods that a response is framed by.
const ASKED: [Method; 3] = [Method::Get, Method::Head, Method::Connect];

/// A request head, in one piece and byte by byte, under wide and under narrow limits.
pub fn request_head(data: &[u8]) {
    for limits in [HeadLimits::default(), LIMITS] {
        let mut head = RequestHead::new();
        let whole = head.parse(data, &limits);
        if let Ok(Some(len)) = whole {
            touch_request(&head, data, len);
        }
        let mut pieces = RequestHead::new();
        let bytewise = arrive(data, |buf| pieces.parse(buf, &limits));
        same_in_pieces(whole, bytewise);
    }
}

/// A response head, to each kind of request.
pub fn response_head(data: &[u8]) {
    for method in ASKED {
        let mut head = ResponseHead::new();
        let whole = head.parse(data, &LIMITS, method);
        if let Ok(Some(len)) = whole {
            assert!(len <= data.len() && len == head.len);
            assert!((100..=599).contains(&head.status));
            assert!(!head.keep_alive || head.framing != Framing::UntilClose);
        }
        let mut pieces = ResponseHead::new();
        let bytewise = arrive(data, |buf| pieces.parse(buf, &LIMITS, method));
        same_in_pieces(whole, bytewise);
    }
}

/// A chunked body, cut in several ways, against the oracle.
pub fn chunked_body(data: &[u8]) {
    let whole = decode(data, data.len().max(1));
    for size in [1, 2, 7, 64] {
        assert_eq!(decode(data, size), whole, "in pieces of {size}");
    }
    match (oracle::chunked::parse(data), whole) {
        (Answer::Whole(body, len), Ok((read, used, true))) => {
            assert_eq!((body.data, len), (read, used));
        }
        (Answer::Partial, Ok((_, _, false)) | Err(_)) | (Answer::Refused, Err(_)) => {}
        (theirs, ours) => panic!("{theirs:?} against {ours:?}"),
    }
}

/// Heads read as the oracle reads them, and what a request becomes on its way to an origin reads
/// there as the same.
pub fn head_vs_oracle(data: &[u8]) {
    let (ours, theirs) = (compare::parse_request(data), compare::ask_request(data));
    assert!(agree(&ours, &theirs), "{ours:?} against {theirs:?}");
    for method in ASKED {
        let ours = compare::parse_response(data, method);
        let theirs = compare::ask_response(data, method);
        assert!(
            agree(&ours, &theirs),
            "{method:?}: {ours:?} against {theirs:?}"
        );
    }
    passage::check(data);
}

/// A configuration: a bad one is explained, and a good one reads back from its effective form.
pub fn config_text(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let env = |name: &str| (name == "SET").then(|| "127.0.0.1:3001".to_owned());
    let load = |text: &str| Plan::load(text, "fuzz.toml", &env, &Overrides::default());
    match load(text) {
        Ok(plan) => {
            let effective = plan.effective();
            let again = load(&effective);
            assert!(again.is_ok_and(|again| again == plan), "{effective}");
        }
        Err(error) => assert!(!error.render(false).is_empty()),
    }
}

/// A request head and a response head behind it: what a cache makes of them keeps to what it says elsewhere.
pub fn caching(data: &[u8]) {
    let (mut request, mut response) = (RequestHead::new(), ResponseHead::new());
    let Ok(Some(len)) = request.parse(data, &HeadLimits::default()) else {
        return;
    };
    let (asked, answered) = data.split_at(len);
    let Ok(Some(_)) = response.parse(answered, &HeadLimits::default(), request.method) else {
        return;
    };
    let (fields, answer) = (
        Head {
            fields: &request.fields,
            bytes: asked,
        },
        Head {
            fields: &response.fields,
            bytes: answered,
        },
    );
    let (control, asked_control) = (
        ResponseControl::in_force(answer),
        RequestControl::of(fields),
    );
    let asked = Asked {
        method: request.method,
        head: fields,
        control: asked_control,
    };
    let kept = storable(&asked, answer, response.status, &control);
    let forbids = control.no_store && !control.must_understand || control.private == Scope::All;
    assert!(kept.is_err() || !forbids);
    judge_over_time(answer, response.status, &control, &asked_control);
    let mut selection = Vec::new();
    Vary::of(answer).write_selection(fields, &mut selection);
    assert!(selection.len() <= 64 + 4 * len);
    condition(fields, answer, response.status, CAME);
    range_applies(fields, answer);
    if let Some(range) = request.get(asked.head.bytes, Name::Range)
        && let Wanted::Parts(parts) = wanted(range, CAME)
    {
        assert!(!parts.is_empty() && parts.len() <= MOST_RANGES);
        let sum: u64 = parts.iter().map(|part| part.end - part.start).sum();
        assert!(sum <= CAME && parts.iter().all(|part| part.start < part.end));
    }
}

/// Two requests and what a response says in Vary: both select it exactly if they say the same in all that it names.
pub fn vary(data: &[u8]) {
    let Some((names, heads)) = split_line(data) else {
        return;
    };
    let (mut first, mut second, mut response) =
        (RequestHead::new(), RequestHead::new(), ResponseHead::new());
    let Ok(Some(len)) = first.parse(heads, &HeadLimits::default()) else {
        return;
    };
    let (one, other) = heads.split_at(len);
    let Ok(Some(_)) = second.parse(other, &HeadLimits::default()) else {
        return;
    };
    let said = [b"HTTP/1.1 200 OK\r\nVary: ", names, b"\r\n\r\n"].concat();
    let Ok(Some(_)) = response.parse(&said, &HeadLimits::default(), Method::Get) else {
        return;
    };
    let answer = Head {
        fields: &response.fields,
        bytes: &said,
    };
    let vary = Vary::of(answer);
    let selection = |head: &RequestHead, bytes: &[u8]| {
        let mut selection = Vec::new();
        let fields = Head {
            fields: &head.fields,
            bytes,
        };
        vary.write_selection(fields, &mut selection);
        selection
    };
    let Vary::Fields(fields) = &vary else {
        return;
    };
    let alike = fields.iter().all(|name| {
        let meaning = |head: &RequestHead, bytes: &[u8]| {
            let lines = head
                .find_all(bytes, name)
                .map(|line| line.iter().map(|byte| char::from(*byte)).collect());
            fields::meaning(
                std::str::from_utf8(name).expect("a token"),
                &lines.collect::<Vec<String>>(),
            )
        };
        meaning(&first, one) == meaning(&second, other)
    });
    assert_eq!(
        selection(&first, one) == selection(&second, other),
        alike,
        "{fields:?}"
    );
}

/// A length and a Range: each byte is sent as often, and in the order, as it was asked for.
pub fn range(data: &[u8]) {
    let Some((len, range)) = data.split_first() else {
        return;
    };
    let len = u64::from(*len);
    let slow = fields::asked_for(range, len);
    match wanted(range, len) {
        Wanted::Whole => {}
        Wanted::Nothing => assert_eq!(slow, Some(Vec::new())),
        Wanted::Parts(parts) => {
            assert!(!parts.is_empty() && parts.len() <= MOST_RANGES);
            assert_eq!(slow, Some(parts.into_iter().flatten().collect()));
        }
    }
}

/// A field for us in place of Cache-Control: what counts of it is what a slow reader finds (RFC 9213 section 2.1).
pub fn targeted(data: &[u8]) {
    let said = [
        b"HTTP/1.1 200 OK\r\nCDN-Cache-Control: ",
        data,
        b"\r\nCache-Control: max-age=7\r\n\r\n",
    ]
    .concat();
    let mut response = ResponseHead::new();
    let Ok(Some(len)) = response.parse(&said, &HeadLimits::default(), Method::Get) else {
        return;
    };
    let answer = Head {
        fields: &response.fields,
        bytes: &said,
    };
    let lines: Vec<&[u8]> = response
        .fields
        .find_all(&said, b"CDN-Cache-Control")
        .collect();
    if len != said.len()
        || lines.len() != 1
        || response.fields.find_all(&said, b"Cache-Control").count() != 1
    {
        return;
    }
    let control = ResponseControl::in_force(answer);
    let Some(members) = fields::dictionary(lines[0]).filter(|members| !members.is_empty()) else {
        assert_eq!(
            control,
            ResponseControl::of([&b"max-age=7"[..]].into_iter())
        );
        return;
    };
    let has = |name: &str| members.get(name);
    let seconds = |name: &str| match has(name) {
        None => Seconds::Absent,
        Some(Member::Integer(count @ 0..)) => Seconds::Of((*count).min(1 << 31) as u32),
        Some(_) => Seconds::Invalid,
    };
    assert!(control.targeted);
    assert_eq!(control.no_store, has("no-store").is_some());
    assert_eq!(control.must_revalidate, has("must-revalidate").is_some());
    assert_eq!(control.public, has("public") == Some(&Member::True));
    assert_eq!(control.private == Scope::Nothing, has("private").is_none());
    assert_eq!(
        control.no_cache == Scope::Nothing,
        has("no-cache").is_none()
    );
    if has("private") == Some(&Member::True) {
        assert_eq!(control.private, Scope::All);
    }
    assert_eq!(control.max_age, seconds("max-age"));
    assert_eq!(control.s_maxage, seconds("s-maxage"));
    assert_eq!(control.stale_if_error, seconds("stale-if-error"));
}

fn split_line(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = data.iter().position(|byte| *byte == b'\n')?;
    Some((&data[..at], &data[at + 1..]))
}

/// When the responses that a cache is shown came, by either clock.
const CAME: u64 = 784_111_777;

/// A response only ages: once it is to be validated it stays so.
fn judge_over_time(
    answer: Head<'_>,
    status: u16,
    control: &ResponseControl,
    asked: &RequestControl,
) {
    let received = Received {
        delay: 0,
        came: CAME,
        date: CAME,
    };
    let freshness = Freshness::of(answer, status, control, received, Heuristic::default());
    let mut rank = 0;
    for after in [0, 1, 59, 60, 3_600, 86_400, 1 << 31, u64::MAX - CAME] {
        let verdict = judge(&freshness, control, asked, CAME + after);
        let now = match verdict {
            Verdict::Fresh => 0,
            Verdict::Stale | Verdict::WhileRevalidating => 1,
            Verdict::Validate { .. } => 2,
        };
        assert!(now >= rank, "{verdict:?} after {after} s");
        rank = now;
    }
}

/// Looks at all that a parsed request offers.
fn touch_request(head: &RequestHead, data: &[u8], len: usize) {
    assert!(len <= data.len() && len == head.len);
    for field in &head.fields {
        assert!(field.name.end() <= len && field.value.end() <= len);
        let first = head.find(data, field.name.of(data));
        assert!(first.is_some());
        let _ = head.is_connection_named(data, field);
    }
    let path = head.path_bytes(data);
    for merge_slashes in [false, true] {
        let mut normal = Vec::new();
        if normalise(path, &mut normal, merge_slashes) == Ok(Normal::Changed) {
            let again = normalise(&normal, &mut Vec::new(), merge_slashes);
            assert_eq!(again, Ok(Normal::Same));
        }
    }
}

type Answered = Result<Option<usize>, Fault>;

/// Presents ever longer prefixes until there is an answer.
fn arrive(data: &[u8], mut parse: impl FnMut(&[u8]) -> Answered) -> Answered {
    let mut prefixes = (1..=data.len()).map(|len| parse(&data[..len]));
    prefixes
        .find(|answer| *answer != Ok(None))
        .unwrap_or(Ok(None))
}

/// A good head is the same in pieces; of a bad one, more than the bad line may be waited for.
fn same_in_pieces(whole: Answered, pieces: Answered) {
    match whole {
        Ok(_) => assert_eq!(pieces, whole),
        Err(_) => assert!(!matches!(pieces, Ok(Some(_)))),
    }
}

/// Data, bytes used up, and whether the body is complete.
type Outcome = Result<(Vec<u8>, usize, bool), Fault>;

fn decode(data: &[u8], size: usize) -> Outcome {
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    let mut read = Vec::new();
    let mut at = 0;
    for piece in data.chunks(size) {
        let mut piece = piece.to_vec();
        let Decoded {
            data,
            consumed,
            done,
        } = decoder.decode(&mut piece)?;
        read.extend_from_slice(&piece[data]);
        at += consumed;
        if done {
            break;
        }
    }
    let _ = decoder.trailers();
    Ok((read, at, decoder.is_done()))
}
