//! Ids of the field names that a balancer looks at, found in one table look-up.

macro_rules! names {
    ($($id:ident $text:literal $class:ident;)*) => {
        /// The id of a field name; [`Name::Other`] for any that we have no business with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`")] $id,)*
            /// Any other field.
            Other,
        }

        const TEXTS: &[&str] = &[$($text,)* ""];
        const CLASSES: &[Class] = &[$(Class::$class,)* Class::Plain];
        const KNOWN: &[Name] = &[$(Name::$id,)*];
    };
}

/// What a proxy may do with a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Forwarded unless Connection names it.
    Plain,
    /// Meant for all recipients, or needed to route, frame or authorise: Connection can't take it
    /// away.
    Kept,
    /// For this connection only.
    Hop,
}

names! {
    Host "Host" Kept;
    Connection "Connection" Hop;
    KeepAlive "Keep-Alive" Hop;
    ProxyConnection "Proxy-Connection" Hop;
    ProxyAuthenticate "Proxy-Authenticate" Hop;
    ProxyAuthorization "Proxy-Authorization" Hop;
    Te "TE" Hop;
    TransferEncoding "Transfer-Encoding" Hop;
    Upgrade "Upgrade" Hop;
    Http2Settings "HTTP2-Settings" Hop;
    Trailer "Trailer" Plain;
    ContentLength "Content-Length" Kept;
    ContentType "Content-Type" Kept;
    ContentEncoding "Content-Encoding" Kept;
    ContentRange "Content-Range" Kept;
    ContentLocation "Content-Location" Plain;
    Expect "Expect" Kept;
    MaxForwards "Max-Forwards" Kept;
    Authorization "Authorization" Kept;
    WwwAuthenticate "WWW-Authenticate" Kept;
    Cookie "Cookie" Kept;
    SetCookie "Set-Cookie" Kept;
    CacheControl "Cache-Control" Kept;
    CdnCacheControl "CDN-Cache-Control" Plain;
    RingfenceCacheControl "Ringfence-Cache-Control" Plain;
    CacheTag "Cache-Tag" Plain;
    SurrogateKey "Surrogate-Key" Plain;
    Xkey "xkey" Plain;
    XCache "X-Cache" Plain;
    Vary "Vary" Kept;
    Age "Age" Kept;
    Date "Date" Kept;
    ETag "ETag" Kept;
    Expires "Expires" Kept;
    LastModified "Last-Modified" Kept;
    Location "Location" Kept;
    RetryAfter "Retry-After" Kept;
    Server "Server" Plain;
    ServerTiming "Server-Timing" Plain;
    Via "Via" Kept;
    Forwarded "Forwarded" Kept;
    XForwardedFor "X-Forwarded-For" Kept;
    XForwardedProto "X-Forwarded-Proto" Kept;
    XForwardedHost "X-Forwarded-Host" Kept;
    XForwardedPort "X-Forwarded-Port" Kept;
    XRealIp "X-Real-IP" Kept;
    XRequestId "X-Request-ID" Kept;
    XBackendServer "X-Backend-Server" Plain;
    Accept "Accept" Plain;
    AcceptEncoding "Accept-Encoding" Plain;
    AcceptLanguage "Accept-Language" Plain;
    Origin "Origin" Plain;
    Pragma "Pragma" Plain;
    Range "Range" Kept;
    Referer "Referer" Plain;
    UserAgent "User-Agent" Plain;
    IfMatch "If-Match" Kept;
    IfNoneMatch "If-None-Match" Kept;
    IfModifiedSince "If-Modified-Since" Kept;
    IfUnmodifiedSince "If-Unmodified-Since" Kept;
    IfRange "If-Range" Kept;
}

impl Name {
    /// The id of a name as it came off the wire, in any case.
    #[inline]
    pub fn of(text: &[u8]) -> Name {
        let (Some(first), Some(last)) = (text.first(), text.last()) else {
            return Name::Other;
        };
        let name = TABLE[slot(
            text.len(),
            *first,
            *last,
            text[text.len().saturating_sub(2)],
        )];
        let known = &SPELT[name as usize];
        if known.len == text.len() && are_same(known.words, words(text)) {
            name
        } else {
            Name::Other
        }
    }

