//! `demo`: three small origin servers in this process, and the balancer over them.

mod origin;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use ringfence_config::{Endpoint, LogFormat, OrOff, Overrides, Quick, ServerAddress};

use crate::cli::DemoArgs;
use crate::failure::Failure;
use crate::serve::Started;
use crate::source::Source;

/// Where the origins listen where nobody else does.
const ORIGIN_PORTS: [u16; 3] = [3001, 3002, 3003];
/// Where the admin listener is where nobody else is.
const ADMIN_PORT: u16 = 9901;

/// Client connections that a demo takes: what any limit on open files allows.
const MAX_CONNECTIONS: u32 = 4096;

/// The demo, before the balancer has started.
pub(crate) struct Demo {
    from: SocketAddr,
    origins: Vec<SocketAddr>,
    balance: ringfence_config::Balance,
    overrides: Overrides,
}

impl Demo {
    /// Starts the origins.
    ///
    /// # Errors
    /// When the machine has no port or no thread left for them.
    pub(crate) fn start(args: &DemoArgs) -> Result<Self, Failure> {
        let mut overrides = args.tuning.overrides();
        overrides
            .admin
            .get_or_insert_with(|| OrOff::On(admin_address()));
        overrides.access_log.get_or_insert(LogFormat::Off);
        overrides.control.get_or_insert(OrOff::Off);
        overrides.max_connections.get_or_insert(MAX_CONNECTIONS);
        let origins = ORIGIN_PORTS
            .iter()
            .enumerate()
            .map(|(ix, port)| start_origin(ix + 1, *port));
        let origins = origins
            .collect::<io::Result<_>>()
            .map_err(|error| Failure::new(format!("cannot start an origin server: {error}")))?;
        Ok(Self {
            from: args.from,
            origins,
            balance: args.balance,
            overrides,
        })
    }

    /// The plan of the demo.
    pub(crate) fn source(&self) -> Source {
        let quick = Quick {
            from: vec![self.from],
            to: self
                .origins
                .iter()
                .map(|origin| ServerAddress::Fixed(Endpoint::Tcp(*origin)))
                .collect(),
            balance: Some(self.balance),
        };
        Source::quick(quick, self.overrides.clone())
    }

    /// What to try, once the balancer listens at `address`.
    pub(crate) fn guide(&self, started: &Started) -> String {
        let Started { address, admin } = started;
        let second = self.origins[1];
        let away = origin::AWAY.as_secs();
        let mut text = format!(
            "
Three servers are behind http://{address}. Try, in another terminal:

  curl http://{address}/
  while sleep 0.2; do curl -s http://{address}/; done   # they share the requests; let it run
  curl -X POST http://{second}/kill   # server 2 dies, and is back in {away} s; no request fails
  curl -i http://{address}/json
"
        );
        if let Some(admin) = admin {
            text.push_str(&format!("  curl http://{admin}/metrics\n"));
        }
        text.push_str("\nEnd it with Ctrl-C. For your own servers: ringfence proxy --from ADDR --to SERVER --to SERVER\n");
        text
    }
}

fn start_origin(number: usize, port: u16) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    origin::Origin::start(number, listener)
}

fn admin_address() -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, ADMIN_PORT));
    match TcpListener::bind(usual) {
        Ok(_free) => usual,
        Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }
}
