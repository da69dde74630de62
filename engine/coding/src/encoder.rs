//! The encoders, as one.

use std::fmt;
use std::io::{self, Write};

use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;
use ringfence_config::ContentCoding;
use zstd::stream::write::Encoder as ZstdEncoder;

/// Bytes of input after which others are to have their turn: what the slowest of the encoders takes a millisecond or two for,
/// since each works off some 64 KiB or more at once.
pub const SLICE: usize = 16 << 10;

/// The window of Brotli and Zstandard, as a power of two: 256 KiB. It bounds what decoders must remember, of which RFC 9659 has
/// them allow 8 MiB, and most of what an encoder holds.
const WINDOW: u32 = 18;

/// Lengths from which on Brotli takes tables of several megabytes, which is not worth it here.
const LONG: usize = (1 << 20) - 1;

/// Bytes of the buffer through which Brotli hands out what it has made.
const OUTPUT: usize = 8 << 10;

/// How much is done for a few bytes less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// For one client, as it comes: as others do on the fly (Cloudflare: 8 of zlib's, Brotli 4, Zstandard 3; Caddy: gzip 5).
    Live,
    /// Once, for all clients.
    Kept,
}

/// The encoder gave up; what it has made so far is not whole.
#[derive(Debug)]
pub struct CannotEncode(io::Error);

/// Bytes of memory that one encoder holds at most for a response of this length, where it is known: its tables are made no larger
/// than that needs, but for those of gzip.
#[must_use]
pub fn memory(coding: ContentCoding, effort: Effort, length: Option<u64>) -> usize {
    let (least, each, most) = match (coding, effort) {
        (ContentCoding::Zstd, Effort::Live) => (128 << 10, 32, 2 << 20),
        (ContentCoding::Brotli, Effort::Live) => (640 << 10, 24, 4 << 20),
        (ContentCoding::Zstd | ContentCoding::Brotli, Effort::Kept) => return 4 << 20,
        (ContentCoding::Gzip, _) => return 512 << 10,
    };
    let length = length.and_then(|length| usize::try_from(length).ok());
    length.map_or(most, |length| {
        length.saturating_mul(each).saturating_add(least).min(most)
    })
}

/// Codes one response.
pub struct Encoder(Engine);

enum Engine {
    Zstd(ZstdEncoder<'static, Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

impl Encoder {
    /// An encoder for a response of this length, where it is known. The same bytes, pushed in the same way, are coded alike.
    ///
    /// # Errors
    /// Where there is no memory for it.
    pub fn new(
        coding: ContentCoding,
        effort: Effort,
        length: Option<u64>,
    ) -> Result<Self, CannotEncode> {
        let kept = effort == Effort::Kept;
        Ok(Self(match coding {
            ContentCoding::Zstd => Engine::Zstd(zstd(if kept { 6 } else { 3 }, length)?),
            ContentCoding::Brotli => Engine::Brotli(brotli(if kept { 5 } else { 4 }, length)),
            ContentCoding::Gzip => {
                let level = Compression::new(if kept { 7 } else { 5 });
                Engine::Gzip(Box::new(GzEncoder::new(Vec::new(), level)))
            }
        }))
    }

    /// Takes bytes of the response, and appends what of it can go out to `out`.
    ///
    /// # Errors
    /// Where it gives up.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CannotEncode> {
        self.write(|engine| engine.write_all(bytes), out)
    }

    /// Appends whatever it has held back, so that all that was pushed can be read.
    ///
    /// # Errors
    /// Where it gives up.
    pub fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), CannotEncode> {
        self.write(|engine| engine.flush(), out)
    }

