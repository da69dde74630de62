//! Whether the client still waits for what is done on its behalf.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::client::Client;

/// What `work` comes to, or `None` where the client goes away first.
pub(crate) async fn unless_gone<T>(client: &Client, work: impl Future<Output = T>) -> Option<T> {
    let mut gone = pin!(client.closed());
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => gone.as_mut().poll(cx).map(|()| None),
    })
    .await
}
