//! What the process says of itself when it has started: the truth, not the wish.

use std::fmt::{self, Write};

use ringfence_config::{Check, CheckKind, Plan, Server, Upstream};
use ringfence_io::NofileLimit;

use crate::serve::event::Arrival;
use crate::serve::listeners::Bound;

/// All that the banner tells.
pub(crate) struct Banner<'a> {
    /// The plan in force.
    pub(crate) plan: &'a Plan,
    /// What each worker got, by index.
    pub(crate) workers: &'a [Arrival],
    /// Where it listens.
    pub(crate) listeners: &'a [Bound],
    /// Where the admin listener is.
    pub(crate) admin: Option<std::net::SocketAddr>,
    /// The limit on descriptors, or why it is not known.
    pub(crate) nofile: &'a Result<NofileLimit, String>,
    /// Most client connections that it leaves room for.
    pub(crate) most_clients: u32,
    /// What the user should know about, one sentence each.
    pub(crate) warnings: &'a [String],
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = env!("CARGO_PKG_VERSION");
        writeln!(
            f,
            "ringfence {version} on {}, process {}",
            kernel(),
            std::process::id()
        )?;
        for worker in self.workers {
            writeln!(f, "worker {}", WorkerLine(worker))?;
        }
        for listener in self.listeners {
            writeln!(f, "listening on http://{}", listener.real)?;
        }
        match self.admin {
            Some(admin) => writeln!(f, "admin on http://{admin}")?,
            None => writeln!(f, "admin off")?,
        }
        if let Some(control) = &self.plan.admin.control {
            writeln!(f, "control socket {}", control.display())?;
        }
        for upstream in &self.plan.upstreams {
            writeln!(f, "upstream {}", UpstreamLine(upstream))?;
        }
        writeln!(f, "limits {}", self.limits())?;
        self.warnings
            .iter()
            .try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}

impl Banner<'_> {
    fn limits(&self) -> String {
        let connections = self.plan.workers.max_connections.min(self.most_clients);
        let mut text = format!("{connections} client connections, ");
        // Writing to a string does not fail.
        let _ = match self.nofile {
            Ok(NofileLimit { before, now }) if before < now => {
                write!(text, "{now} open files (raised from {before})")
            }
            Ok(NofileLimit { now, .. }) => write!(text, "{now} open files"),
            Err(error) => write!(text, "open files unknown: {error}"),
        };
        text
    }
}

/// `0: CPU 3, native`
struct WorkerLine<'a>(&'a Arrival);

impl fmt::Display for WorkerLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arrival { index, cpu, driver } = self.0;
        match cpu {
            Some(cpu) => write!(f, "{index}: CPU {cpu}, {}", driver.kind)?,
            None => write!(f, "{index}: not pinned, {}", driver.kind)?,
        }
        match &driver.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

/// `app: least_conn over 127.0.0.1:3001, 127.0.0.1:3002 (weight 2), checked by HTTP /health`
pub(crate) struct UpstreamLine<'a>(pub(crate) &'a Upstream);

impl fmt::Display for UpstreamLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Upstream {
            name,
            balance,
            servers,
            check,
            ..
        } = self.0;
        write!(f, "{name}: {balance} over ")?;
        for (ix, server) in servers.iter().enumerate() {
            let comma = if ix == 0 { "" } else { ", " };
            write!(f, "{comma}{}", ServerText(server))?;
        }
        match check {
            Some(Check {
                kind: CheckKind::Http { path, .. },
                ..
            }) => {
                write!(f, "; checked by HTTP {path}")
            }
            Some(Check {
                kind: CheckKind::Tcp,
                ..
            }) => write!(f, "; checked by connecting"),
            None => Ok(()),
        }
    }
}

struct ServerText<'a>(&'a Server);

impl fmt::Display for ServerText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Server {
            address,
            label,
            weight,
            backup,
            drain,
            max_connections,
        } = self.0;
        write!(f, "{address}")?;
        let mut notes = Vec::new();
        if let Some(label) = label {
            notes.push(format!("called {label}"));
        }
        if *weight != 1 {
            notes.push(format!("weight {weight}"));
        }
        if *backup {
            notes.push("backup".to_owned());
        }
        if *drain {
            notes.push("draining".to_owned());
        }
        if let Some(max) = max_connections {
            notes.push(format!("at most {max} at once"));
        }
        match notes.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", notes.join(", ")),
        }
    }
}

/// `Linux 6.18.44`, as the kernel says.
fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    format!(
        "Linux {}",
        release.as_deref().map_or("(version unknown)", str::trim)
    )
}
