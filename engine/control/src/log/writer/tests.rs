//! The writer on files that are moved, disks that are full, and daemons that go away.

use super::*;
use crate::testing::wait_for;
use ringfence_config::LogTarget;
use ringfence_telemetry::{Part, WorkerStats};
use std::{
    net::UdpSocket,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
};

fn queue(capacity: usize) -> (Arc<LogQueue>, Arc<WorkerStats>) {
    let stats = Arc::new(WorkerStats::default());
    (Arc::new(LogQueue::new(capacity, stats.clone())), stats)
}

fn record(host: &str) -> Record {
    let mut record = Record::new(Duration::from_secs(951_868_800), 32);
    record.set(Part::Host, host.as_bytes());
    record
}

fn start(queue: &Arc<LogQueue>, target: LogTarget) -> (LogWriter, Arc<ControlStats>) {
    let stats = Arc::new(ControlStats::default());
    let source = Source {
        queues: vec![queue.clone()],
        format: LogFormat::Json,
        sink: Some(Sink::open(&target).unwrap()),
    };
    (LogWriter::start(source, stats.clone()).unwrap(), stats)
}

fn hosts(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let host = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["host"].as_str().unwrap().to_owned()
    };
    text.lines().map(host).collect()
}

fn temporary() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    (dir, path)
}

#[test]
fn lines_are_written_within_moments_and_appended() {
    let (_dir, path) = temporary();
    fs::write(&path, "{\"host\":\"old\"}\n").unwrap();
    let (queue, _) = queue(16);
    let (writer, stats) = start(&queue, LogTarget::File(path.clone()));
    queue.push(record("a"));
    wait_for("a line", || hosts(&path) == ["old", "a"]);
    queue.push(record("b"));
    writer.finish();
    assert_eq!(hosts(&path), ["old", "a", "b"], "the last one is flushed");
    assert_eq!(stats.log_written.get(), 2);
}

#[test]
fn a_moved_file_is_left_when_reopened() {
    let (dir, path) = temporary();
    let moved = dir.path().join("access.log.1");
    let (queue, _) = queue(16);
    let (writer, _) = start(&queue, LogTarget::File(path.clone()));
    queue.push(record("a"));
    wait_for("a line", || hosts(&path) == ["a"]);
    fs::rename(&path, &moved).unwrap();
    queue.push(record("b"));
    wait_for("a line in the old file", || hosts(&moved) == ["a", "b"]);
    writer.reopen();
    wait_for("a new file", || path.exists());
    queue.push(record("c"));
    writer.finish();
    assert_eq!(
        (hosts(&moved).len(), hosts(&path)),
        (2, vec!["c".to_owned()])
    );
}

#[test]
fn what_can_not_be_reopened_stays() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let path = inner.join("access.log");
    let moved = dir.path().join("access.log.1");
    let (queue, _) = queue(16);
    let (writer, stats) = start(&queue, LogTarget::File(path.clone()));
    fs::rename(&path, &moved).unwrap();
    fs::remove_dir(&inner).unwrap();
    writer.reopen();
    wait_for("the error", || stats.log_write_errors.get() == 1);
    queue.push(record("a"));
    wait_for("a line in the old file", || hosts(&moved) == ["a"]);
    // Nobody has to ask a second time.
    fs::create_dir(&inner).unwrap();
    wait_for("the new file", || path.exists());
    queue.push(record("b"));
    writer.finish();
    assert_eq!(hosts(&path), ["b"]);
}

#[test]
fn a_full_disk_is_counted_and_the_queue_overflows_with_a_count() {
    let (queue, worker) = queue(4);
    let (writer, stats) = start(&queue, LogTarget::File("/dev/full".into()));
    // More than a batch, so that some stay in the queue.
    let mut long = record("a");
    long.set(Part::Target, &[b'x'; 8 * 1024]);
    for _ in 0..200 {
        queue.push(long.clone());
        std::thread::sleep(Duration::from_micros(200));
    }
    wait_for("errors", || stats.log_write_errors.get() >= 1);
    wait_for("drops", || {
        queue.push(long.clone());
        worker.log_dropped.get() > 0
    });
    writer.finish();
    assert_eq!(stats.log_written.get(), 0);
    assert!(stats.log_lost.get() > 0);
}

#[test]
fn another_target_and_queue_are_adopted_without_losing_a_line() {
    let (dir, path) = temporary();
    let other = dir.path().join("other.log");
    let (before, _) = queue(16);
    let (after, _) = queue(16);
    let (writer, _) = start(&before, LogTarget::File(path.clone()));
    before.push(record("a"));
    writer.adopt(Source {
        queues: vec![after.clone()],
        format: LogFormat::Combined,
        sink: Some(Sink::open(&LogTarget::File(other.clone())).unwrap()),
    });
    wait_for("the old line", || hosts(&path) == ["a"]);
    // A worker that has not seen the new plan yet.
    before.push(record("b"));
    after.push(record("c"));
    writer.finish();
    let text = fs::read_to_string(&other).unwrap();
    assert!(
        text.contains("host=\"b\"") && text.contains("host=\"c\""),
        "{text}"
    );
    assert_eq!(hosts(&path), ["a"]);
}

