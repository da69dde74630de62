//! The connections of one listener: so many at once, and the one that has idled longest makes room for a new one.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

/// Everybody who is connected.
#[derive(Debug)]
pub(crate) struct Guests {
    most: usize,
    /// Those who are here, the one that has idled longest first.
    here: Mutex<VecDeque<Arc<Guest>>>,
    /// One has left, or has become idle.
    changed: Notify,
}

/// One connection.
#[derive(Debug, Default)]
struct Guest {
    /// Exchanges under way.
    busy: AtomicUsize,
    asked_to_leave: Notify,
}

/// A guest who is here for as long as this lives.
#[derive(Debug)]
pub(crate) struct Stay {
    guests: Arc<Guests>,
    guest: Arc<Guest>,
}

/// An exchange under way for as long as this lives.
pub(crate) struct Busy {
    guests: Arc<Guests>,
    guest: Arc<Guest>,
}

impl Guests {
    /// Room for `most` connections at once.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            here: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Takes one in. Where all places are taken, the one that has idled longest has to leave; where none
    /// is idle, this waits.
    pub(crate) async fn welcome(self: &Arc<Self>) -> Stay {
        loop {
            let left = self.changed.notified();
            if let Some(stay) = self.take_in() {
                return stay;
            }
            left.await;
        }
    }

    fn take_in(self: &Arc<Self>) -> Option<Stay> {
        let mut here = self.here();
        if here.len() >= self.most {
            let idle = here.iter().position(|guest| !guest.is_busy())?;
            // Its own task ends it; its place is free from now on.
            here.remove(idle)?.asked_to_leave.notify_one();
        }
        let guest = Arc::new(Guest::default());
        here.push_back(guest.clone());
        Some(Stay {
            guests: self.clone(),
            guest,
        })
    }

    /// Waits until nobody is here.
    pub(crate) async fn all_gone(&self) {
        loop {
            let left = self.changed.notified();
            if self.here().is_empty() {
                return;
            }
            left.await;
        }
    }

    fn here(&self) -> MutexGuard<'_, VecDeque<Arc<Guest>>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stay {
    /// Begins an exchange, during which the guest is not asked to leave.
    pub(crate) fn begin(&self) -> Busy {
        self.guest.busy.fetch_add(1, Ordering::Relaxed);
        Busy {
            guests: self.guests.clone(),
            guest: self.guest.clone(),
        }
    }

    /// Waits until another needs the place.
    pub(crate) async fn asked_to_leave(&self) {
        self.guest.asked_to_leave.notified().await;
    }
}

impl Guest {
    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.guest.busy.fetch_sub(1, Ordering::Relaxed);
        // From now on it is the one that has idled for the shortest time.
        let mut here = self.guests.here();
        let place = here
            .iter()
            .position(|guest| Arc::ptr_eq(guest, &self.guest));
        if let Some(guest) = place.and_then(|place| here.remove(place)) {
            here.push_back(guest);
        }
        drop(here);
        self.guests.changed.notify_waiters();
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut here = self.guests.here();
        here.retain(|guest| !Arc::ptr_eq(guest, &self.guest));
        drop(here);
        self.guests.changed.notify_waiters();
    }
}
