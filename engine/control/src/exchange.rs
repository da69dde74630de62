//! One HTTP/1.1 request on a connection of its own: for active checks and for the command line.

use crate::{task::Task, trouble::Trouble};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use ringfence_config::Endpoint;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

/// What is asked, and of whom.
pub(crate) struct Ask<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// A token; the plan has checked it.
    pub(crate) method: &'a str,
    /// The path, with its query if there is one.
    pub(crate) path: &'a str,
    /// The `Host`; `None` = the endpoint's address.
    pub(crate) host: Option<&'a str>,
    /// The request's body, where it has one: JSON.
    pub(crate) json: Option<Vec<u8>>,
    /// The bytes of the response's body to read; what is past them is left.
    pub(crate) body: usize,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The beginning of the body.
    pub(crate) body: Vec<u8>,
}

/// Connects, asks, and reads the answer's head and the beginning of its body. Has no time-out of its own.
///
/// # Errors
/// What went wrong.
pub(crate) async fn exchange(ask: &Ask<'_>) -> Result<Answer, Trouble> {
    match ask.endpoint {
        Endpoint::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            talk(stream, ask, &address.to_string()).await
        }
        Endpoint::Unix(path) => {
            let stream = UnixStream::connect(path).await?;
            talk(stream, ask, "localhost").await
        }
    }
}

/// Connects and hangs up.
///
/// # Errors
/// As [`exchange`].
pub(crate) async fn connect(endpoint: &Endpoint) -> Result<(), Trouble> {
    match endpoint {
        Endpoint::Tcp(address) => drop(TcpStream::connect(address).await?),
        Endpoint::Unix(path) => drop(UnixStream::connect(path).await?),
    }
    Ok(())
}

/// As [`exchange`], on a connection that is there; `address` stands in for a `Host`.
///
/// # Errors
/// As [`exchange`].
pub(crate) async fn talk<S>(stream: S, ask: &Ask<'_>, address: &str) -> Result<Answer, Trouble>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut request = Request::builder()
        .method(ask.method)
        .uri(ask.path)
        .header(header::HOST, ask.host.unwrap_or(address))
        .header(header::USER_AGENT, "ringfence")
        .header(header::CONNECTION, "close");
    if ask.json.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let content = Bytes::from(ask.json.clone().unwrap_or_default());
    let request = request
        .body(Full::new(content))
        .map_err(|error| Trouble::theirs(error.to_string()))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // The connection's errors come back through the request.
    let _driver = Task::spawn(async {
        let _ = connection.await;
    });
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = beginning(response, ask.body).await?;
    Ok(Answer { status, body })
}

/// The first `most` bytes of the body; stops reading there.
async fn beginning(response: Response<Incoming>, most: usize) -> hyper::Result<Vec<u8>> {
    let mut incoming = response.into_body();
    let mut body = Vec::new();
    while body.len() < most {
        let Some(frame) = incoming.frame().await else {
            break;
        };
        if let Ok(data) = frame?.into_data() {
            let room = most - body.len();
            body.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    Ok(body)
}