    /// Ends the response.
    ///
    /// # Errors
    /// Where it gives up.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), CannotEncode> {
        let mut rest = match self.0 {
            Engine::Zstd(engine) => engine.finish()?,
            Engine::Brotli(engine) => engine.into_inner(),
            Engine::Gzip(engine) => engine.finish()?,
        };
        out.append(&mut rest);
        Ok(())
    }

    fn write(
        &mut self,
        act: impl FnOnce(&mut dyn Write) -> io::Result<()>,
        out: &mut Vec<u8>,
    ) -> Result<(), CannotEncode> {
        let made = match &mut self.0 {
            Engine::Zstd(engine) => {
                act(engine)?;
                engine.get_mut()
            }
            Engine::Brotli(engine) => {
                act(engine)?;
                engine.get_mut()
            }
            Engine::Gzip(engine) => {
                act(engine)?;
                engine.get_mut()
            }
        };
        out.append(made);
        Ok(())
    }
}

fn zstd(level: i32, length: Option<u64>) -> io::Result<ZstdEncoder<'static, Vec<u8>>> {
    let mut engine = ZstdEncoder::new(Vec::new(), level)?;
    engine.window_log(WINDOW)?;
    if let Some(length) = length {
        // Tables are made no larger than it needs.
        engine.set_pledged_src_size(Some(length))?;
    }
    Ok(engine)
}

fn brotli(quality: i32, length: Option<u64>) -> Box<CompressorWriter<Vec<u8>>> {
    let length = length.map(|length| usize::try_from(length).unwrap_or(LONG).min(LONG));
    let params = BrotliEncoderParams {
        quality,
        lgwin: length
            .map_or(WINDOW, window)
            .max(least_window(quality))
            .cast_signed(),
        size_hint: length.unwrap_or(0),
        ..BrotliEncoderParams::default()
    };
    Box::new(CompressorWriter::with_params(Vec::new(), OUTPUT, &params))
}

/// The smallest window of Brotli. From quality 5 on those below 17 have it take tables of 32 MiB.
const fn least_window(quality: i32) -> u32 {
    if quality < 5 { 10 } else { 17 }
}

/// The smallest window that spans so many bytes, as a power of two, as far as windows may differ.
fn window(length: usize) -> u32 {
    (length + 16).next_power_of_two().ilog2().min(WINDOW)
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Engine::Zstd(_) => "Encoder(zstd)",
            Engine::Brotli(_) => "Encoder(br)",
            Engine::Gzip(_) => "Encoder(gzip)",
        })
    }
}

impl fmt::Display for CannotEncode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot encode: {}", self.0)
    }
}

impl std::error::Error for CannotEncode {}

impl From<io::Error> for CannotEncode {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

    #[test]
    fn zstandard_holds_no_more_than_it_says() {
        let bytes: Vec<u8> = (0..1_000_000u32)
            .map(|n| (n.wrapping_mul(n) >> 7) as u8)
            .collect();
        for (level, effort) in [(3, Effort::Live), (6, Effort::Kept)] {
            for length in [
                None,
                Some(1000),
                Some(16_385),
                Some(131_073),
                Some(1_000_000),
            ] {
                let held = held_by_zstandard(level, length, &bytes);
                let says = memory(ContentCoding::Zstd, effort, length);
                assert!(
                    held <= says && (held >= says / 16 || effort == Effort::Kept),
                    "level {level} {length:?}: {held}"
                );
            }
        }
    }

    /// Bytes that it holds once it was given as much of these as it was told of.
    fn held_by_zstandard(level: i32, length: Option<u64>, bytes: &[u8]) -> usize {
        let mut engine = CCtx::create();
        for parameter in [
            CParameter::CompressionLevel(level),
            CParameter::WindowLog(WINDOW),
        ] {
            engine.set_parameter(parameter).unwrap();
        }
        engine.set_pledged_src_size(length).unwrap();
        let length = length.map_or(bytes.len(), |length| length as usize);
        let mut room = vec![0; 2_000_000];
        let mut out = OutBuffer::around(&mut room[..]);
        let mut bytes = InBuffer::around(&bytes[..length]);
        engine.compress_stream(&mut out, &mut bytes).unwrap();
        engine.sizeof()
    }

    #[test]
    fn windows_span_what_is_known_to_come() {
        for (length, log) in [
            (0, 4),
            (1008, 10),
            (1009, 11),
            (1 << 17, 18),
            (LONG, WINDOW),
        ] {
            assert_eq!(window(length), log, "{length}");
        }
    }
}
