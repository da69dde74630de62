//! The ring, as the relays use it: fixed files by slot, operations by token, buffers that stay put while they are sent.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use io_uring::squeue::{Entry, Flags};
use io_uring::types::{DestinationSlot, Fd, Fixed};
use io_uring::{CompletionQueue, IoUring, SubmissionQueue, Submitter, cqueue, opcode};

use crate::buffers::{Buffers, GROUP, Piece};
use crate::op::{Completion, Op, Token};

/// Submission entries.
const ENTRIES: u32 = 4096;
/// Completion entries: enough for two of each of many connections at once.
const COMPLETIONS: u32 = 32_768;

/// The address of a server in the kernel's form, kept for the life of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address(&'static libc::sockaddr_in);

/// A ring with its buffers.
pub(crate) struct Ring {
    submitter: Submitter<'static>,
    submission: SubmissionQueue<'static>,
    completion: CompletionQueue<'static>,
    buffers: Buffers,
    /// The pieces that are being sent, by slot.
    sending: Vec<Option<Piece>>,
}

impl Ring {
    /// A ring with room for `files` sockets and `count` buffers of `size` bytes.
    pub(crate) fn new(files: u32, count: u16, size: usize) -> io::Result<Self> {
        let uring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .setup_cqsize(COMPLETIONS)
            .build(ENTRIES)?;
        let (mut submitter, submission, completion) = Box::leak(Box::new(uring)).split();
        submitter.register_files_sparse(files)?;
        submitter.register_ring_fd()?;
        let buffers = Buffers::new(&submitter, count, size)?;
        let sending = (0..files).map(|_| None).collect();
        Ok(Self {
            submitter,
            submission,
            completion,
            buffers,
            sending,
        })
    }

    /// Submits what was asked for, waits until something completes, and adds all completions to `into`.
    pub(crate) fn wait(&mut self, into: &mut Vec<Completion>) -> io::Result<()> {
        self.submission.sync();
        match self.submitter.submit_and_wait(1) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        self.submission.sync();
        self.completion.sync();
        for entry in &mut self.completion {
            let (result, flags) = (entry.result(), entry.flags());
            let token = Token::read(entry.user_data());
            let mut piece =
                cqueue::buffer_select(flags).map(|id| self.buffers.piece(id, result.max(0) as u32));
            if result <= 0 {
                piece
                    .take()
                    .into_iter()
                    .for_each(|piece| self.buffers.recycle(piece));
            }
            if token.op == Op::Send {
                let sent = self.sending[token.slot as usize].take();
                sent.into_iter()
                    .for_each(|piece| self.buffers.recycle(piece));
            }
            into.push(Completion {
                token,
                result,
                piece,
                more: cqueue::more(flags),
            });
        }
        Ok(())
    }

    /// The bytes of a piece.
    pub(crate) fn bytes(&mut self, piece: &mut Piece) -> &mut [u8] {
        self.buffers.bytes(piece)
    }

    /// Gives a piece's buffer back.
    pub(crate) fn recycle(&mut self, piece: Piece) {
        self.buffers.recycle(piece);
    }

    /// Shows recycled buffers to the kernel. Says whether there were any.
    pub(crate) fn publish(&mut self) -> bool {
        self.buffers.publish()
    }

    /// Accepts connections into free slots, until a completion without `more`.
    pub(crate) fn accept(&mut self, listener: &'static OwnedFd) {
        let accept = opcode::AcceptMulti::new(Fd(listener.as_raw_fd()))
            .allocate_file_index(true)
            .build();
        self.push(
            accept,
            Token {
                op: Op::Accept,
                slot: 0,
            },
        );
    }

    /// Receives from a slot: again and again, or once.
    pub(crate) fn receive(&mut self, slot: u32, again: bool) {
        let receive = if again {
            opcode::RecvMulti::new(Fixed(slot), GROUP).build()
        } else {
            let once = opcode::Recv::new(Fixed(slot), std::ptr::null_mut(), 0).buf_group(GROUP);
            once.build().flags(Flags::BUFFER_SELECT)
        };
        self.push(
            receive,
            Token {
                op: Op::Receive,
                slot,
            },
        );
    }

