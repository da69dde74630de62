//! One request and its response, as the stations see them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ringfence_cache::{Head, KeyParts, Object, normal_query};
use ringfence_config::{Action, CacheRules, Found, Params, Route, RouteId, Sticky, UpstreamId};
use ringfence_http::{Fault, Framing, HeadLimits, Name, Reason, RequestHead, ResponseHead};
use ringfence_io::{Lease, Scratch, now, timeout_at};
use smallvec::SmallVec;

use crate::body::{Body, Coding, Prefix};
use crate::cache::{Asked, Reader, Report, Served};
use crate::conn::Conn;
use crate::epoch::Epoch;
use crate::lane::{Lane, Ticket};
use crate::pool::Link;
use crate::request_id::MadeId;
use crate::upload::Upload;
use crate::worker::{InFlight, Worker};

/// Where an exchange stands.
pub(crate) enum Station {
    Screen,
    Route,
    Lookup,
    /// With what was found stored.
    Hit(Hit),
    /// With what is being fetched.
    Join(Join),
    Dial,
    /// The same server again, over a fresh connection.
    Redial(Ticket),
    /// Over a connection to that server; then Answer and Relay.
    Ask(Ticket, Link),
    Refuse(Refusal),
    Finish(Next),
}

/// What becomes of the client connection after an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// The next request may come.
    Keep,
    /// Nothing is left unread: close.
    Close,
    /// The client may still be sending: close so that it can read our response.
    Linger,
    /// The response was cut off: close so that the client notices.
    Abort,
}

/// An answer from the store.
pub(crate) struct Hit {
    pub(crate) object: Arc<Object>,
    pub(crate) report: Report,
}

/// An answer from what is being fetched.
pub(crate) struct Join {
    pub(crate) reader: Reader,
    /// The head, written for this client.
    pub(crate) head: Scratch,
    /// How the body is delimited for it.
    pub(crate) coding: Coding,
    /// Its connection stays.
    pub(crate) keep: bool,
}

/// A response of our own making.
pub(crate) enum Refusal {
    /// Something went wrong, and the reason says what.
    Fault(Fault),
    /// The route's redirect or fixed response.
    Ordered,
    /// `Max-Forwards` ends the request here.
    LastHop,
}

/// An attempt at one server.
pub(crate) struct Call {
    pub(crate) ticket: Ticket,
    pub(crate) link: Link,
    /// Received from the server and not yet consumed.
    pub(crate) pending: Lease,
    /// The bytes of the response's head, once it is there.
    pub(crate) head: Lease,
    /// The request's body on its way, where it did not arrive with the head.
    pub(crate) upload: Option<Upload>,
}

/// The parsed heads of an exchange, reused from one to the next.
#[derive(Default)]
pub(crate) struct Heads {
    pub(crate) request: RequestHead,
    pub(crate) response: ResponseHead,
}

/// A request whose head is complete and has been parsed.
pub(crate) struct Arrival {
    /// The head's bytes, which the spans of the parsed one point into.
    pub(crate) bytes: Lease,
    /// When the first byte of the head was seen.
    pub(crate) began: Duration,
}

/// One request on its way.
pub(crate) struct Exchange<'c> {
    pub(crate) conn: &'c mut Conn,
    pub(crate) epoch: Rc<Epoch>,
    pub(crate) heads: &'c mut Heads,
    /// The request head's bytes.
    pub(crate) bytes: Lease,
    pub(crate) facts: Facts,
    /// The part of the body that came with the head, kept to be sent again.
    pub(crate) prefix: Prefix,
    /// The rest of the body; `None` once nothing is to come.
    pub(crate) rest: Option<Rc<RefCell<Body>>>,
    /// Servers that this request has been sent to, or tried to.
    pub(crate) tried: SmallVec<[usize; 4]>,
    /// When the whole exchange must be over.
    pub(crate) expires: Option<Duration>,
    /// What it wants of the cache, where its route has one.
    pub(crate) asked: Option<Box<Asked>>,
    pub(crate) tally: Tally,
    /// None where no client asks.
    _in_flight: Option<InFlight>,
}

/// What the stations found out about the request.
pub(crate) struct Facts {
    /// The normalised path, where it differs from the one in the head.
    pub(crate) normal_path: Option<Vec<u8>>,
    /// The path that is forwarded, where the route rewrites it.
    pub(crate) rewritten_path: Option<Vec<u8>>,
    /// Whose request it is: the peer, or whom a trusted peer names.
    pub(crate) client: IpAddr,
    /// The peer's forwarding fields are believed.
    pub(crate) trusted: bool,
    /// The request's id, where it did not bring one that is kept.
    pub(crate) made_id: Option<MadeId>,
    pub(crate) route: Option<RouteId>,
    /// The path pattern by which the route was found.
    pub(crate) found: Option<Found>,
    /// The value of a sticky cookie to give out.
    pub(crate) set_cookie: Option<String>,
    /// The methods of a resource that refused this one, for `Allow`.
    pub(crate) allow: Option<String>,
}