#[test]
fn switched_off_it_still_drains() {
    let (_dir, path) = temporary();
    let (queue, worker) = queue(2);
    let (writer, _) = start(&queue, LogTarget::File(path.clone()));
    writer.adopt(Source {
        queues: Vec::new(),
        format: LogFormat::Off,
        sink: None,
    });
    for _ in 0..10 {
        queue.push(record("a"));
        wait_for("drained", || queue.is_empty());
    }
    writer.finish();
    assert_eq!(worker.log_dropped.get(), 0);
}

#[test]
fn a_syslog_daemon_may_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sock");
    assert!(Sink::open(&LogTarget::SyslogUnix(path.clone())).is_err());
    let daemon = UnixDatagram::bind(&path).unwrap();
    let (queue, _) = queue(16);
    let (writer, stats) = start(&queue, LogTarget::SyslogUnix(path.clone()));
    queue.push(record("a"));
    queue.push(record("b"));
    let mut packet = [0; 2048];
    for host in ["a", "b"] {
        let len = daemon.recv(&mut packet).unwrap();
        let text = std::str::from_utf8(&packet[..len]).unwrap();
        assert!(
            text.starts_with("<190>Mar  1 00:00:00 ringfence["),
            "{text}"
        );
        assert!(
            text.contains(&format!("\"host\":\"{host}\"")) && text.ends_with('}'),
            "{text}"
        );
    }
    drop(daemon);
    fs::remove_file(&path).unwrap();
    queue.push(record("c"));
    wait_for("an error", || stats.log_write_errors.get() >= 1);
    let daemon = UnixDatagram::bind(&path).unwrap();
    let len = daemon.recv(&mut packet).unwrap();
    assert!(String::from_utf8_lossy(&packet[..len]).contains("\"host\":\"c\""));
    writer.finish();
    assert_eq!((stats.log_written.get(), stats.log_lost.get()), (3, 0));
}

#[test]
fn a_syslog_server_gets_the_host_name_and_a_giant_is_lost() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (queue, _) = queue(16);
    let target = LogTarget::SyslogUdp(server.local_addr().unwrap());
    let (writer, stats) = start(&queue, target);
    let mut giant = record("giant");
    for part in [Part::Target, Part::UserAgent, Part::Referer] {
        giant.set(part, &[0; 8 * 1024]);
    }
    queue.push(giant);
    queue.push(record("a"));
    let mut packet = [0; 2048];
    let len = server.recv(&mut packet).unwrap();
    let text = String::from_utf8_lossy(&packet[..len]);
    assert!(
        text.contains("\"host\":\"a\"") && !text.contains("00:00:00 ringfence"),
        "{text}"
    );
    wait_for("counted", || stats.log_written.get() == 1);
    assert_eq!(stats.log_lost.get(), 1);
    writer.finish();
}

/// A FIFO of our own making, which has no reader.
fn fifo() -> (tempfile::TempDir, PathBuf) {
    let (dir, path) = temporary();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
    (dir, path)
}

#[test]
fn a_fifo_needs_no_reader_yet() {
    let (_dir, path) = fifo();
    let (queue, _) = queue(16);
    let (writer, _) = start(&queue, LogTarget::File(path.clone()));
    queue.push(record("a"));
    let mut reader = fs::File::open(&path).unwrap();
    let mut text = [0; 1024];
    let len = io::Read::read(&mut reader, &mut text).unwrap();
    assert!(String::from_utf8_lossy(&text[..len]).contains("\"host\":\"a\""));
    writer.finish();
}

#[test]
fn a_fifo_that_nobody_reads_can_be_left_for_another_log() {
    let (dir, path) = fifo();
    let other = dir.path().join("other.log");
    let (queue, _) = queue(64);
    let (writer, stats) = start(&queue, LogTarget::File(path));
    let mut long = record("long");
    long.set(Part::Target, &[b'x'; 8 * 1024]);
    // More than a pipe holds.
    for _ in 0..20 {
        queue.push(long.clone());
    }
    wait_for("the pipe to be full", || stats.log_write_errors.get() >= 1);
    writer.adopt(Source {
        queues: Vec::new(),
        format: LogFormat::Json,
        sink: Some(Sink::open(&LogTarget::File(other.clone())).unwrap()),
    });
    queue.push(record("a"));
    wait_for("the new log", || {
        hosts(&other).last().is_some_and(|host| host == "a")
    });
    writer.finish();
    assert_eq!(stats.log_written.get() + stats.log_lost.get(), 21);
}
