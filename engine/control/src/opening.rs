//! What a plan needs opened: listeners and the log, before anything is changed.

use crate::{error::StartError, log::Sink, socket::ControlSocket};
use ringfence_config::{AccessLog, LogFormat, LogTarget, Plan};
use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
};

/// What is open now, as configured.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    pub(crate) admin: Option<SocketAddr>,
    /// Where the admin listener really is: the port is another where the plan says 0.
    pub(crate) admin_at: Option<SocketAddr>,
    pub(crate) control: Option<PathBuf>,
    pub(crate) log: Option<LogTarget>,
}

/// What becomes of something that the plan may leave as it is, change or not have at all.
#[derive(Debug)]
pub(crate) enum Change<T> {
    Keep,
    To(Option<T>),
}

/// What a plan needs opened, before anything is changed.
pub(crate) struct Opened {
    pub(crate) bound: Bound,
    pub(crate) admin: Change<TcpListener>,
    pub(crate) control: Change<ControlSocket>,
    pub(crate) sink: Option<Sink>,
}

/// Opens what the plan has and `bound` has not.
pub(crate) fn open(plan: &Plan, bound: &Bound) -> Result<Opened, StartError> {
    let mut next = Bound {
        admin: plan.admin.listen,
        admin_at: bound.admin_at,
        control: plan.admin.control.clone(),
        log: target(&plan.access_log),
    };
    let mut admin = Change::Keep;
    if next.admin != bound.admin {
        let listener = next.admin.map(listen).transpose()?;
        next.admin_at = listener.as_ref().and_then(|l| l.local_addr().ok());
        admin = Change::To(listener);
    }
    let mut control = Change::Keep;
    if next.control != bound.control {
        let socket = next.control.as_deref().map(ControlSocket::bind);
        control = Change::To(socket.transpose()?);
    }
    let mut sink = None;
    if let Some(target) = &next.log
        && next.log != bound.log
    {
        sink = Some(Sink::open(target).map_err(|source| StartError::Log {
            target: shown(target),
            source,
        })?);
    }
    Ok(Opened {
        bound: next,
        admin,
        control,
        sink,
    })
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|source| StartError::Admin { address, source })
}

/// Where the plan logs to; none if it does not.
fn target(log: &AccessLog) -> Option<LogTarget> {
    (log.format != LogFormat::Off).then(|| log.to.clone())
}

fn shown(target: &LogTarget) -> String {
    match target {
        LogTarget::Stdout => "standard output".into(),
        LogTarget::File(path) => path.display().to_string(),
        LogTarget::SyslogUnix(path) => format!("syslog:{}", path.display()),
        LogTarget::SyslogUdp(address) => format!("syslog:{address}"),
    }
}
