//! Fields that coding makes untrue.

use ringfence_http::Name;

/// What is said of the very bytes of a response, and so is not true of them once they are coded: their length and digests
/// (RFC 9530, RFC 3230), and that parts of them can be asked for.
const OF_BYTES: [&[u8]; 5] = [
    b"accept-ranges",
    b"content-md5",
    b"digest",
    b"content-digest",
    b"repr-digest",
];

/// Whether a field is about the bytes of a response as they were before they were coded. The entity tag is not among them: it
/// gives way to another.
#[must_use]
pub fn is_of_bytes(id: Name, name: &[u8]) -> bool {
    match id {
        Name::ContentLength => true,
        Name::Other => OF_BYTES
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other)),
        _ => OF_BYTES
            .iter()
            .any(|other| id.as_str().as_bytes().eq_ignore_ascii_case(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_ranges_go_and_the_rest_stays() {
        for name in [
            "Content-Length",
            "Digest",
            "REPR-DIGEST",
            "Accept-Ranges",
            "content-md5",
        ] {
            assert!(
                is_of_bytes(Name::of(name.as_bytes()), name.as_bytes()),
                "{name}"
            );
        }
        for name in ["Content-Type", "ETag", "Want-Digest", "Last-Modified", ""] {
            assert!(
                !is_of_bytes(Name::of(name.as_bytes()), name.as_bytes()),
                "{name}"
            );
        }
    }
}
