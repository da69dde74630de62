//! Pingora as a reverse proxy: round robin over servers that are checked, kept connections, and the fields that
//! Ringfence adds by default. `ringfence-peer-pingora FILE` serves what the file says; `--version` prints Pingora's.

use std::env;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use http::header::HOST;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::lb::health_check::TcpHealthCheck;
use pingora::lb::selection::RoundRobin;
use pingora::lb::LoadBalancer;
use pingora::prelude::*;
use pingora::server::configuration::ServerConf;
use serde::Deserialize;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often servers are checked, as the other peers check theirs.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// What Pingora's file says beside Pingora's own keys.
#[derive(Deserialize)]
struct Place {
    listen: String,
    servers: Vec<String>,
}

/// The proxy.
struct Edge {
    servers: Arc<LoadBalancer<RoundRobin>>,
}

#[async_trait]
impl ProxyHttp for Edge {
    /// The request's id.
    type CTX = HeaderValue;

    fn new_ctx(&self) -> HeaderValue {
        let id = format!("{:032x}", fastrand::u128(..));
        HeaderValue::try_from(id).expect("digits are a value")
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut HeaderValue) -> Result<Box<HttpPeer>> {
        let server = self.servers.select(b"", 256);
        let server = server.ok_or_else(|| Error::new(ErrorType::ConnectNoRoute))?;
        Ok(Box::new(HttpPeer::new(server, false, String::new())))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        id: &mut HeaderValue,
    ) -> Result<()> {
        if let Some(client) = session.client_addr().and_then(|address| address.as_inet()) {
            let client = HeaderValue::try_from(client.ip().to_string()).expect("an address is a value");
            request.append_header("X-Forwarded-For", client.clone())?;
            request.insert_header("X-Real-IP", client)?;
        }
        request.insert_header("X-Forwarded-Proto", HeaderValue::from_static("http"))?;
        if let Some(host) = request.headers.get(HOST).cloned() {
            request.insert_header("X-Forwarded-Host", host)?;
        }
        request.insert_header("X-Request-ID", id.clone())?;
        request.append_header("Via", HeaderValue::from_static("1.1 pingora"))?;
        Ok(())
    }

    async fn response_filter(
        &self,
        _: &mut Session,
        response: &mut ResponseHeader,
        id: &mut HeaderValue,
    ) -> Result<()> {
        response.insert_header("X-Request-ID", id.clone())?;
        response.append_header("Via", HeaderValue::from_static("1.1 pingora"))?;
        Ok(())
    }
}

fn main() {
    let file = env::args().nth(1).expect("a configuration file");
    if file == "--version" {
        println!("pingora {}", env!("CARGO_PKG_VERSION"));
        return;
    }
    let text = fs::read_to_string(&file).expect("the file can be read");
    let conf = ServerConf::from_yaml(&text).expect("Pingora takes the file");
    let place: Place = serde_yaml::from_str(&text).expect("the file has an address and servers");

    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut servers = LoadBalancer::try_from_iter(&place.servers).expect("addresses");
    servers.set_health_check(TcpHealthCheck::new());
    servers.health_check_frequency = Some(CHECK_EVERY);
    servers.parallel_health_check = true;
    let checks = background_service("checks", servers);
    let edge = Edge {
        servers: checks.task(),
    };
    let mut proxy = http_proxy_service(&server.configuration, edge);
    proxy.add_tcp(&place.listen);
    server.add_service(proxy);
    server.add_service(checks);
    server.run_forever();
}
