//! What would become of a request, told by those who would decide. Nothing comes of it: no server is asked, nothing is
//! stored, and nothing counts as used or missed.
//!
//! | module | tells |
//! |---|---|
//! | `stored` | what the cache has to do with it |
//! | `servers` | which server it would go to |
//! | `words` | bytes as text |

mod servers;
mod stored;
mod words;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use ringfence_config::{Action, HeaderTest, HostPattern};
use ringfence_http::Reason;
use ringfence_io::{Lease, now, spawn};
use ringfence_telemetry::explain::{Explanation, Own, Taken};

use self::words::text;
use crate::conn::Conn;
use crate::exchange::{Arrival, Exchange, Heads, Refusal, Station};
use crate::house::{House, Order};
use crate::question::{Question, head};
use crate::stations::{refuse, route, screen};
use crate::worker::Worker;

/// A request that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its method.
    pub method: String,
    /// Its URL, `http://host/path?query`.
    pub url: String,
    /// Its other fields, each a line such as `Accept: text/html`.
    pub fields: Vec<String>,
    /// Where it would come from.
    pub peer: IpAddr,
}

/// Has every worker say what would become of a request, from any thread. Each sends once, with its index.
#[must_use]
pub fn explain(house: &House, asked: &Asked) -> Receiver<(usize, Explanation)> {
    let (answer, answers) = channel();
    let head: Arc<[u8]> = head(&asked.method, &asked.url, &asked.fields).into();
    for post in &house.posts {
        post.post(Order::Explain(Question {
            head: head.clone(),
            peer: asked.peer,
            answer: answer.clone(),
        }));
    }
    answers
}

/// Answers a question, as a task: a panic of it drops the sender, so that whoever asks hears that one is missing.
pub(crate) fn start(worker: &Rc<Worker>, question: Question) {
    let worker = worker.clone();
    spawn(async move {
        let told = tell(&worker, &question);
        // Whoever asked may have stopped waiting.
        drop(question.answer.send((worker.index, told)));
    });
}

/// What would become of the request on this worker.
fn tell(worker: &Rc<Worker>, question: &Question) -> Explanation {
    let mut heads = Heads::default();
    let bytes = Lease::copy_from(&question.head);
    if let Err(reason) = heads.take(&bytes, &worker.epoch().head_limits) {
        return refused(reason);
    }
    let mut conn = Conn::nobody(worker.clone(), question.peer);
    let began = now();
    let mut ex = Exchange::new(&mut conn, &mut heads, Arrival { bytes, began });
    let station = match screen::pass(&mut ex) {
        Station::Route => route::choose(&mut ex),
        other => other,
    };
    let mut told = Explanation {
        route: ex.facts.found.map(|_| taken(&ex)),
        ..Explanation::default()
    };
    match station {
        Station::Refuse(refusal) => told.own = Some(own(&ex, &refusal)),
        Station::Lookup => {
            told.cache = Some(stored::tell(&ex));
            told.upstream = Some(servers::tell(&ex));
        }
        _ => told.upstream = Some(servers::tell(&ex)),
    }
    told
}

fn refused(reason: Reason) -> Explanation {
    Explanation {
        own: Some(refusal(reason)),
        ..Explanation::default()
    }
}

fn refusal(reason: Reason) -> Own {
    Own {
        status: reason.status(),
        reason: Some(reason.word().to_owned()),
        ..Own::default()
    }
}

/// The answer that the request gets from us.
fn own(ex: &Exchange<'_>, how: &Refusal) -> Own {
    match how {
        Refusal::Fault(fault) => Own {
            allow: ex.facts.allow.clone(),
            ..refusal(fault.reason)
        },
        Refusal::Ordered => {
            let (status, location) = refuse::preview(ex);
            Own {
                status,
                location: location.map(|location| text(&location)),
                ..Own::default()
            }
        }
        Refusal::LastHop => Own {
            status: 204,
            ..Own::default()
        },
    }
}

/// The route that was found, and by what.
fn taken(ex: &Exchange<'_>) -> Taken {
    let route = ex.route();
    let found = ex.facts.found.expect("the exchange has been routed");
    let host = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(host) => host.clone(),
        HostPattern::Below(suffix) => format!("*.{suffix}"),
    };
    let headers = route.matcher.headers.iter();
    let params = ex.params();
    Taken {
        name: route.name.clone(),
        number: found.route.index() + 1,
        hosts: route.matcher.hosts.iter().map(host).collect(),
        path: ex.epoch.plan.router.path(found).show(),
        params: params
            .iter()
            .map(|(name, value)| (name.to_owned(), text(value)))
            .collect(),
        methods: route.matcher.methods.clone(),
        headers: headers
            .map(|header| match &header.test {
                HeaderTest::Present => header.name.clone(),
                HeaderTest::Exact(value) => format!("{}: {value}", header.name),
            })
            .collect(),
        rewritten: match route.action {
            Action::Upstream(_) => ex.facts.rewritten_path.as_deref().map(text),
            Action::Redirect { .. } | Action::Respond { .. } => None,
        },
    }
}
