//! The command line: every subcommand and flag, with its environment variable and help.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand, value_parser};
use clap_complete::Shell;
use ringfence_config::{
    Balance, CpuList, DriverChoice, LogFormat, LogTarget, OrOff, Overrides, ServerAddress,
    WorkerCount,
};

/// An HTTP edge balancer for Linux: one pinned worker thread per core.
#[derive(Debug, Parser)]
#[command(
    name = "ringfence",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start three small origin servers in this process and balance over them
    Demo(DemoArgs),
    /// Balance from one or more addresses to servers, without a file
    Proxy(ProxyArgs),
    /// Serve what a configuration file says
    Run(RunArgs),
    /// Check a configuration file: exit 0, or say precisely what is wrong
    Check(FileArgs),
    /// Show what a configuration file comes to
    Config(ConfigArgs),
    /// Have a running ringfence read its file again, and print what changed
    Reload(ReloadArgs),
    /// Have a running ringfence answer no more with some of what it has cached
    Purge(PurgeArgs),
    /// Have a running ringfence ask for URLs, so that its cache has them
    Warm(WarmArgs),
    /// Have a running ringfence say what would become of a request, and why; nothing comes of it
    Explain(ExplainArgs),
    /// Have a running ringfence finish its requests and exit
    Stop(StopArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the JSON Schema of the configuration file
    Schema,
}

/// `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Address to listen on
    #[arg(
        long,
        value_name = "ADDR",
        env = "RINGFENCE_FROM",
        default_value = "127.0.0.1:8080",
        value_parser = listen_address
    )]
    pub(crate) from: SocketAddr,
    /// How to pick a server
    #[arg(long, value_name = "NAME", env = "RINGFENCE_BALANCE", default_value = "round_robin", value_parser = word::<Balance>(Balance::WORDS))]
    pub(crate) balance: Balance,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
}

/// `proxy`.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    /// Address to listen on; may be repeated
    #[arg(
        long,
        value_name = "ADDR",
        env = "RINGFENCE_FROM",
        value_delimiter = ',',
        value_parser = listen_address,
        required = true
    )]
    pub(crate) from: Vec<SocketAddr>,
    /// Server to send requests to (`127.0.0.1:3001`, `app.internal:8080`, `unix:/run/app.sock`); may be repeated
    #[arg(
        long,
        value_name = "SERVER",
        env = "RINGFENCE_TO",
        value_delimiter = ',',
        required = true
    )]
    pub(crate) to: Vec<ServerAddress>,
    /// How to pick a server
    #[arg(long, value_name = "NAME", env = "RINGFENCE_BALANCE", default_value = "round_robin", value_parser = word::<Balance>(Balance::WORDS))]
    pub(crate) balance: Balance,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
}

/// `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
}

/// `check`.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
}

/// `config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Print the whole file as it takes effect: defaults, flags and environment made visible, secrets too
    #[arg(long)]
    pub(crate) effective: bool,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
}

/// `reload`.
#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    pub(crate) process: ProcessArg,
}

/// `purge`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").multiple(true).required(true))]
pub(crate) struct PurgeArgs {
    /// Purge all responses with this tag; several may be given, apart or with commas
    #[arg(long, value_name = "TAG", value_delimiter = ',', group = "what")]
    pub(crate) tag: Vec<String>,
    /// Purge the responses of this URL, such as `http://example.com/a?b=c`; may be repeated
    #[arg(long, value_name = "URL", group = "what")]
    pub(crate) url: Vec<String>,
    /// Purge all that requests of this host may be answered with, named as they name it; may be repeated
    #[arg(long, value_name = "HOST", group = "what")]
    pub(crate) host: Vec<String>,
    /// Purge what has a URL like this, in which * stands for anything, such as `http://example.com/*.css`; may be repeated
    #[arg(long, value_name = "PATTERN", group = "what")]
    pub(crate) pattern: Vec<String>,
    /// Purge what has a URL that begins so, such as `http://example.com/a/`; may be repeated
    #[arg(long, value_name = "PREFIX", group = "what")]
    pub(crate) prefix: Vec<String>,
    /// Purge everything
    #[arg(long, group = "what")]
    pub(crate) all: bool,
    /// Keep what is purged until its server has been asked whether it still holds
    #[arg(long)]
    pub(crate) soft: bool,
    /// Have it asked for again at once, as `warm --purged` does
    #[arg(long, requires = "soft")]
    pub(crate) refetch: bool,
    #[command(flatten)]
    pub(crate) concurrency: ConcurrencyArg,
    #[command(flatten)]
    pub(crate) process: ProcessArg,
}

