//! Parsing and writing heads. Each benchmark checks its answer before it is timed.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringfence_gate::messages::{self, RELAYED};
use ringfence_http::path::{Normal, normalise};
use ringfence_http::{
    BodyDecoder, Framing, HeadLimits, HeadWriter, Method, Name, RequestHead, ResponseHead,
};
use std::hint::black_box;

/// What a load generator sends.
const SMALL_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

/// The head of the answer to a browser's request: eight fields.
const RESPONSE: &[u8] = RELAYED
    .response
    .split_at(RELAYED.response.len() - messages::BODY)
    .0;

fn parse(c: &mut Criterion) {
    let limits = HeadLimits::default();
    let mut group = c.benchmark_group("head_parse");
    for (name, bytes, fields) in [
        ("request_10", RELAYED.request, 10),
        ("request_1", SMALL_REQUEST, 1),
    ] {
        let mut head = RequestHead::new();
        assert_eq!(head.parse(bytes, &limits), Ok(Some(bytes.len())));
        assert_eq!((head.fields.len(), head.framing), (fields, Framing::None));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |b| b.iter(|| head.parse(black_box(bytes), &limits)));
    }
    let mut head = ResponseHead::new();
    assert_eq!(
        head.parse(RESPONSE, &limits, Method::Get),
        Ok(Some(RESPONSE.len()))
    );
    assert_eq!((head.status, head.framing), (200, Framing::Length(128)));
    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    group.bench_function("response_8", |b| {
        b.iter(|| head.parse(black_box(RESPONSE), &limits, Method::Get));
    });
    group.finish();
}

/// Writes the request on as a proxy does, but for the fields that it would add.
fn forward(head: &RequestHead, bytes: &[u8], out: &mut Vec<u8>) {
    let mut writer = HeadWriter::new(out);
    let query = head.query.map(|query| query.of(bytes));
    writer.request_line(head.method_text.of(bytes), head.path_bytes(bytes), query);
    writer.field(b"Host", head.authority.of(bytes));
    for field in &head.fields {
        let dropped = field.id.is_hop_by_hop()
            || field.id == Name::Host
            || head.is_connection_named(bytes, field);
        if !dropped {
            writer.field(field.name.of(bytes), field.value.of(bytes));
        }
    }
    writer.end();
}

fn serialise(c: &mut Criterion) {
    let limits = HeadLimits::default();
    let mut head = RequestHead::new();
    head.parse(RELAYED.request, &limits).expect("a good head");
    let mut out = Vec::with_capacity(1024);
    forward(&head, RELAYED.request, &mut out);
    let without = "Connection: keep-alive\r\n";
    let text = String::from_utf8_lossy(RELAYED.request).replace(without, "");
    assert_eq!(String::from_utf8_lossy(&out), text);
    let mut group = c.benchmark_group("head_serialise");
    group.throughput(Throughput::Bytes(out.len() as u64));
    group.bench_function("request_10", |b| {
        b.iter(|| {
            out.clear();
            forward(black_box(&head), RELAYED.request, &mut out);
            out.len()
        });
    });
    group.finish();
}

fn path(c: &mut Criterion) {
    let mut scratch = Vec::with_capacity(256);
    let mut group = c.benchmark_group("path_normalise");
    for (name, text, want) in [
        ("plain", "/static/app/main.css", None),
        (
            "escaped",
            "/static/%61pp/../app/%2Fmain.css",
            Some("/static/app/%2Fmain.css"),
        ),
    ] {
        let normal = normalise(text.as_bytes(), &mut scratch, true);
        assert_eq!(normal == Ok(Normal::Changed), want.is_some());
        assert!(want.is_none_or(|want| scratch == want.as_bytes()));
        group.bench_function(name, |b| {
            b.iter(|| normalise(black_box(text.as_bytes()), &mut scratch, true));
        });
    }
    group.finish();
}

/// Small chunks, the worst case: 256 of 64 bytes in one buffer.
fn chunks(c: &mut Criterion) {
    let chunk = format!("40\r\n{}\r\n", "x".repeat(64));
    let body = (chunk.repeat(256) + "0\r\n\r\n").into_bytes();
    let mut input = body.clone();
    let decoded = BodyDecoder::new(Framing::Chunked)
        .decode(&mut input)
        .expect("a good body");
    assert_eq!(
        (decoded.data.len(), decoded.consumed, decoded.done),
        (64 * 256, body.len(), true)
    );
    let mut group = c.benchmark_group("chunks_decode");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("64_bytes_each", |b| {
        b.iter(|| {
            // Decoding moves data, so each round starts from the encoded bytes; the copy is part of
            // the figure.
            input.copy_from_slice(&body);
            BodyDecoder::new(Framing::Chunked).decode(black_box(&mut input))
        });
    });
    group.finish();
}

criterion_group!(benches, parse, serialise, path, chunks);
criterion_main!(benches);
