//! Purges that come from outside the request path.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use ringfence_cache::{Purge, UrlPattern, split_url, without_scheme};
use ringfence_http::path::{Normal, normalise};

use crate::cache::order;
use crate::house::House;
use crate::note::{Purged, Url};
use crate::tag;

/// What is not to be answered with any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PurgeOrder {
    /// All responses that have this tag.
    Tag(String),
    /// The responses of one URL, `http://host/path?query`, with whatever else they were stored under.
    Url(String),
    /// All responses of a host, as requests name it: with its port, where they do. With them goes all that is stored of routes
    /// that take this host and answer all their hosts with the same, and of such routes that take more hosts than a few.
    Host(String),
    /// All whose URL begins so, byte by byte. The URL is meant as it is in keys: the path in its normal form, and of the query
    /// what the route's rules count.
    Prefix(String),
    /// All whose URL matches this pattern, in which `*` stands for any run of bytes; otherwise as [`PurgeOrder::Prefix`].
    Pattern(String),
    /// Everything.
    All,
}

/// Has every worker purge all of `what`, from any thread; `soft` leaves it to be validated. Each worker sends once it has
/// done so. Requests that come after this call get nothing that is covered, whether their worker has sent or not.
#[must_use]
pub fn purge(house: &House, what: &[PurgeOrder], soft: bool) -> Receiver<()> {
    let mut covered = Vec::new();
    for order in what {
        match order {
            PurgeOrder::Tag(tag) => covered.push(Purged::Tag(tag::given(house, tag.as_bytes()))),
            PurgeOrder::Url(url) => covered.extend(purged_url(house, url)),
            PurgeOrder::Host(host) => {
                covered.extend(tag::for_host(house, host).into_iter().map(Purged::Tag));
            }
            PurgeOrder::Prefix(url) => covered.push(urls(UrlPattern::prefix(url.as_bytes()))),
            PurgeOrder::Pattern(url) => covered.push(urls(UrlPattern::glob(url.as_bytes()))),
            PurgeOrder::All => covered.push(Purged::All),
        }
    }
    let kind = if soft { Purge::Soft } else { Purge::Hard };
    order(house, covered.into(), kind)
}

fn urls(pattern: UrlPattern) -> Purged {
    Purged::Urls(Arc::new(pattern))
}

/// What a URL's responses may have been stored with: whether a path's slashes are merged is up to the plan, and the plan may
/// change.
fn purged_url(house: &House, url: &str) -> Vec<Purged> {
    let url = url.split('#').next().unwrap_or_default().as_bytes();
    let (host, path, query) = split_url(without_scheme(url));
    let normal = |merge| {
        let mut normal = Vec::new();
        match normalise(path, &mut normal, merge) {
            Ok(Normal::Changed) => normal,
            Ok(Normal::Same) | Err(_) => path.to_vec(),
        }
    };
    let (plain, merged) = (normal(false), normal(true));
    let other = (merged != plain).then_some(merged);
    let mut covered = Vec::new();
    for path in [Some(plain), other].into_iter().flatten() {
        covered.push(Purged::Tag(tag::url(house, host, &path, query)));
        covered.push(Purged::Counted(Url {
            host: host.into(),
            path: path.into(),
            query: query.map(Into::into),
        }));
    }
    covered
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use ringfence_balance::Limit;
    use ringfence_config::HostPattern;
    use ringfence_io::mailbox;
    use ringfence_telemetry::Registry;

    use super::*;
    use crate::house::{HashSecret, Order};
    use crate::note::Note;

    fn house(posts: Vec<ringfence_io::Postbox<Order>>) -> House {
        House {
            registry: Arc::new(Registry::new()),
            posts,
            logs: Vec::new(),
            most_clients: 0,
            most_idle: 0,
            most_spilled: 0,
            clients: Limit::new(),
            secret: HashSecret::new(&[7; 16]),
            purges: AtomicU64::new(0),
        }
    }

    fn tags_of(house: &House, url: &str) -> Vec<u64> {
        let of_all = |purged| match purged {
            Purged::Tag(tag) => Some(tag),
            _ => None,
        };
        purged_url(house, url)
            .into_iter()
            .filter_map(of_all)
            .collect()
    }

    #[test]
    fn a_url_has_the_tag_that_its_requests_have() {
        let house = house(Vec::new());
        let tag = |path: &[u8], query| tag::url(&house, b"a.example:81", path, query);
        assert_eq!(
            tags_of(&house, "HTTP://A.example:81/x?y#z"),
            [tag(b"/x", Some(b"y"))]
        );
        assert_eq!(tags_of(&house, "https://a.example:81"), [tag(b"/", None)]);
        assert_eq!(
            tags_of(&house, "http://a.example:81/%7e/./x"),
            [tag(b"/~/x", None)]
        );
        let slashes = tags_of(&house, "http://a.example:81/x//y");
        assert_eq!(slashes, [tag(b"/x//y", None), tag(b"/x/y", None)]);
    }

    #[test]
    fn all_of_a_call_is_one_purge_for_each_worker() {
        let (posts, mut boxes): (Vec<_>, Vec<_>) = (0..2).map(|_| mailbox()).unzip();
        let house = house(posts);
        let what = [
            PurgeOrder::Tag("a".to_owned()),
            PurgeOrder::Host("A.example".to_owned()),
            PurgeOrder::Prefix("http://a/".to_owned()),
            PurgeOrder::Pattern("http://*/b".to_owned()),
        ];
        let done = purge(&house, &what, true);
        for orders in &mut boxes {
            let Some(Order::Cache(note)) = orders.try_recv() else {
                panic!("no order");
            };
            let Note::Purge {
                what,
                generation,
                kind,
                ..
            } = note.0
            else {
                panic!("another note");
            };
            let [
                Purged::Tag(tag),
                Purged::Tag(host),
                Purged::Tag(_any),
                Purged::Tag(exact),
                Purged::Tag(_below),
                Purged::Urls(prefix),
                Purged::Urls(glob),
            ] = &*what
            else {
                panic!("{} parts", what.len());
            };
            assert_eq!(*tag, tag::given(&house, b"a"));
            assert_eq!(*host, tag::host(&house, b"a.EXAMPLE"));
            let shared = [HostPattern::Exact("a.example".to_owned())];
            assert_eq!([*exact], *tag::any_of(&house, &shared));
            assert!(prefix.matches(b"http://a/x") && glob.matches(b"http://a/b"));
            assert_eq!((generation, kind), (1, Purge::Soft));
            assert!(orders.try_recv().is_none());
        }
        assert!(done.try_recv().is_err(), "nobody has carried it out");
    }
}