    /// Sends a piece, whose buffer is recycled when that completes. One send a slot at a time.
    pub(crate) fn send(&mut self, slot: u32, piece: Piece) {
        let (start, length) = self.buffers.raw(&piece);
        let before = self.sending[slot as usize].replace(piece);
        assert!(before.is_none(), "one send at a time");
        self.push_send(slot, start, length);
    }

    /// Sends bytes that live as long as the process.
    pub(crate) fn send_static(&mut self, slot: u32, bytes: &'static [u8]) {
        self.push_send(
            slot,
            bytes.as_ptr(),
            u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        );
    }

    /// Makes a TCP socket in a free slot, for the connection of `slot`.
    pub(crate) fn socket(&mut self, slot: u32) {
        let socket = opcode::Socket::new(libc::AF_INET, libc::SOCK_STREAM, 0);
        let socket = socket
            .file_index(Some(DestinationSlot::auto_target()))
            .build();
        self.push(
            socket,
            Token {
                op: Op::Socket,
                slot,
            },
        );
    }

    /// Connects a slot, without Nagle's delay.
    pub(crate) fn connect(&mut self, slot: u32, address: Address) {
        static ON: libc::c_int = 1;
        let (level, name) = (libc::IPPROTO_TCP as u32, libc::TCP_NODELAY as u32);
        let on = std::ptr::from_ref(&ON).cast();
        let option =
            opcode::SetSockOpt::new(Fixed(slot), level, name, on, size_of_val(&ON) as u32).build();
        self.push(
            option,
            Token {
                op: Op::Other,
                slot,
            },
        );
        let size = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        let connect =
            opcode::Connect::new(Fixed(slot), std::ptr::from_ref(address.0).cast(), size).build();
        self.push(
            connect,
            Token {
                op: Op::Connect,
                slot,
            },
        );
    }

    /// Ends both directions of a slot, which ends its receiving.
    pub(crate) fn shutdown(&mut self, slot: u32) {
        let shutdown = opcode::Shutdown::new(Fixed(slot), libc::SHUT_RDWR).build();
        self.push(
            shutdown,
            Token {
                op: Op::Other,
                slot,
            },
        );
    }

    /// Closes a slot, of which no operation is under way.
    pub(crate) fn close(&mut self, slot: u32) {
        let close = opcode::Close::new(Fixed(slot)).build();
        self.push(
            close,
            Token {
                op: Op::Other,
                slot,
            },
        );
    }

    /// Sends `length` bytes from `start`, all of them unless the connection breaks. They must stay until that completes.
    fn push_send(&mut self, slot: u32, start: *const u8, length: u32) {
        let flags = libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
        let send = opcode::Send::new(Fixed(slot), start, length)
            .flags(flags)
            .build();
        self.push(send, Token { op: Op::Send, slot });
    }

    /// Queues an operation, submitting the queue first where it is full.
    fn push(&mut self, entry: Entry, token: Token) {
        let entry = entry.user_data(token.write());
        // SAFETY: all that entries point at stays until they complete: sent pieces are kept in `sending` until then,
        // everything else is static; received bytes go to the buffer ring, which is never freed.
        while unsafe { self.submission.push(&entry) }.is_err() {
            self.submission.sync();
            // A failing submission leaves the queue full, and we come back.
            let _ = self.submitter.submit();
            self.submission.sync();
        }
    }
}

impl Address {
    /// The kernel's form of an IPv4 address; `None` for others, which no comparison has.
    pub(crate) fn new(address: SocketAddr) -> Option<Self> {
        let SocketAddr::V4(address) = address else {
            return None;
        };
        let ip = u32::from_ne_bytes(address.ip().octets());
        Some(Self(Box::leak(Box::new(libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: address.port().to_be(),
            sin_addr: libc::in_addr { s_addr: ip },
            sin_zero: [0; 8],
        }))))
    }
}
