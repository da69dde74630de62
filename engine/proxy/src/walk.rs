//! The one place that moves an exchange between stations.

use crate::conn::Conn;
use crate::exchange::{Arrival, Call, Exchange, Heads, Next, Station};
use crate::gather;
use crate::retry::{self, Failure};
use crate::stations::relay::Passed;
use crate::stations::{answer, ask, dial, finish, hit, join, lookup, refuse, relay, route, screen};

/// Takes a request, whose head is in `heads`, through its stations to its end.
pub(crate) async fn walk(conn: &mut Conn, heads: &mut Heads, arrival: Arrival) -> Next {
    let mut ex = Exchange::new(conn, heads, arrival);
    let mut at = Station::Screen;
    loop {
        at = match at {
            Station::Screen => screen::pass(&mut ex),
            Station::Route => route::choose(&mut ex),
            Station::Lookup => lookup::open(&mut ex).await,
            Station::Hit(hit) => hit::send(&mut ex, hit).await,
            Station::Join(join) => join::send(&mut ex, join).await,
            Station::Dial => dial::open(&mut ex).await,
            Station::Redial(ticket) => dial::anew(&mut ex, ticket).await,
            Station::Ask(ticket, link) => {
                let mut call = Call::new(ticket, link);
                match attempt(&mut ex, &mut call).await {
                    Ok(Passed::On(next)) => relay::end(&mut ex, call, next),
                    // Boxed, so that exchanges which share nothing hold nothing for it.
                    Ok(Passed::ToAll(shared)) => Box::pin(gather::start(&ex, call, *shared)).await,
                    Err(failure) => retry::after(&mut ex, call, failure).await,
                }
            }
            Station::Refuse(refusal) => refuse::send(&mut ex, refusal).await,
            Station::Finish(next) => {
                finish::close(&mut ex);
                return next;
            }
        }
    }
}

/// Takes a call, which stays where it is, through the stations at its server.
async fn attempt(ex: &mut Exchange<'_>, call: &mut Call) -> Result<Passed, Failure> {
    ask::send(ex, call).await?;
    answer::receive(ex, call).await?;
    relay::pass(ex, call).await
}
