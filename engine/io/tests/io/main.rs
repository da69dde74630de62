//! The facade over real sockets; every test runs on each driver.

mod accepting;
mod closing;
mod datagrams;
mod deadlines;
mod fairness;
mod handing_over;
mod mailboxes;
mod piping;
mod receiving;
mod sending;
mod shelved;
mod support;
mod tasks;
