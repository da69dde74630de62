//! `[[listener]]`, `[timeouts]`, `[limits]` and `[forwarding]`.

use std::net::{IpAddr, SocketAddr};

use crate::file::client as file;
use crate::limits as most;
use crate::load::lower::field::value;
use crate::load::report::Place;
use crate::plan::client::{ClientTimeouts, Forwarding, Limits, Listener};
use crate::values::amount::Size;
use crate::values::scalar::Scalar;
use crate::values::wrong::Wrong;

pub(super) fn listeners(written: Option<Vec<file::Listener>>, root: &Place<'_>) -> Vec<Listener> {
    let written = written.unwrap_or_default();
    if written.is_empty() {
        let help = "say where clients connect: `[[listener]]` and `address = \"127.0.0.1:8080\"`";
        root.empty("listener", help);
    }
    let at = root.key("listener");
    at.at_most(written.len(), most::LISTENERS, "listeners");
    let mut seen = Vec::new();
    let mut listeners = Vec::new();
    for (place, listener) in written.iter().enumerate() {
        let here = at.index(place);
        let Some(address) = value(&listener.address) else {
            here.missing("address", "for example `address = \"127.0.0.1:8080\"`");
            continue;
        };
        match seen.iter().find(|(_, other)| overlap(address, *other)) {
            Some((first, other)) => here.key("address").say_beside(
                overlapping(address, *other),
                &at.index(*first).key("address"),
                "first here",
            ),
            None => {
                seen.push((place, address));
                listeners.push(Listener { address });
            }
        }
    }
    listeners
}

/// Whether one connection could be meant for both. Port 0 is another port each time.
pub(super) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() != 0
        && one.port() == other.port()
        && (takes(one.ip(), other.ip()) || takes(other.ip(), one.ip()))
}

/// Whether a listener on `all` gets what is sent to `one`. `[::]` takes IPv4 too.
fn takes(all: IpAddr, one: IpAddr) -> bool {
    let (all, one) = (all.to_canonical(), one.to_canonical());
    all == one || (all.is_unspecified() && (all.is_ipv6() || one.is_ipv4()))
}

fn overlapping(address: SocketAddr, other: SocketAddr) -> Wrong {
    if address == other {
        return Wrong::new(format!("{address} is listened on twice"));
    }
    let (all, one) = match takes(address.ip(), other.ip()) {
        true => (address, other),
        false => (other, address),
    };
    Wrong::new(format!("{all} and {one} overlap"))
        .help(format!("{all} takes the connections to {one} too"))
}

pub(super) fn timeouts(file: &file::Timeouts, at: &Place<'_>) -> ClientTimeouts {
    ClientTimeouts {
        head: at
            .key("head")
            .bounded(value(&file.head), &most::HEAD_TIMEOUT),
        keep_alive: at
            .key("keep_alive")
            .bounded(value(&file.keep_alive), &most::KEEP_ALIVE),
        body: at
            .key("body")
            .bounded(value(&file.body), &most::BODY_TIMEOUT),
        send: at
            .key("send")
            .bounded(value(&file.send), &most::SEND_TIMEOUT),
        drain: at.key("drain").bounded(value(&file.drain), &most::DRAIN),
    }
}

pub(super) fn limits(file: &file::Limits, at: &Place<'_>) -> Limits {
    let size = |field: &Option<Scalar<Size>>, key, bound| {
        at.key(key).bounded(value(field).map(|size| size.0), bound)
    };
    let max_line = size(&file.max_line, "max_line", &most::MAX_LINE);
    let max_head = size(&file.max_head, "max_head", &most::MAX_HEAD);
    if max_line > max_head {
        let wrong = Wrong::new("a request line may be larger than the whole head");
        at.key(if file.max_line.is_some() {
            "max_line"
        } else {
            "max_head"
        })
        .say(wrong.help(format!(
            "`max_line` is {}, `max_head` is {}",
            Size(max_line).show(),
            Size(max_head).show()
        )));
    }
    Limits {
        max_line: in_memory(max_line),
        max_head: in_memory(max_head),
        max_fields: at
            .key("max_fields")
            .bounded(value(&file.max_fields), &most::MAX_FIELDS) as usize,
        min_receive_rate: size(
            &file.min_receive_rate,
            "min_receive_rate",
            &most::MIN_RECEIVE_RATE,
        ),
        rate_grace: at
            .key("rate_grace")
            .bounded(value(&file.rate_grace), &most::RATE_GRACE),
        max_buffers: size(&file.max_buffers, "max_buffers", &most::MAX_BUFFERS),
        merge_slashes: value(&file.merge_slashes).unwrap_or(true),
    }
}

pub(super) fn forwarding(file: file::Forwarding, at: &Place<'_>) -> Forwarding {
    let trusted = file.trusted.map(|many| many.0).unwrap_or_default();
    at.key("trusted")
        .at_most(trusted.len(), most::TRUSTED, "networks");
    Forwarding {
        trusted: trusted.into_iter().map(|net| net.0).collect(),
        forwarded: value(&file.forwarded).unwrap_or(false),
        x_forwarded: value(&file.x_forwarded).unwrap_or(true),
        request_id: value(&file.request_id).unwrap_or(true),
        via: file.via.map_or(Some(most::VIA.to_owned()), |via| {
            via.0.into_option().map(|name| name.0)
        }),
    }
}

/// A size whose bound is far below what memory can address.
pub(super) fn in_memory(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