    /// True for an unknown name that becomes a framing field or one of the forwarding fields that
    /// we write when its underscores are read as dashes, as servers do that pass fields on in
    /// environment variables (RFC 3875 section 4.1.18). Such a twin would stand beside the real
    /// field unseen by us.
    pub fn is_disguise(text: &[u8]) -> bool {
        Name::disguised(text).is_some_and(|real| DISGUISED.contains(&real))
    }

    /// The known name that a name with underscores becomes when they are read as dashes, as servers
    /// do that pass fields on in environment variables (RFC 3875 section 4.1.18).
    pub(crate) fn disguised(text: &[u8]) -> Option<Name> {
        let mut dashed = [0; LONGEST];
        let dashed = dashed.get_mut(..text.len())?;
        dashed.copy_from_slice(text);
        let mut found = false;
        for byte in dashed.iter_mut().filter(|byte| **byte == b'_') {
            *byte = b'-';
            found = true;
        }
        let real = Name::of(dashed);
        (found && real != Name::Other).then_some(real)
    }

    /// The name in its usual spelling; empty for [`Name::Other`].
    #[inline]
    pub const fn as_str(self) -> &'static str {
        TEXTS[self as usize]
    }

    /// True for fields that concern one connection only and are never forwarded (RFC 9110 section
    /// 7.6.1; proxy authentication is between the client and its own proxy).
    #[inline]
    pub const fn is_hop_by_hop(self) -> bool {
        matches!(CLASSES[self as usize], Class::Hop)
    }

    /// True for fields that an entry in Connection can't have removed: those that frame, route,
    /// authorise or are meant for all recipients. Without this rule `Connection: authorization`
    /// would strip it on our hop.
    #[inline]
    pub const fn is_kept(self) -> bool {
        matches!(CLASSES[self as usize], Class::Kept)
    }
}

/// A name as it is compared.
#[derive(Clone, Copy)]
struct Spelt {
    len: usize,
    words: [u64; 3],
}

/// How each name is spelt, by its id. It lies apart from the sparse [`TABLE`], so that both take few cache lines.
static SPELT: [Spelt; TEXTS.len()] = {
    let mut spelt = [Spelt {
        len: 0,
        words: [0; 3],
    }; TEXTS.len()];
    let mut index = 0;
    while index < TEXTS.len() {
        let text = TEXTS[index].as_bytes();
        spelt[index] = Spelt {
            len: text.len(),
            words: words(text),
        };
        index += 1;
    }
    spelt
};

/// All bytes of a name, in lower case, as words of which some may overlap: the standard library goes byte
/// by byte, and this is done for every field of every message. Nothing for names that are too long.
#[inline]
const fn words(text: &[u8]) -> [u64; 3] {
    match text.len() {
        1..4 => {
            let (first, middle, last) = (text[0], text[text.len() / 2], text[text.len() - 1]);
            [
                lower(u32::from_le_bytes([first, middle, last, 0]) as u64),
                0,
                0,
            ]
        }
        4..8 => [half_word(text), half_word_end(text), 0],
        8..=16 => [word(text), word_end(text), 0],
        17..=LONGEST => [word(text), word(text.split_at(8).1), word_end(text)],
        _ => [0; 3],
    }
}

/// Whether all words are the same. They are taken one by one: most have only just been put together.
#[inline]
const fn are_same(a: [u64; 3], b: [u64; 3]) -> bool {
    (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) == 0
}

/// The first eight bytes in lower case; 0 where there are fewer.
#[inline]
const fn word(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => lower(u64::from_le_bytes(*bytes)),
        None => 0,
    }
}

#[inline]
const fn word_end(text: &[u8]) -> u64 {
    match text.last_chunk() {
        Some(bytes) => lower(u64::from_le_bytes(*bytes)),
        None => 0,
    }
}