/// What the log and the metrics are told at the end. Times are those of [`now`].
#[derive(Default)]
pub(crate) struct Tally {
    /// The first byte of the request was there.
    pub(crate) began: Duration,
    /// The request's head was complete.
    pub(crate) head_done: Duration,
    /// Time spent in an upstream's queue.
    pub(crate) queued: Option<Duration>,
    /// The last server was picked.
    pub(crate) picked: Option<Duration>,
    /// A connection to it was there.
    pub(crate) connected: Option<Duration>,
    /// The final response's head was there.
    pub(crate) first_byte: Option<Duration>,
    pub(crate) status: u16,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) retries: u32,
    pub(crate) reason: Option<Reason>,
    /// The server that answered, or the last that was tried.
    pub(crate) server: Option<usize>,
    /// What the cache had to do with it, where the route has one.
    pub(crate) cache: Option<Served>,
    /// Bytes of a final response may have gone to the client.
    pub(crate) answered: bool,
}

impl Heads {
    /// Forgets heads that were left partial.
    pub(crate) fn reset(&mut self) {
        self.request.reset();
        self.response.reset();
    }

    /// Reads the head of a request, which is all there.
    ///
    /// # Errors
    /// Why it is none.
    pub(crate) fn take(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<(), Reason> {
        match self.request.parse(bytes, limits) {
            Ok(Some(_)) => Ok(()),
            // It ends as a head ends, whatever is in it.
            Ok(None) => Err(Reason::BadRequestLine),
            Err(fault) => Err(fault.reason),
        }
    }
}

impl Call {
    /// One of which nothing has been sent yet.
    pub(crate) fn new(ticket: Ticket, link: Link) -> Self {
        Self {
            ticket,
            link,
            pending: Lease::empty(),
            head: Lease::empty(),
            upload: None,
        }
    }

    /// Ends it: its response has come whole, with that status and time to its first byte. Its connection is kept where it is
    /// fit for another request to the same upstream.
    #[inline]
    pub(crate) fn settle(
        self,
        worker: &Worker,
        (status, latency): (u16, Duration),
        fit_for: Option<(&Epoch, UpstreamId)>,
    ) {
        let Self { ticket, link, .. } = self;
        let ix = ticket.ix();
        ticket.answered(status, latency);
        if let Some((epoch, upstream)) = fit_for {
            let room = epoch.pool_room(upstream);
            worker.keep(link, &epoch.berth(upstream, ix), room);
        }
    }
}

impl Tally {
    /// From the connection being there to the response's first byte.
    pub(crate) fn latency(&self) -> Duration {
        let first_byte = self.first_byte.unwrap_or_default();
        first_byte.saturating_sub(self.connected.unwrap_or_default())
    }
}

impl<'c> Exchange<'c> {
    /// The exchange of a request that has just arrived.
    pub(crate) fn new(conn: &'c mut Conn, heads: &'c mut Heads, arrival: Arrival) -> Self {
        let epoch = conn.worker.epoch();
        let client = !conn.client.is_nobody();
        let in_flight = client.then(|| conn.worker.begin_request());
        let tally = Tally {
            began: arrival.began,
            head_done: now(),
            ..Tally::default()
        };
        Self {
            epoch,
            heads,
            bytes: arrival.bytes,
            facts: Facts::new(conn.peer()),
            prefix: Prefix::default(),
            rest: None,
            tried: SmallVec::new(),
            expires: None,
            asked: None,
            tally,
            _in_flight: in_flight,
            conn,
        }
    }

    /// The request's fields, as its client has sent them.
    pub(crate) fn fields(&self) -> Head<'_> {
        Head {
            fields: &self.heads.request.fields,
            bytes: &self.bytes,
        }
    }

    /// What the route keeps, and how; only stations behind Lookup ask.
    pub(crate) fn rules(&self) -> &CacheRules {
        let rules = self.route().cache.as_deref();
        rules.expect("Route leads only requests for a route with a cache to Lookup")
    }

