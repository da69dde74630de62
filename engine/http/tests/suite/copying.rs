//! Field lines copied in runs are those that are written one by one.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use ringfence_http::{FieldCopier, HeadLimits, HeadWriter, RequestHead};

const LINES: &[&str] = &[
    "Accept: */*",
    "a:b",
    "X-Spaced:   value",
    "X-Behind: value  ",
    "X-Tab:\tvalue",
    "X-Empty:",
    "X-Space-Only: ",
    "X-Inner: a  b\tc",
    "Cookie: a=b; c=d",
];

proptest! {
    #[test]
    fn a_run_of_lines_is_its_lines(
        lines in vec((select(LINES), any::<bool>()), 0..12),
    ) {
        let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
        for (line, _) in &lines {
            bytes.extend_from_slice(line.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\nnot of the head");
        let mut head = RequestHead::default();
        head.parse(&bytes, &HeadLimits::default()).unwrap().unwrap();

        let kept = || {
            let fields = head.fields.iter().skip(1).zip(&lines);
            fields.filter(|(_, (_, kept))| *kept).map(|(field, _)| field)
        };
        let mut expected = Vec::new();
        let mut writer = HeadWriter::new(&mut expected);
        for field in kept() {
            writer.field(field.name.of(&bytes), field.value.of(&bytes));
        }
        let mut copied = Vec::new();
        let mut writer = HeadWriter::new(&mut copied);
        let mut copier = FieldCopier::new(&mut writer, &bytes);
        kept().for_each(|field| copier.copy(field));
        copier.finish();
        prop_assert_eq!(copied, expected);
    }
}
