//! One-line notices to whoever runs the process. A thread of their own writes them: standard error may be a pipe that
//! nobody reads, and then nothing but that thread waits for it.

use std::{
    fmt,
    io::{self, Write},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Notices that wait to be written; what comes on top of them is dropped and counted.
const WAITING: usize = 1024;
/// Time between two tries to reach the end of a full queue.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Notices that were dropped and that no line has told of yet.
static DROPPED: AtomicU64 = AtomicU64::new(0);

enum Message {
    /// Text to write, with its line end.
    Text(String),
    /// Everything before this is written.
    Written(Sender<()>),
}

/// Writes a notice to standard error, some time soon; never waits.
pub fn notice(text: impl fmt::Display) {
    tell(format_args!("ringfence: {text}"));
}

/// As [`notice`], without the process's name before it: for what the process says of itself at its start.
pub fn tell(text: impl fmt::Display) {
    let text = format!("{text}\n");
    let Some(writer) = writer() else {
        return write(&text);
    };
    if writer.try_send(Message::Text(text)).is_err() {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until all earlier notices are written, or the limit has passed.
pub fn flush_notices(limit: Duration) {
    let until = Instant::now() + limit;
    let Some(writer) = writer() else {
        return;
    };
    let (written, done) = channel();
    let mut message = Message::Written(written);
    while let Err(TrySendError::Full(back)) = writer.try_send(message) {
        if Instant::now() >= until {
            return;
        }
        message = back;
        thread::sleep(LOOK_AGAIN);
    }
    let _ = done.recv_timeout(until.saturating_duration_since(Instant::now()));
}

/// The way to the thread, which starts with the first notice; nothing where the system grants no thread.
fn writer() -> Option<&'static SyncSender<Message>> {
    static WRITER: OnceLock<Option<SyncSender<Message>>> = OnceLock::new();
    let start = || {
        let (writer, messages) = sync_channel(WAITING);
        let run = move || write_all(&messages);
        let thread = thread::Builder::new().name("notices".into()).spawn(run);
        thread.ok().map(|_detached| writer)
    };
    WRITER.get_or_init(start).as_ref()
}

fn write_all(messages: &Receiver<Message>) {
    for message in messages {
        match message {
            Message::Text(text) => write(&text),
            // Whoever asked may have stopped waiting.
            Message::Written(done) => drop(done.send(())),
        }
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            write(&format!(
                "ringfence: {dropped} notices were dropped: nobody read standard error\n"
            ));
        }
    }
}

/// One write, so that lines of several processes do not mix. What can't be written is dropped: nobody is there to
/// read it.
fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
