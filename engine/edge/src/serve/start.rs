//! Everything between the command line and the banner.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::Sender;

use ringfence_balance::{Limit, Resolved, Roster, StickySecret};
use ringfence_config::{Plan, Workers};
use ringfence_control::{Control, Crowd, Scene, Start, StartError, tell};
use ringfence_io::{ListenSocket, RunOptions, probe_driver, raise_nofile_limit, refuse_huge_pages};
use ringfence_proxy::{Adoption, HashSecret, House};
use ringfence_telemetry::{LogQueue, Registry};

use crate::cpus::Machine;
use crate::failure::Failure;
use crate::serve::banner::Banner;
use crate::serve::crew::{Mailboxes, Post, mailboxes};
use crate::serve::descriptors::Room;
use crate::serve::event::{Arrival, Event};
use crate::serve::host::Switchboard;
use crate::serve::inbox::Inbox;
use crate::serve::listeners::{self, Bound};
use crate::serve::process::Process;
use crate::serve::{signals, take_up, warnings};
use crate::source::Source;

/// Starts a process: when this returns, every worker accepts and the banner is out.
///
/// # Errors
/// Whatever keeps it from starting, in one clear line with a hint, or as the configuration's own complaint.
pub(crate) fn start(source: Source) -> Result<Process, Failure> {
    let plan = Arc::new(source.load()?);
    // Where the kernel refuses that, it costs memory and nothing else.
    let _ = refuse_huge_pages();
    let nofile = raise_nofile_limit().map_err(|error| error.to_string());
    // The mask is read here, before any thread is pinned: a pinned thread sees only its own CPU.
    let cpus = Machine::read()
        .assign(&plan.workers)
        .map_err(|text| source.blame_cpus(text))?;
    require_driver(&plan.workers)?;
    let addresses: Vec<_> = plan
        .listeners
        .iter()
        .map(|listener| listener.address)
        .collect();
    let sockets = listeners::bind_all(&addresses, cpus.len(), plan.workers.backlog)
        .map_err(|error| source.blame_listener(&error))?;
    let bound: Vec<Bound> = sockets.iter().map(|sockets| sockets.bound).collect();

    let mut inbox = Inbox::new();
    let sender = inbox.sender();
    signals::watch(sender.clone())?;
    let room = Room::within(&nofile, cpus.len(), bound.len());
    let (house, orders) = found(&plan, cpus.len(), &room, HashSecret::new(&draw_secret()?));
    let secret = StickySecret(draw_secret()?);
    let resolved = first_names(&mut inbox, &plan)?;
    let scene = first_scene(plan, resolved, secret, &house);
    let adoption = Adoption::new(
        scene.plan.clone(),
        scene.roster.clone(),
        house.most_spilled,
        None,
    );
    let host = Arc::new(Switchboard::new(sender.clone(), house.clone()));
    let control = start_control(&scene, &house.registry, &host, room.crowd, source.path())?;
    let hands = listeners::deal(sockets, cpus.len());
    start_workers(orders, hands, cpus, &adoption, &house, room.pipes, &sender)?;
    let workers = await_workers(&mut inbox, &host, house.posts.len())?;
    let mut warnings = warnings::collect(&scene, &workers, house.most_clients, &nofile);
    warnings.extend(take_up::await_workers(&house));
    let banner = Banner {
        plan: &scene.plan,
        workers: &workers,
        listeners: &bound,
        admin: control.admin_address(),
        nofile: &nofile,
        most_clients: house.most_clients,
        warnings: &warnings,
    };
    tell(banner.to_string().trim_end());
    Ok(Process {
        source,
        started_with: scene.plan,
        adoption,
        resolved: scene.resolved,
        secret,
        bound,
        house,
        host,
        control,
        inbox,
    })
}

/// What the workers will share, and where they will find their orders.
fn found(plan: &Plan, workers: usize, room: &Room, secret: HashSecret) -> (Arc<House>, Mailboxes) {
    let (posts, orders) = mailboxes(workers);
    let registry = Arc::new(Registry::new());
    let log = |ix| Arc::new(LogQueue::new(plan.access_log.queue, registry.worker(ix)));
    let logs = (0..workers).map(log).collect();
    let house = House {
        registry,
        posts,
        logs,
        most_clients: room.clients,
        most_idle: room.idle,
        most_spilled: room.spilled,
        clients: Limit::new(),
        secret,
        purges: AtomicU64::new(0),
    };
    (Arc::new(house), orders)
}

