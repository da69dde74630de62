//! What a request's response is stored under, and which fetch it could share.

use ringfence_cache::{PART, VALUE, write_key};
use ringfence_http::Name;

use crate::bypass;
use crate::exchange::Exchange;
use crate::forwarded;
use crate::note::{FlightKey, SharedKey};

/// What a trusted peer says of its own client, and servers may heed.
const OF_TRUSTED: [(Name, &str); 4] = [
    (Name::Forwarded, "forwarded"),
    (Name::XForwardedHost, "x-forwarded-host"),
    (Name::XForwardedPort, "x-forwarded-port"),
    (Name::XForwardedProto, "x-forwarded-proto"),
];

/// What a request's key has behind what the route's rules say, part by part, in words.
pub(crate) fn names(ex: &Exchange<'_>) -> Vec<String> {
    let fields = &ex.heads.request.fields;
    let origin = fields.has(Name::Origin).then_some("origin".to_owned());
    let trusted = ex.facts.trusted;
    let told = OF_TRUSTED.iter().map(|(_, name)| (*name).to_owned());
    let overrides =
        bypass::overrides(ex).map(|(name, _)| String::from_utf8_lossy(name).to_ascii_lowercase());
    let said = told.chain(overrides).filter(|_| trusted);
    let names = origin.into_iter().chain(said);
    names.map(|name| format!("header {name}")).collect()
}

/// Writes the request's key.
pub(crate) fn write(ex: &Exchange<'_>, out: &mut Vec<u8>) {
    write_key(&ex.key_parts(), ex.rules(), out);
    let head = &ex.heads.request;
    // Servers that let other sites read an answer repeat it there, often without saying in Vary that they do.
    if head.fields.has(Name::Origin) {
        write_field(b"origin", head.get_all(&ex.bytes, Name::Origin), out);
    }
    if !ex.facts.trusted {
        return;
    }
    for (id, _) in OF_TRUSTED {
        write_field(b"", head.get_all(&ex.bytes, id), out);
    }
    for (name, value) in bypass::overrides(ex) {
        write_field(name, [value].into_iter(), out);
    }
}

fn write_field<'v>(name: &[u8], lines: impl Iterator<Item = &'v [u8]>, out: &mut Vec<u8>) {
    out.push(PART);
    out.extend_from_slice(name);
    for line in lines {
        out.push(VALUE);
        out.extend_from_slice(line);
    }
}

/// The key, to be handed to other cores.
pub(crate) fn share(ex: &Exchange<'_>) -> SharedKey {
    let mut bytes = Vec::new();
    write(ex, &mut bytes);
    SharedKey {
        hash: ex.conn.worker.cache.hash(&bytes),
        bytes: bytes.into(),
    }
}

/// Which fetch the request could share: one for the same key and, as far as is known what the response depends on, with the
/// same fields.
pub(crate) fn flight(ex: &Exchange<'_>, key: &SharedKey) -> FlightKey {
    let cache = &ex.conn.worker.cache;
    let store = cache.store.borrow();
    let Some(known) = store.variants(key.key()).next() else {
        return FlightKey::of(key);
    };
    let vary = known.value.vary();
    let mut bytes = key.bytes.to_vec();
    forwarded::write_selection(ex, vary, &mut bytes);
    FlightKey {
        home: key.hash,
        hash: cache.hash(&bytes),
        bytes: bytes.into(),
    }
}
