//! Heads against the oracle, and heads in pieces.

use crate::compare::{
    LIMITS, agree, ask_request, ask_response, parse_request, parse_response, request_facts,
};
use crate::generate;
use crate::oracle::{Answer, request::Request};
use proptest::prelude::*;
use proptest::sample::select;
use ringfence_http::{HeadWriter, Method, RequestHead, ResponseHead};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn requests_read_as_the_oracle_reads_them(bytes in generate::request()) {
        let (ours, theirs) = (parse_request(&bytes), ask_request(&bytes));
        prop_assert!(agree(&ours, &theirs), "{}\n{ours:?}\n{theirs:?}", bytes.escape_ascii());
    }

    #[test]
    fn responses_read_as_the_oracle_reads_them(
        bytes in generate::response(),
        method in select(&[Method::Get, Method::Head, Method::Connect][..]),
    ) {
        let (ours, theirs) = (parse_response(&bytes, method), ask_response(&bytes, method));
        prop_assert!(agree(&ours, &theirs), "{}\n{ours:?}\n{theirs:?}", bytes.escape_ascii());
    }

    #[test]
    fn noise_reads_as_the_oracle_reads_it(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(agree(&parse_request(&bytes), &ask_request(&bytes)));
        let ours = parse_response(&bytes, Method::Get);
        prop_assert!(agree(&ours, &ask_response(&bytes, Method::Get)));
    }

    /// Byte by byte, a head ends where it ends in one piece: never sooner, never refused on the way
    /// to being good.
    #[test]
    fn requests_arrive_in_any_pieces(
        bytes in generate::request(),
        steps in prop::collection::vec(1usize..30, 1..40),
    ) {
        let mut head = RequestHead::new();
        let mut answer = Ok(None);
        let mut arrived = 0;
        for step in steps.iter().cycle() {
            arrived = (arrived + step).min(bytes.len());
            // A fresh allocation of the exact size, as a receive buffer that was moved would be.
            let buffer = bytes[..arrived].to_vec();
            answer = head.parse(&buffer, &LIMITS);
            if answer != Ok(None) || arrived == bytes.len() {
                break;
            }
        }
        let answer = answer.map(|len| len.map(|len| (request_facts(&head, &bytes), len)));
        let whole = parse_request(&bytes);
        match &whole {
            Ok(_) => prop_assert_eq!(&answer, &whole),
            // Complete lines are judged at once; a broken one that never ends may have to wait.
            Err(_) => prop_assert!(answer.is_err() || ask_request(&bytes) == Answer::Partial),
        }
    }

    #[test]
    fn responses_arrive_in_any_pieces(bytes in generate::response(), step in 1usize..30) {
        let mut head = ResponseHead::new();
        let mut answer = Ok(None);
        let mut arrived = 0;
        while answer == Ok(None) && arrived < bytes.len() {
            arrived = (arrived + step).min(bytes.len());
            let buffer = bytes[..arrived].to_vec();
            answer = head.parse(&buffer, &LIMITS, Method::Get);
        }
        let whole = ResponseHead::new().parse(&bytes, &LIMITS, Method::Get);
        match whole {
            Ok(_) => prop_assert_eq!(answer, whole),
            Err(_) => prop_assert!(
                answer.is_err() || ask_response(&bytes, Method::Get) == Answer::Partial
            ),
        }
    }

    /// What we write is what was asked for, down to the last field.
    #[test]
    fn written_requests_read_back_the_same(bytes in generate::request()) {
        let Ok(Some((facts, _))) = parse_request(&bytes) else {
            return Ok(());
        };
        let mut out = Vec::new();
        let mut writer = HeadWriter::new(&mut out);
        let path = if facts.path.is_empty() { &b"/"[..] } else { &facts.path };
        writer.request_line(&facts.method, path, facts.query.as_deref());
        for (name, value) in &facts.fields {
            writer.field(name, value);
        }
        writer.end();
        let mut wanted = facts.clone();
        wanted.path = path.to_vec();
        // Only the target's form and the version are ours.
        if let Ok(Some((again, len))) = parse_request(&out) {
            prop_assert_eq!(len, out.len());
            prop_assert_eq!(&again.fields, &wanted.fields);
            let line = |r: Request| (r.method, r.path, r.query);
            prop_assert_eq!(line(again), line(wanted));
        } else {
            prop_assert!(wanted.minor == 0 || out.len() > LIMITS.max_head, "{}", out.escape_ascii());
        }
    }
}
