//! HTTP served in bounds: so many connections, so long a head, so long a life.

use crate::task::Task;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{io, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};

/// Connections served at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 256;
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
    places: Arc<Semaphore>,
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
    /// Begins serving on the current runtime.
    pub(crate) fn start(listener: impl Accept, app: Router) -> Self {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let (closing, closed) = watch::channel(());
        let accepting = Task::spawn(accept_all(listener, app, places.clone(), closed));
        Self {
            places,
            _closing: closing,
            _accepting: accepting,
        }
    }

    /// Closes the listener and waits until the exchanges under way have finished, or the limit has passed.
    pub(crate) async fn finish(self, limit: Duration) {
        let places = self.places.clone();
        drop(self);
        let _ = timeout(limit, places.acquire_many(MAX_CONNECTIONS as u32)).await;
    }
}

async fn accept_all(
    listener: impl Accept,
    app: Router,
    places: Arc<Semaphore>,
    closed: watch::Receiver<()>,
) {
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok(stream) => {
                tokio::spawn(serve(stream, app.clone(), place, closed.clone()));
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: Router,
    _place: OwnedSemaphorePermit,
    mut closed: watch::Receiver<()>,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        // An error: the sender is gone, so the listener is closing.
        _ = closed.changed() => {}
        () = sleep(LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(GRACE, connection).await;
}