/// `warm`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").multiple(true).required(true))]
pub(crate) struct WarmArgs {
    /// URLs such as `http://example.com/a?b=c`
    #[arg(group = "source")]
    pub(crate) url: Vec<String>,
    /// A file of URLs, one a line, or - for the standard input; may be repeated
    #[arg(long, value_name = "FILE", group = "source")]
    pub(crate) list: Vec<PathBuf>,
    /// A sitemap, in a file or at a URL of plain HTTP, with those that it names; may be repeated
    #[arg(long, value_name = "URL|FILE", group = "source")]
    pub(crate) sitemap: Vec<String>,
    /// What is stored and was purged softly
    #[arg(long, group = "source")]
    pub(crate) purged: bool,
    #[command(flatten)]
    pub(crate) concurrency: ConcurrencyArg,
    #[command(flatten)]
    pub(crate) process: ProcessArg,
}

/// How many URLs are asked for at once.
#[derive(Debug, Args)]
pub(crate) struct ConcurrencyArg {
    /// URLs that are asked for at once
    #[arg(long = "concurrency", value_name = "N", default_value = "4", value_parser = value_parser!(u16).range(1..=64))]
    pub(crate) most: u16,
}

/// `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The request's method, such as GET
    pub(crate) method: String,
    /// Its URL, such as `http://example.com/a?b=c`
    pub(crate) url: String,
    /// One of its headers, such as `Accept-Encoding: gzip`; may be repeated
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) header: Vec<String>,
    /// The address that it would come from
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    pub(crate) from: IpAddr,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) process: ProcessArg,
}

/// `stop`.
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    #[command(flatten)]
    pub(crate) process: ProcessArg,
    /// Seconds to wait until the process has gone
    #[arg(long, value_name = "SECONDS", env = "RINGFENCE_TIMEOUT", default_value = "60", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

/// The configuration file.
#[derive(Debug, Args)]
pub(crate) struct FileArg {
    /// Configuration file
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        env = "RINGFENCE_CONFIG",
        default_value = "ringfence.toml"
    )]
    pub(crate) path: PathBuf,
}

/// How to find a running process.
#[derive(Debug, Args)]
pub(crate) struct ProcessArg {
    /// Configuration file of the running process, which names its control socket
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        env = "RINGFENCE_CONFIG",
        default_value = "ringfence.toml"
    )]
    pub(crate) path: PathBuf,
    /// Control socket of the running process; spares reading the file
    #[arg(long, value_name = "PATH", env = "RINGFENCE_CONTROL")]
    pub(crate) control: Option<OrOff<PathBuf>>,
}

/// Settings of the process, as flags.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Tuning (each wins over the same key in the file)")]
pub(crate) struct Tuning {
    /// Worker threads; `auto` is one for each CPU that this process may use
    #[arg(long, value_name = "N|auto", env = "RINGFENCE_WORKERS")]
    pub(crate) workers: Option<WorkerCount>,
    /// CPUs to run the workers on, such as 0-3,6
    #[arg(long, value_name = "LIST", env = "RINGFENCE_CPUS")]
    pub(crate) cpus: Option<CpuList>,
    /// Do not tie each worker to one CPU
    #[arg(long, env = "RINGFENCE_NO_PIN", value_parser = BoolishValueParser::new())]
    pub(crate) no_pin: bool,
    /// Entries in the submission ring of each worker
    #[arg(long, value_name = "N", env = "RINGFENCE_RING_ENTRIES")]
    pub(crate) ring_entries: Option<u32>,
    /// How to talk to the kernel; `auto` takes the first of native, monoio and epoll that works
    #[arg(long, value_name = "NAME", env = "RINGFENCE_DRIVER", value_parser = word::<DriverChoice>(DriverChoice::WORDS))]
    pub(crate) driver: Option<DriverChoice>,
    /// Connections that the kernel may hold until they are accepted, for each listener and worker
    #[arg(long, value_name = "N", env = "RINGFENCE_BACKLOG")]
    pub(crate) backlog: Option<u32>,
    /// Client connections that all workers together hold at once
    #[arg(long, value_name = "N", env = "RINGFENCE_MAX_CONNECTIONS")]
    pub(crate) max_connections: Option<u32>,
    /// Address of the admin listener (health and metrics), or `off`
    #[arg(long, value_name = "ADDR|off", env = "RINGFENCE_ADMIN")]
    pub(crate) admin: Option<OrOff<SocketAddr>>,
    /// Unix socket through which `reload`, `purge`, `warm`, `explain` and `stop` reach this process, or `off`
    #[arg(long, value_name = "PATH|off", env = "RINGFENCE_CONTROL")]
    pub(crate) control: Option<OrOff<PathBuf>>,
    /// Form of an access-log line
    #[arg(long, value_name = "NAME", env = "RINGFENCE_ACCESS_LOG", value_parser = word::<LogFormat>(LogFormat::WORDS))]
    pub(crate) access_log: Option<LogFormat>,
    /// Where the access log goes: `stdout`, a path, `syslog:/dev/log` or `syslog:ADDR`
    #[arg(long, value_name = "TARGET", env = "RINGFENCE_ACCESS_LOG_TO")]
    pub(crate) access_log_to: Option<LogTarget>,
}

