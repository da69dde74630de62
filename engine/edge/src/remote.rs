//! `reload`, `purge`, `warm`, `explain` and `stop`: commands to a running process, through its control socket.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ringfence_config::{OrOff, Overrides};
use ringfence_control::client::{self, ClientError};
use ringfence_control::{Explain, Purge, Sources, Tally};

use crate::cli::{ExplainArgs, ProcessArg, PurgeArgs, ReloadArgs, StopArgs, WarmArgs};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::source::Source;
use crate::terminal::print;

/// How often `stop` looks whether the process has gone.
const LOOK: Duration = Duration::from_millis(50);

/// `reload`: prints what changed, or fails with the reason of the refusal.
pub(crate) fn reload(args: &ReloadArgs) -> Result<(), Failure> {
    let socket = socket(&args.process)?;
    let changes = client::reload(&socket).map_err(|error| match error {
        ClientError::Refused(why) => Failure::new(format!(
            "reload refused, the old configuration serves on:\n{why}"
        )),
        ClientError::Gone(_) | ClientError::Unreachable(_) => unreachable(&error),
    })?;
    print(&format!("reloaded\n{changes}\n"))
}

/// `purge`: prints what has been purged, once nothing of it is answered with any more.
pub(crate) fn purge(args: PurgeArgs) -> Result<(), Failure> {
    let socket = socket(&args.process)?;
    let purge = Purge {
        tags: args.tag,
        urls: args.url,
        hosts: args.host,
        patterns: args.pattern,
        prefixes: args.prefix,
        all: args.all,
        soft: args.soft,
    };
    client::purge(&socket, &purge).map_err(|error| match error {
        ClientError::Refused(why) => Failure::new(format!("not purged: {why}")),
        ClientError::Gone(_) | ClientError::Unreachable(_) => unreachable(&error),
    })?;
    print(&describe(&purge))?;
    match args.refetch {
        true => warm_all(&socket, &Sources::default(), true, args.concurrency.most),
        false => Ok(()),
    }
}

/// `warm`: prints how it went, once all has been asked for.
pub(crate) fn warm(args: &WarmArgs) -> Result<(), Failure> {
    let socket = socket(&args.process)?;
    let sources = Sources {
        urls: args.url.clone(),
        lists: args.list.iter().map(|list| place(list)).collect(),
        sitemaps: args.sitemap.clone(),
    };
    warm_all(&socket, &sources, args.purged, args.concurrency.most)
}

/// The file that is meant: `-` is the standard input.
fn place(file: &Path) -> PathBuf {
    match file == Path::new("-") {
        true => PathBuf::from("/dev/stdin"),
        false => file.to_owned(),
    }
}

fn warm_all(socket: &Path, sources: &Sources, purged: bool, most: u16) -> Result<(), Failure> {
    let mut progress = Progress::begin();
    let outcome = client::warm(socket, sources, purged, most.into(), &mut progress);
    let took = progress.end().as_secs_f64();
    let tally = outcome.map_err(|error| match error {
        ClientError::Refused(why) => Failure::new(format!("not warmed: {why}")),
        ClientError::Gone(_) | ClientError::Unreachable(_) => unreachable(&error),
    })?;
    let Tally { total, failed, .. } = tally;
    print(&format!("{total} URLs in {took:.1} s: {tally}\n"))?;
    if tally.has_more {
        print("more was purged softly than one run takes: run it again\n")?;
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::new(format!("{failed} of {total} URLs failed"))),
    }
}

fn describe(purge: &Purge) -> String {
    let mut text = String::from(match purge.soft {
        true => "purged, to be validated before it is answered with:\n",
        false => "purged:\n",
    });
    for (what, list) in [
        ("tag", &purge.tags),
        ("URL", &purge.urls),
        ("host", &purge.hosts),
        ("pattern", &purge.patterns),
        ("prefix", &purge.prefixes),
    ] {
        for name in list {
            text.push_str(&format!("  {what} {name}\n"));
        }
    }
    if purge.all {
        text.push_str("  everything\n");
    }
    text
}

/// `explain`: prints what would become of the request.
pub(crate) fn explain(args: ExplainArgs) -> Result<(), Failure> {
    let socket = socket(&args.process)?;
    let question = Explain {
        method: args.method,
        url: args.url,
        headers: args.header,
        from: args.from,
    };
    let answer = client::explain(&socket, &question).map_err(|error| match error {
        ClientError::Refused(why) => Failure::new(format!("not explained: {why}")),
        ClientError::Gone(_) | ClientError::Unreachable(_) => unreachable(&error),
    })?;
    match (answer, args.json) {
        ((json, _), true) => print(&format!("{json}\n")),
        ((_, explanation), false) => print(&explanation.to_string()),
    }
}

/// `stop`: waits until the process has drained and gone.
pub(crate) fn stop(args: &StopArgs) -> Result<(), Failure> {
    let socket = socket(&args.process)?;
    let until = Instant::now() + args.timeout;
    client::stop(&socket).map_err(|error| unreachable(&error))?;
    // One that drains may be slow to answer; only one that has gone does not listen.
    while !matches!(client::status(&socket), Err(ClientError::Gone(_))) {
        if Instant::now() >= until {
            let waited = args.timeout.as_secs_f64();
            return Err(
                Failure::new(format!("it still drains after {waited} s")).hint(
                    "it ends at its own limit, `drain` in [timeouts]; wait longer with --timeout",
                ),
            );
        }
        thread::sleep(LOOK);
    }
    print("stopped\n")
}

fn socket(process: &ProcessArg) -> Result<PathBuf, Failure> {
    match &process.control {
        Some(OrOff::On(path)) => Ok(path.clone()),
        Some(OrOff::Off) => Err(no_socket()),
        None => of_file(&process.path),
    }
}

/// The control socket that a file names. Processes of several files may meet at the default one, so whoever is there has
/// to serve this file.
fn of_file(path: &Path) -> Result<PathBuf, Failure> {
    let plan = Source::file(path.to_owned(), Overrides::default())
        .load()
        .map_err(|failure| {
            failure.hint(
                "name another file with -c FILE, or the control socket itself with --control PATH",
            )
        })?;
    let socket = plan.admin.control.ok_or_else(no_socket)?;
    let served = client::file(&socket).map_err(|error| unreachable(&error))?;
    match served {
        Some(served) if is_same_file(&served, path) => Ok(socket),
        served => {
            let served = served.map_or("no file".to_owned(), |file| file.display().to_string());
            let (socket, path) = (socket.display(), path.display());
            Err(Failure::new(format!(
                "the process at {socket} serves {served}, not {path}"
            ))
            .hint("--control PATH means a process, whatever it serves"))
        }
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(one).is_some_and(|one| real(other) == Some(one))
}

fn unreachable(error: &ClientError) -> Failure {
    Failure::new(error.to_string()).hint(
        "name its file with -c FILE, or its control socket with --control PATH; \
         one that was started before the file named this socket is still at the old one",
    )
}

fn no_socket() -> Failure {
    Failure::new("the process has no control socket")
        .hint("send it SIGHUP to reload, or SIGTERM to stop")
}
