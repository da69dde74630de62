//! The I/O facade: sockets, timers, tasks and mailboxes of one worker.