impl Tuning {
    /// The flags as the configuration takes them.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            workers: self.workers,
            cpus: self.cpus.clone(),
            pin: self.no_pin.then_some(false),
            ring_entries: self.ring_entries,
            driver: self.driver,
            backlog: self.backlog,
            max_connections: self.max_connections,
            admin: self.admin.clone(),
            control: self.control.clone(),
            access_log: self.access_log,
            access_log_to: self.access_log_to.clone(),
        }
    }
}

/// Reads one of a fixed list of words; the list shows in help, completions and errors.
fn word<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse())
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let wrong = "expected an address and a port, such as 127.0.0.1:8080, 0.0.0.0:80 or [::1]:8080";
    text.parse().map_err(|_| wrong.to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected a number of seconds from 0 to 86400".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_variable_and_help() {
        for command in Cli::command().get_subcommands() {
            for flag in command
                .get_arguments()
                .filter(|arg| arg.get_long().is_some())
            {
                let name = format!("{} --{}", command.get_name(), flag.get_id());
                assert!(flag.get_help().is_some(), "{name} has no help");
                // What one command is about comes with it, and from nowhere else.
                let is_about = flag.get_id() == "effective"
                    || ["purge", "warm", "explain"].contains(&command.get_name())
                        && !["path", "control"].contains(&flag.get_id().as_str());
                let expected = flag.get_env().is_some() || is_about;
                assert!(expected, "{name} has no variable");
            }
        }
    }

    #[test]
    fn reads_the_tuning_flags() {
        let line = "ringfence run -c x.toml --workers 3 --cpus 0-1,4 --no-pin --ring-entries 256 \
                    --driver io_uring --backlog 10 --max-connections 99";
        let Command::Run(run) = Cli::try_parse_from(line.split_whitespace())
            .unwrap()
            .command
        else {
            panic!("not run");
        };
        assert_eq!(run.file.path, PathBuf::from("x.toml"));
        assert_eq!(run.tuning.workers, Some(WorkerCount::Fixed(3)));
        assert_eq!(run.tuning.cpus, Some(CpuList(vec![0, 1, 4])));
        assert!(run.tuning.no_pin);
        assert_eq!(run.tuning.driver, Some(DriverChoice::IoUring));
        assert_eq!(
            (run.tuning.ring_entries, run.tuning.backlog),
            (Some(256), Some(10))
        );
        assert_eq!(run.tuning.max_connections, Some(99));
    }

    #[test]
    fn refuses_bad_values() {
        for line in [
            "ringfence run --workers 0",
            "ringfence run --workers many",
            "ringfence run --driver kqueue",
            "ringfence run --cpus 5-1",
            "ringfence proxy --from 127.0.0.1:8080",
            "ringfence proxy --from localhost --to 127.0.0.1:1",
            "ringfence proxy --from 127.0.0.1:0 --to 127.0.0.1:1 --balance roundrobin",
            "ringfence stop --timeout -1",
            "ringfence purge",
            "ringfence purge --soft",
            "ringfence purge --all --refetch",
            "ringfence warm",
            "ringfence warm http://a/ --concurrency 0",
            "ringfence fly",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
