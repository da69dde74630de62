//! The chunked transfer coding (RFC 9112 section 7.1).

use super::decoded::Decoded;
use super::extension::Extension;
use super::trailers::{TrailerSection, Trailers};
use crate::fault::Reason;

/// Longest chunk extensions on one line, in bytes.
const MOST_LINE_EXTENSION: u32 = 256;
/// Longest chunk extensions of one body, in bytes: they carry no data, yet cost us work.
const MOST_BODY_EXTENSION: u32 = 16 * 1024;
/// Most digits of a chunk size, leading zeros counted.
const MOST_DIGITS: u8 = 16;

/// Decodes chunks from any split of the input.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunked {
    state: State,
    /// The size being read, then the bytes of the chunk that are still to come.
    left: u64,
    digits: u8,
    line_extension: u32,
    body_extension: u32,
    trailers: TrailerSection,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Extension(Extension),
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    Done,
    /// Something was refused; so is all that follows.
    Failed(Reason),
}

impl Chunked {
    pub(super) fn decode(&mut self, input: &mut [u8]) -> Result<Decoded, Reason> {
        let mut data = 0..0;
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            if self.state == State::Data {
                let len = self.take_data(input.len() - at);
                if data.is_empty() {
                    data = at..at;
                } else {
                    input.copy_within(at..at + len, data.end);
                }
                data.end += len;
                at += len;
            } else {
                self.state = self.step(input[at]).inspect_err(|reason| {
                    self.state = State::Failed(*reason);
                })?;
                at += 1;
            }
        }
        Ok(Decoded {
            data,
            consumed: at,
            done: self.is_done(),
        })
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    pub(super) fn known_left(&self) -> u64 {
        if self.state == State::Data {
            self.left
        } else {
            0
        }
    }

    pub(super) fn take_trailers(&mut self) -> Option<Trailers> {
        if !self.is_done() {
            return None;
        }
        self.trailers.take()
    }

    /// Counts off up to `available` bytes of data.
    fn take_data(&mut self, available: usize) -> usize {
        let len = usize::try_from(self.left).map_or(available, |left| left.min(available));
        self.left -= len as u64;
        if self.left == 0 {
            self.state = State::DataCr;
        }
        len
    }

    /// One byte outside of data.
    fn step(&mut self, byte: u8) -> Result<State, Reason> {
        match (self.state, byte) {
            (State::Size, _) => self.size_byte(byte),
            (State::Extension(_), b'\r') if self.may_end_line() => Ok(State::SizeLf),
            (State::Extension(extension), _) => self.extension_byte(extension, byte),
            (State::SizeLf, b'\n') => Ok(self.after_size_line()),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size),
            (State::Trailers, _) => {
                let complete = self.trailers.push(byte)?;
                Ok(if complete {
                    State::Done
                } else {
                    State::Trailers
                })
            }
            (State::Failed(reason), _) => Err(reason),
            _ => Err(Reason::BadChunk),
        }
    }

    fn size_byte(&mut self, byte: u8) -> Result<State, Reason> {
        if let Some(digit) = (byte as char).to_digit(16) {
            if self.digits == MOST_DIGITS {
                return Err(Reason::BadChunk);
            }
            // 16 digits of 4 bits can't overflow 64 bits.
            self.digits += 1;
            self.left = self.left << 4 | u64::from(digit);
            return Ok(State::Size);
        }
        match byte {
            _ if self.digits == 0 => Err(Reason::BadChunk),
            b'\r' => Ok(State::SizeLf),
            _ => self.extension_byte(Extension::default(), byte),
        }
    }

    fn extension_byte(&mut self, extension: Extension, byte: u8) -> Result<State, Reason> {
        self.line_extension += 1;
        self.body_extension += 1;
        let next = extension.next(byte).ok_or(Reason::BadChunk)?;
        if self.line_extension > MOST_LINE_EXTENSION || self.body_extension > MOST_BODY_EXTENSION {
            return Err(Reason::ChunkExtTooLong);
        }
        Ok(State::Extension(next))
    }

    fn may_end_line(&self) -> bool {
        matches!(self.state, State::Extension(extension) if extension.is_whole())
    }

    fn after_size_line(&mut self) -> State {
        self.digits = 0;
        self.line_extension = 0;
        if self.left == 0 {
            State::Trailers
        } else {
            State::Data
        }
    }
}
