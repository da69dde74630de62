//! The thread that drains the workers' queues.

use super::sink::{Sink, Taken};
use crate::notice::notice;
use ringfence_config::LogFormat;
use ringfence_telemetry::{
    ControlStats, LogQueue, Record, format_combined, format_json, format_syslog_head,
};
use std::{
    fs, io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How often the queues are looked at.
const POLL: Duration = Duration::from_millis(25);
/// Formatted bytes in memory at most, but for the last line; while they can't be written, the queues fill up, and the
/// workers count what they drop.
const BATCH: usize = 256 * 1024;
/// How long to wait after a write that failed.
const PAUSE: Duration = Duration::from_millis(200);
/// How long to wait after an opening that failed.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);
/// How long the last lines may take at shutdown.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What is logged, and how.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) queues: Vec<Arc<LogQueue>>,
    pub(crate) format: LogFormat,
    /// Another place to write to from now on; `None` = the same.
    pub(crate) sink: Option<Sink>,
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct LogWriter {
    inbox: Sender<Message>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Message {
    Adopt(Source),
    Reopen,
    Finish,
}

impl LogWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn start(source: Source, stats: Arc<ControlStats>) -> io::Result<Self> {
        let (inbox, messages) = channel();
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let mut writer = Writer {
            queues: source.queues,
            format: source.format,
            sink: source.sink,
            batch: Vec::new(),
            is_torn: false,
            stats,
            retry_at: None,
            reopen_at: None,
            host: host.trim().to_owned(),
        };
        let thread = std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || writer.run(&messages))?;
        Ok(Self { inbox, thread })
    }

    /// Logs from and to something else from now on. Queues of before are drained for as long as a worker holds them.
    pub(crate) fn adopt(&self, source: Source) {
        // The thread ends only when told to, or by a defect; then nobody listens.
        let _ = self.inbox.send(Message::Adopt(source));
    }

    /// Opens the log again.
    pub(crate) fn reopen(&self) {
        let _ = self.inbox.send(Message::Reopen);
    }

    /// Writes what is left, and ends the thread. Waits only so long: a pipe that nobody reads must not hold us up.
    pub(crate) fn finish(self) {
        let _ = self.inbox.send(Message::Finish);
        let limit = Instant::now() + 2 * LAST_WORDS;
        while !self.thread.is_finished() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

struct Writer {
    queues: Vec<Arc<LogQueue>>,
    format: LogFormat,
    sink: Option<Sink>,
    /// Whole lines, but for a first one that may be partly written.
    batch: Vec<u8>,
    /// The beginning of the batch's first line is written already.
    is_torn: bool,
    stats: Arc<ControlStats>,
    /// When to try again after a write that failed.
    retry_at: Option<Instant>,
    /// When to try again to open the log.
    reopen_at: Option<Instant>,
    /// This host's name.
    host: String,
}

impl Writer {
    fn run(&mut self, messages: &Receiver<Message>) {
        loop {
            match messages.recv_timeout(POLL) {
                Ok(Message::Adopt(source)) => self.adopt(source),
                Ok(Message::Reopen) => self.reopen(),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Finish) | Err(RecvTimeoutError::Disconnected) => return self.finish(),
            }
            if self.reopen_at.is_some_and(|at| Instant::now() >= at) {
                self.reopen();
            }
            self.drain();
        }
    }

    fn adopt(&mut self, source: Source) {
        for queue in source.queues {
            if !self.queues.iter().any(|known| Arc::ptr_eq(known, &queue)) {
                self.queues.push(queue);
            }
        }
        // What happened under the old plan belongs to its log.
        self.drain();
        self.format = source.format;
        if source.sink.is_some() {
            self.sink = source.sink;
            self.reopen_at = None;
            self.begin_anew();
        }
    }

    fn reopen(&mut self) {
        self.drain();
        match self.sink.as_mut().map(Sink::reopen) {
            Some(Err(error)) => {
                self.stats.log_write_errors.inc();
                if self.reopen_at.is_none() {
                    notice(format_args!(
                        "access log: cannot open it again: {error}; trying again"
                    ));
                }
                self.reopen_at = Some(Instant::now() + REOPEN_PAUSE);
                return;
            }
            Some(Ok(true)) => self.begin_anew(),
            Some(Ok(false)) | None => {}
        }
        self.reopen_at = None;
    }

    /// Writes to a sink that was just opened: no line begins in its middle there.
    fn begin_anew(&mut self) {
        self.retry_at = None;
        if std::mem::take(&mut self.is_torn) {
            let end = self.batch.iter().position(|&byte| byte == b'\n');
            self.batch.drain(..end.map_or(0, |end| end + 1));
            self.stats.log_lost.inc();
        }
    }

    /// Formats and writes until the queues are empty or a write fails.
    fn drain(&mut self) {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        loop {
            self.fill();
            if self.batch.is_empty() || !self.write_batch() {
                break;
            }
        }
        // A queue that only we hold gets no more records.
        self.queues
            .retain(|queue| Arc::strong_count(queue) > 1 || !queue.is_empty());
    }

    /// Takes records until the batch is full or all queues are empty, one of each queue in turn.
    fn fill(&mut self) {
        let mut is_empty = false;
        while !is_empty && self.batch.len() < BATCH {
            is_empty = true;
            for ix in 0..self.queues.len() {
                if let Some(record) = self.queues[ix].pop() {
                    is_empty = false;
                    self.format(&record);
                }
            }
        }
    }

    fn format(&mut self, record: &Record) {
        let Some(sink) = &self.sink else {
            return;
        };
        if sink.is_syslog() && self.format != LogFormat::Off {
            let is_remote = matches!(sink, Sink::SyslogUdp(_));
            let host = is_remote.then_some(self.host.as_str());
            format_syslog_head(record.time, host, std::process::id(), &mut self.batch);
        }
        match self.format {
            LogFormat::Json => format_json(record, &mut self.batch),
            LogFormat::Combined => format_combined(record, &mut self.batch),
            LogFormat::Off => {}
        }
    }

    /// Writes the batch; false if some of it is left, to be tried again later.
    fn write_batch(&mut self) -> bool {
        let Some(sink) = &mut self.sink else {
            self.batch.clear();
            return true;
        };
        let mut done = 0;
        let mut failure = None;
        while done < self.batch.len() && failure.is_none() {
            match sink.write(&self.batch[done..]) {
                Ok(Taken::Written(len)) => {
                    self.stats
                        .log_written
                        .add(lines(&self.batch[done..done + len]));
                    done += len;
                }
                Ok(Taken::Lost(len)) => {
                    self.stats.log_lost.inc();
                    done += len;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => failure = Some(error),
            }
        }
        if let Some(last) = self.batch[..done].last() {
            self.is_torn = *last != b'\n';
        }
        self.batch.drain(..done);
        self.note(failure.as_ref());
        failure.is_none()
    }

    /// Says when writing begins to fail, and when it goes again.
    fn note(&mut self, failure: Option<&io::Error>) {
        let was_failing = self.retry_at.is_some();
        self.retry_at = failure.map(|_| Instant::now() + PAUSE);
        match failure {
            Some(error) => {
                self.stats.log_write_errors.inc();
                if !was_failing {
                    notice(format_args!(
                        "access log: cannot write: {error}; trying again"
                    ));
                }
            }
            None if was_failing => notice(format_args!("access log: writing again")),
            None => {}
        }
    }

    /// Writes what is left, within a limit.
    fn finish(&mut self) {
        let limit = Instant::now() + LAST_WORDS;
        loop {
            self.fill();
            if self.batch.is_empty() {
                return;
            }
            if !self.write_batch() {
                if Instant::now() >= limit {
                    break;
                }
                std::thread::sleep(POLL);
            }
        }
        let mut left = lines(&self.batch);
        for queue in &self.queues {
            while queue.pop().is_some() {
                left += 1;
            }
        }
        self.stats.log_lost.add(left);
        notice(format_args!(
            "access log: {left} lines could not be written"
        ));
    }
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests;
