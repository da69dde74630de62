//! HTTP served in bounds: so many connections, so long a head, so long a life.

use crate::{
    guests::{Guests, Stay},
    task::Task,
};
use axum::{Router, body::Body};
use http_body_util::BodyExt;
use hyper::{
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{convert::Infallible, io, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::watch,
    time::{sleep, timeout},
};

/// How long a request's head may take, idling between requests included.
const HEAD: Duration = Duration::from_secs(15);
/// How long a connection may go on taking requests; a peer that does not read can't hold a place for much longer.
const LIFE: Duration = Duration::from_secs(60);
/// How long the exchange then under way may still take.
const GRACE: Duration = Duration::from_secs(15);
/// The most that a request's head may measure.
const MAX_HEAD: usize = 16 * 1024;
/// How long to wait after an accept that failed, as it does when descriptors run out.
const PAUSE: Duration = Duration::from_millis(200);

/// A listener being served. Dropping it closes the listener; connections finish the exchange that they are in.
pub(crate) struct Served {
    guests: Arc<Guests>,
    _closing: watch::Sender<()>,
    _accepting: Task,
}

/// A listener of either kind.
pub(crate) trait Accept: Send + 'static {
    /// The connections that it gives.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        TcpListener::accept(self).await.map(|(stream, _)| stream)
    }
}

impl Accept for UnixListener {
    type Stream = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        UnixListener::accept(self).await.map(|(stream, _)| stream)
    }
}

impl Served {
    /// Begins serving on the current runtime, `most` connections at once; for one more, one that is idle has to go.
    pub(crate) fn start(listener: impl Accept, most: usize, app: Router) -> Self {
        let guests = Guests::new(most);
        let (closing, closed) = watch::channel(());
        let accepting = Task::spawn(accept_all(listener, app, guests.clone(), closed));
        Self {
            guests,
            _closing: closing,
            _accepting: accepting,
        }
    }

    /// Closes the listener and waits until the exchanges under way have finished, or the limit has passed.
    pub(crate) async fn finish(self, limit: Duration) {
        let guests = self.guests.clone();
        drop(self);
        let _ = timeout(limit, guests.all_gone()).await;
    }
}

async fn accept_all(
    listener: impl Accept,
    app: Router,
    guests: Arc<Guests>,
    closed: watch::Receiver<()>,
) {
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let stay = Arc::new(guests.welcome().await);
                tokio::spawn(serve(stream, app.clone(), stay, closed.clone()));
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: Router,
    stay: Arc<Stay>,
    mut closed: watch::Receiver<()>,
) {
    let app = TowerToHyperService::new(app);
    let here = stay.clone();
    let service = service_fn(move |request| {
        let (busy, answer) = (here.begin(), app.call(request));
        async move {
            let answer = answer.await?;
            // Until the last of the answer is handed over.
            let held = |body: Body| {
                Body::new(body.map_frame(move |frame| {
                    let _ = &busy;
                    frame
                }))
            };
            Ok::<_, Infallible>(answer.map(held))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stay.asked_to_leave() => return,
        // An error: the sender is gone, so the listener is closing.
        _ = closed.changed() => {}
        () = sleep(LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(GRACE, connection).await;
}
