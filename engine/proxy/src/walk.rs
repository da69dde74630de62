//! The one place that moves an exchange between stations.

use crate::conn::Conn;
use crate::exchange::{Arrival, Exchange, Heads, Next, Station};
use crate::stations::{answer, ask, dial, finish, refuse, relay, route, screen};

/// Takes a request, whose head is in `heads`, through its stations to its end.
pub(crate) async fn walk(conn: &mut Conn, heads: &mut Heads, arrival: Arrival) -> Next {
    let mut ex = Exchange::new(conn, heads, arrival);
    let mut at = Station::Screen;
    loop {
        at = match at {
            Station::Screen => screen::pass(&mut ex),
            Station::Route => route::choose(&mut ex),
            Station::Dial => dial::open(&mut ex).await,
            Station::Redial(ticket) => dial::anew(&mut ex, ticket).await,
            Station::Ask(call) => ask::send(&mut ex, call).await,
            Station::Answer(call) => answer::receive(&mut ex, call).await,
            Station::Relay(call) => relay::pass(&mut ex, call).await,
            Station::Refuse(refusal) => refuse::send(&mut ex, refusal).await,
            Station::Finish(next) => return finish::close(ex, next),
        }
    }
}
