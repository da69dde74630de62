//! What a request's response is stored under, and which fetch it could share.

use ringfence_cache::{PART, VALUE, write_key};
use ringfence_http::Name;

use crate::exchange::Exchange;
use crate::forwarded::{self, Forwarded};
use crate::note::{FlightKey, SharedKey};

/// What a trusted peer says of its own client, and servers may heed.
const OF_TRUSTED: [Name; 4] = [
    Name::Forwarded,
    Name::XForwardedHost,
    Name::XForwardedPort,
    Name::XForwardedProto,
];

/// What a request's key has of those, by their names.
pub(crate) fn trusted_names(ex: &Exchange<'_>) -> impl Iterator<Item = String> + use<> {
    let names = [
        "header forwarded",
        "header x-forwarded-host",
        "header x-forwarded-port",
        "header x-forwarded-proto",
    ];
    let names = if ex.facts.trusted { &names[..] } else { &[] };
    names
        .iter()
        .map(|name| (*name).to_owned())
        .collect::<Vec<_>>()
        .into_iter()
}

/// Writes the request's key.
pub(crate) fn write(ex: &Exchange<'_>, out: &mut Vec<u8>) {
    write_key(&ex.key_parts(), ex.rules(), out);
    if !ex.facts.trusted {
        return;
    }
    for id in OF_TRUSTED {
        out.push(PART);
        for line in ex.heads.request.get_all(&ex.bytes, id) {
            out.push(VALUE);
            out.extend_from_slice(line);
        }
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
    match forwarded::differs(ex, vary) {
        false => vary.write_selection(ex.fields(), &mut bytes),
        true => vary.write_selection(Forwarded::of(ex).head(), &mut bytes),
    }
    FlightKey {
        home: key.hash,
        hash: cache.hash(&bytes),
        bytes: bytes.into(),
    }
}