    /// What of the request makes the key of its response.
    pub(crate) fn key_parts(&self) -> KeyParts<'_> {
        let head = &self.heads.request;
        let route = self.facts.route.expect("the exchange has been routed");
        KeyParts {
            realm: self.epoch.realms[route.index()],
            scheme: "http",
            host: head.authority.of(&self.bytes),
            path: self.path(),
            query: head.query.map(|query| query.of(&self.bytes)),
            head: self.fields(),
        }
    }

    /// What its response is counted with, where it is stored.
    pub(crate) fn group(&self) -> u64 {
        let route = self.facts.route.expect("the exchange has been routed");
        self.epoch.holders.group(route)
    }

    /// What the path has for the parameters of the route's pattern.
    pub(crate) fn params(&self) -> Params<'_> {
        match self.facts.found {
            Some(found) => self.epoch.plan.router.params(found, self.path()),
            None => Params::default(),
        }
    }

    /// The path by which the request is routed: the one in the head, or its normal form.
    pub(crate) fn path(&self) -> &[u8] {
        match &self.facts.normal_path {
            Some(path) => path,
            None => self.heads.request.path_bytes(&self.bytes),
        }
    }

    /// The path that the server is asked for.
    pub(crate) fn forwarded_path(&self) -> &[u8] {
        match &self.facts.rewritten_path {
            Some(path) => path,
            None => self.path(),
        }
    }

    /// The host that the server is told was asked for. Where answers are kept it is as keys have it, and so is
    /// [the query](Self::forwarded_query): what an answer could depend on is the same for all who get it.
    pub(crate) fn forwarded_host(&self) -> Cow<'_, [u8]> {
        let host = self.heads.request.authority.of(&self.bytes);
        match self.route().cache.is_some() && host.iter().any(u8::is_ascii_uppercase) {
            true => host.to_ascii_lowercase().into(),
            false => host.into(),
        }
    }

    /// The query that the server is asked for.
    pub(crate) fn forwarded_query(&self) -> Option<Cow<'_, [u8]>> {
        let query = self.heads.request.query?.of(&self.bytes);
        Some(
            match self.route().cache.is_some() && query.contains(&b'%') {
                true => normal_query(query).into(),
                false => query.into(),
            },
        )
    }

    /// The route that was chosen; only stations behind Route ask.
    pub(crate) fn route(&self) -> &Route {
        self.epoch
            .plan
            .route(self.facts.route.expect("the exchange has been routed"))
    }

    /// The upstream that the route leads to; only stations behind Dial ask.
    pub(crate) fn upstream(&self) -> UpstreamId {
        match self.route().action {
            Action::Upstream(upstream) => upstream,
            _ => unreachable!("Route leads only requests for an upstream to Dial"),
        }
    }

    /// The upstream's lane; only stations behind Dial ask.
    pub(crate) fn lane(&self) -> &Rc<Lane> {
        &self.epoch.lanes[self.upstream().index()]
    }

    /// How the upstream keeps clients with their servers, if it does; only behind Dial.
    pub(crate) fn sticky(&self) -> Option<&Sticky> {
        self.lane().group.upstream.sticky.as_ref()
    }

    /// The id that the request came with, or the one that was made for it; empty where neither is.
    pub(crate) fn request_id(&self) -> &[u8] {
        match &self.facts.made_id {
            Some(id) => id,
            None => self
                .heads
                .request
                .get(&self.bytes, Name::XRequestId)
                .unwrap_or_default(),
        }
    }

    /// The sooner of `at` and the end of the whole exchange, with the reason for which it
    /// would be missed.
    pub(crate) fn deadline(&self, at: Duration, reason: Reason) -> (Duration, Reason) {
        match self.expires {
            Some(end) if end < at => (end, Reason::RequestTimeout),
            _ => (at, reason),
        }
    }

    /// What comes of `action`.
    ///
    /// # Errors
    /// That the time of the whole exchange is over before.
    pub(crate) async fn within<T>(&self, action: impl Future<Output = T>) -> Result<T, Reason> {
        match self.expires {
            None => Ok(action.await),
            Some(end) => timeout_at(end, action)
                .await
                .map_err(|_| Reason::RequestTimeout),
        }
    }

    /// True where a server had most of the time that the whole exchange may take, if it had it since
    /// `since`: then it is the server's doing that the time is over.
    pub(crate) fn had_most(&self, since: Duration) -> bool {
        let limit = self.route().timeouts.request;
        limit.is_none_or(|limit| now().saturating_sub(since) >= limit / 2)
    }

    /// True once the whole exchange must be over.
    pub(crate) fn is_expired(&self) -> bool {
        self.expires.is_some_and(|end| now() >= end)
    }

    /// True while the request has a body of which nothing has come from the client, not even its end.
    pub(crate) fn awaits_body(&self) -> bool {
        let begun = self.prefix.data.is_some() || self.prefix.done;
        let untouched = |body: &Body| body.received() == 0 && !body.is_done();
        !begun
            && self
                .rest
                .as_ref()
                .is_some_and(|rest| untouched(&rest.borrow()))
    }

    /// True where nobody asks, and nothing that came could be stored.
    pub(crate) fn is_in_vain(&self) -> bool {
        let fills = |asked: &Asked| asked.fill.is_some();
        self.conn.client.is_nobody() && !self.asked.as_deref().is_some_and(fills)
    }

    /// True when nothing of the request is left to arrive.
    pub(crate) fn is_fully_received(&self) -> bool {
        match &self.rest {
            Some(rest) => rest.borrow().is_done(),
            None => {
                let framing = self.heads.request.framing;
                self.prefix.done || matches!(framing, Framing::None | Framing::Length(0))
            }
        }
    }

    /// How the connection ends where nothing of this request is left unread. A client that did not
    /// say that it was its last may be sending the next one already.
    pub(crate) fn farewell(&self) -> Next {
        if self.heads.request.keep_alive {
            Next::Linger
        } else {
            Next::Close
        }
    }

    pub(crate) fn refuse(&self, reason: Reason) -> Station {
        Station::Refuse(Refusal::Fault(reason.into()))
    }
}

impl Facts {
    fn new(peer: IpAddr) -> Self {
        Self {
            normal_path: None,
            rewritten_path: None,
            client: peer,
            trusted: false,
            made_id: None,
            route: None,
            found: None,
            set_cookie: None,
            allow: None,
        }
    }
}
