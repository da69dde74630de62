//! The simulated driver: an in-memory network and a clock that follow from a seed. Several cores
//! take turns on one thread (see [`crate::sim`]).

mod conn;
mod dice;
mod executor;
mod net;
mod outbox;
mod pipe;
mod sleep;
mod socket;
mod source;
mod weather;
mod wire;
mod world;

pub use self::dice::Dice;
pub(crate) use self::executor::{
    begin as begin_core, clear as clear_cores, end as end_core, is_running, on, ready,
    receives_ahead, run_one, spawn,
};
pub(crate) use self::pipe::Pipe;
pub(crate) use self::sleep::sleep;
pub(crate) use self::socket::{Chime, Socket, connect, hang, listen};
pub(crate) use self::source::Source;
pub use self::weather::Weather;
pub(crate) use self::world::{begin, end, with};