/// Starts a thread for each worker.
fn start_workers(
    orders: Mailboxes,
    hands: Vec<Vec<ListenSocket>>,
    cpus: Vec<Option<usize>>,
    adoption: &Arc<Adoption>,
    house: &Arc<House>,
    pipes: usize,
    events: &Sender<Event>,
) -> Result<(), Failure> {
    let workers = &adoption.plan.workers;
    let options = RunOptions {
        driver: workers.driver,
        ring_entries: workers.ring_entries,
        pipes,
    };
    for (index, ((orders, listeners), cpu)) in orders.into_iter().zip(hands).zip(cpus).enumerate() {
        let post = Post {
            index,
            cpu,
            options,
            listeners,
            orders,
            adoption: adoption.clone(),
            house: house.clone(),
        };
        post.start(events.clone())?;
    }
    Ok(())
}

/// The addresses of all names; whoever ends the process meanwhile has stopped it, which is no failure.
fn first_names(inbox: &mut Inbox, plan: &Arc<Plan>) -> Result<Resolved, Failure> {
    let resolved = inbox.resolve(plan, &Resolved::default());
    resolved.map_err(|failure| match inbox.is_to_end() {
        true => Failure::stopped(),
        false => failure,
    })
}

/// Refuses early, and once, where a driver is demanded and can't be had.
fn require_driver(workers: &Workers) -> Result<(), Failure> {
    let choice = workers.driver;
    probe_driver(choice, workers.ring_entries).map_err(|why| {
        Failure::new(format!("the driver {choice} is not to be had: {why}"))
            .hint("`--driver auto` takes the best one that works")
    })
}

fn first_scene(plan: Arc<Plan>, resolved: Resolved, secret: StickySecret, house: &House) -> Scene {
    let roster = Arc::new(Roster::build(&plan.upstreams, &resolved, secret, None));
    Scene {
        plan,
        roster,
        resolved,
        queues: house.logs.clone(),
    }
}

/// Sixteen bytes from the kernel.
fn draw_secret() -> Result<[u8; 16], Failure> {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret)
        .map_err(|error| Failure::new(format!("the kernel gives no random bytes: {error}")))?;
    Ok(secret)
}

/// Waits until all workers have begun.
fn await_workers(
    inbox: &mut Inbox,
    host: &Switchboard,
    count: usize,
) -> Result<Vec<Arrival>, Failure> {
    let mut arrivals = Vec::with_capacity(count);
    while arrivals.len() < count {
        match inbox.next() {
            Event::Arrived(arrival) => {
                host.worker_began();
                arrivals.push(arrival);
            }
            Event::Ended { index, result } => {
                let why = result.err().unwrap_or_else(|| "it returned".to_owned());
                return Err(Failure::new(format!("worker {index} did not start: {why}")));
            }
            Event::Terminate { .. } => {
                return Err(Failure::stopped());
            }
            // The plan that is starting is the newest there is.
            Event::Reload(_) | Event::Resolved(..) | Event::Named(_) | Event::ReopenLogs => {}
        }
    }
    arrivals.sort_by_key(|arrival| arrival.index);
    Ok(arrivals)
}

fn start_control(
    scene: &Scene,
    registry: &Arc<Registry>,
    host: &Arc<Switchboard>,
    crowd: Crowd,
    file: Option<PathBuf>,
) -> Result<Control, Failure> {
    let start = Start {
        scene: scene.clone(),
        registry: registry.clone(),
        host: host.clone(),
        clock: ringfence_io::now,
        version: env!("CARGO_PKG_VERSION"),
        file,
        crowd,
    };
    Control::start(start).map_err(|error| {
        let failure = Failure::new(error.to_string());
        match error {
            StartError::Admin { .. } => {
                failure.hint("`--admin 127.0.0.1:0` takes any port, `--admin off` does without")
            }
            StartError::ControlInUse { .. } | StartError::Control { .. } => {
                failure.hint("`--control PATH` takes another path, `--control off` does without")
            }
            StartError::Log { .. } | StartError::Thread(_) => failure,
        }
    })
}
