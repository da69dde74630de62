//! The load: clients that check every byte of every answer, on threads of their own.

pub mod answer;
pub mod connection;
pub mod control;
pub mod engine;
pub mod fault;
pub mod idle;
pub mod order;
pub mod request;
pub mod schedule;

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::load::control::Control;
use crate::load::engine::{Seen, Task};
use crate::load::order::Order;
use crate::machine::Cpus;

/// A load that is running.
#[derive(Debug)]
pub struct Load {
    control: Arc<Control>,
    threads: Vec<JoinHandle<io::Result<Seen>>>,
}

impl Load {
    /// Starts `task` spread over `threads` threads, all kept on `cpus`; over one where all connections are to wait for each
    /// other.
    ///
    /// # Errors
    /// That a thread cannot be started.
    pub fn start(task: &Task, threads: usize, cpus: &Cpus) -> io::Result<Self> {
        let control = Arc::new(Control::new());
        let most = match task.order {
            Order::Waves => 1,
            _ => task.connections.max(1),
        };
        let threads = threads.clamp(1, most);
        let start = |number: usize| {
            let share = share(task, number, threads);
            let (control, cpus) = (Arc::clone(&control), cpus.clone());
            // Threads begin at different requests, so that they do not ask for the same route in step.
            let first_turn = number * task.requests.len() / threads;
            thread::Builder::new()
                .name(format!("load-{number}"))
                .spawn(move || {
                    cpus.pin_this_thread()?;
                    engine::run(share, first_turn, &control)
                })
        };
        let threads = (0..threads).map(start).collect::<io::Result<_>>()?;
        Ok(Self { control, threads })
    }

    /// Right answers so far.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.control.answers()
    }

    /// From now on latencies count.
    pub fn open_window(&self) {
        self.control.open_window();
    }

    /// Ends the measuring, waits for the last answers, and says what was seen, and how many answers there were in all.
    ///
    /// # Errors
    /// What ended a thread.
    pub fn finish(self) -> io::Result<(Seen, u64)> {
        self.control.close_window();
        let mut all = Seen::default();
        for thread in self.threads {
            let seen = thread
                .join()
                .map_err(|_| io::Error::other("a load thread panicked"))??;
            all.latencies.merge(&seen.latencies);
            all.faults.merge(&seen.faults);
            all.reconnects += seen.reconnects;
            all.waves += seen.waves;
        }
        Ok((all, self.control.answers()))
    }
}

/// The part of `task` that thread `number` of `threads` has.
fn share(task: &Task, number: usize, threads: usize) -> Task {
    let connections = task.connections / threads + usize::from(number < task.connections % threads);
    Task {
        connections,
        rate: task.rate.map(|rate| rate / threads as f64),
        ..task.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        let task = Task {
            target: "127.0.0.1:1".parse().unwrap(),
            requests: Arc::new(Vec::new()),
            order: Order::InTurn,
            seed: 0,
            connections: 10,
            reconnect: false,
            rate: Some(90.0),
        };
        let shares: Vec<Task> = (0..3).map(|number| share(&task, number, 3)).collect();
        assert_eq!(
            shares
                .iter()
                .map(|share| share.connections)
                .collect::<Vec<_>>(),
            [4, 3, 3]
        );
        assert_eq!(shares[0].rate, Some(30.0));
    }
}