#[inline]
const fn half_word(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => lower(u32::from_le_bytes(*bytes) as u64),
        None => 0,
    }
}

#[inline]
const fn half_word_end(text: &[u8]) -> u64 {
    match text.last_chunk() {
        Some(bytes) => lower(u32::from_le_bytes(*bytes) as u64),
        None => 0,
    }
}

/// Bytes with their letters in lower case. Other bytes may change too, but never into a letter, a
/// digit or a dash, which is all that known names are made of.
#[inline]
const fn lower(word: u64) -> u64 {
    word | (word & 0x4040_4040_4040_4040) >> 1
}

/// Sets of ids are kept as bits.
const _: () = assert!((Name::Other as u32) < u128::BITS);

const DISGUISED: [Name; 7] = [
    Name::ContentLength,
    Name::TransferEncoding,
    Name::XForwardedFor,
    Name::XForwardedProto,
    Name::XForwardedHost,
    Name::XForwardedPort,
    Name::XRealIp,
];

/// The longest known name: it is compared in three words.
const LONGEST: usize = 24;

const SLOTS: usize = 256;
static TABLE: [Name; SLOTS] = build();

/// Where a name's id lies. The factors were found by trial; `build` proves that no two names share
/// a slot.
const fn slot(len: usize, first: u8, last: u8, before: u8) -> usize {
    let (first, last, before) = (first | 0x20, last | 0x20, before | 0x20);
    (len * 67 + first as usize * 47 + last as usize * 139 + before as usize * 54) % SLOTS
}

const fn build() -> [Name; SLOTS] {
    let mut table = [Name::Other; SLOTS];
    let mut index = 0;
    while index < KNOWN.len() {
        let text = TEXTS[index].as_bytes();
        assert!(text.len() <= LONGEST, "a name is compared in three words");
        let at = slot(
            text.len(),
            text[0],
            text[text.len() - 1],
            text[text.len() - 2],
        );
        assert!(
            matches!(table[at], Name::Other),
            "two names share a slot: change the factors"
        );
        table[at] = KNOWN[index];
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for name in KNOWN {
            let text = name.as_str();
            assert_eq!(Name::of(text.as_bytes()), *name);
            assert_eq!(Name::of(text.to_lowercase().as_bytes()), *name);
            assert_eq!(Name::of(text.to_uppercase().as_bytes()), *name);
            assert_eq!(Name::of(format!("{text}x").as_bytes()), Name::Other);
            assert_eq!(Name::of(&text.as_bytes()[1..]), Name::Other);
        }
    }

    #[test]
    fn unknown_names_are_other() {
        for text in ["", "x", "hosts", "h\u{f}st", "content_length", "x-custom"] {
            assert_eq!(Name::of(text.as_bytes()), Name::Other, "{text}");
        }
    }

    #[test]
    fn no_other_byte_passes_for_the_right_one() {
        for name in KNOWN {
            let text = name.as_str().as_bytes();
            for at in 0..text.len() {
                for byte in 0..=255u8 {
                    let mut changed = text.to_vec();
                    changed[at] = byte;
                    let same = changed.eq_ignore_ascii_case(text);
                    assert_eq!(Name::of(&changed) == *name, same, "{changed:?}");
                }
            }
        }
    }

    #[test]
    fn disguises() {
        for name in DISGUISED {
            let text = name.as_str();
            assert!(Name::is_disguise(text.replace('-', "_").as_bytes()));
            assert!(Name::is_disguise(text.replacen('-', "_", 1).as_bytes()));
            assert!(!Name::is_disguise(text.as_bytes()));
        }
        for text in [
            "",
            "_",
            "x_custom",
            "user_agent",
            "a_name_longer_than_any_of_them",
        ] {
            assert!(!Name::is_disguise(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn classes() {
        assert!(Name::TransferEncoding.is_hop_by_hop());
        assert!(!Name::ContentLength.is_hop_by_hop());
        assert!(Name::Host.is_kept());
        assert!(!Name::Other.is_kept());
    }
}
