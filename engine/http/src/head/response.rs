//! The head of a response.

use super::diagnose;
use super::facts::Facts;
use super::lines::{Section, read_fields, room};
use super::progress::{Progress, partial};
use crate::fault::{Fault, Reason};
use crate::field::{Field, Fields, Span};
use crate::message::{Framing, HeadLimits, Method, Version};
use crate::name::Name;
use httparse::Status;

/// `HTTP/1.x` and a space come before the status code, whose three digits end here.
const CODE_END: usize = 12;

/// The head of a response (RFC 9112 section 4), parsed in place. Kept and reused like
/// [`crate::RequestHead`].
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The version of the message.
    pub version: Version,
    /// The status code, 100 to 599.
    pub status: u16,
    /// The reason phrase as sent; often empty, and never forwarded.
    pub reason: Span,
    /// All fields, in order.
    pub fields: Fields,
    /// How the body is delimited. [`Framing::None`] where a body can't be, whatever Content-Length
    /// says: after HEAD, and for 1xx, 204 and 304. After 101 the bytes that follow belong to the
    /// other protocol.
    pub framing: Framing,
    /// Whether the server keeps the connection after this response; false when closing it delimits
    /// the body, and for a 204 that promises a body, which a server might then send all the same.
    pub keep_alive: bool,
    /// Length of the head in bytes.
    pub len: usize,
    progress: Progress,
}

impl ResponseHead {
    /// An empty head, ready to parse into.
    pub fn new() -> Self {
        Self {
            version: Version::Http11,
            status: 0,
            reason: Span::default(),
            fields: Fields::default(),
            framing: Framing::None,
            keep_alive: true,
            len: 0,
            progress: Progress::default(),
        }
    }

    /// Parses the head at the start of `buf`, the answer to a request with `method`. Partial heads
    /// are treated as in [`crate::RequestHead::parse`].
    ///
    /// An upstream is judged as strictly as a client, except that the space before an empty reason
    /// phrase may be missing: many servers leave it out, and the line has no other reading.
    ///
    /// # Errors
    /// [`Reason::BadUpstreamHead`] for anything that RFC 9112 forbids,
    /// [`Reason::UpstreamHeadTooLarge`] for any broken limit. The connection has no known next
    /// message then.
    #[inline]
    pub fn parse(
        &mut self,
        buf: &[u8],
        limits: &HeadLimits,
        method: Method,
    ) -> Result<Option<usize>, Fault> {
        let answer = self.parse_head(buf, limits, method);
        if answer != Ok(None) {
            self.progress = Progress::default();
        }
        Ok(answer.map_err(Reason::from_upstream)?)
    }

    /// Forgets a partial head.
    pub fn reset(&mut self) {
        self.progress = Progress::default();
    }

    fn parse_head(
        &mut self,
        buf: &[u8],
        limits: &HeadLimits,
        method: Method,
    ) -> Result<Option<usize>, Reason> {
        let window = &buf[..buf.len().min(limits.max_head)];
        if self.progress.is_waiting() && !self.progress.advance(window, limits)? {
            return partial(buf, limits);
        }
        if matches!(window.first(), Some(b'\r' | b'\n')) {
            return Err(Reason::BadVersion);
        }
        let mut room = room();
        let mut response = httparse::Response::new(&mut []);
        let most_fields = limits.max_fields.min(HeadLimits::MOST_FIELDS);
        let config = httparse::ParserConfig::default();
        let room = &mut room[..most_fields];
        match config.parse_response_with_uninit_headers(&mut response, window, room) {
            Ok(Status::Complete(len)) => {
                self.accept(window, &response, limits, method)?;
                self.len = len;
                Ok(Some(len))
            }
            Ok(Status::Partial) => {
                self.progress.advance(window, limits)?;
                partial(buf, limits)
            }
            Err(error) => Err(diagnose::response(error)),
        }
    }

    /// Takes over what httparse found, and applies the rules that it leaves out.
    #[inline]
    fn accept(
        &mut self,
        window: &[u8],
        response: &httparse::Response<'_, '_>,
        limits: &HeadLimits,
        method: Method,
    ) -> Result<(), Reason> {
        let (Some(status @ 100..=599), Some(minor)) = (response.code, response.version) else {
            return Err(Reason::BadVersion);
        };
        let line_feed = window.iter().position(|b| *b == b'\n').unwrap_or(0);
        if line_feed <= CODE_END || window[line_feed - 1] != b'\r' {
            return Err(Reason::BareLineFeed);
        }
        let line_end = line_feed - 1;
        if line_end > limits.max_line {
            return Err(Reason::LineTooLong);
        }
        self.version = Version::of_minor(minor);
        self.status = status;
        // Without a reason phrase the space before it may be missing too.
        self.reason = Span::between((CODE_END + 1).min(line_end), line_end);
        self.fields.clear();
        let section = Section {
            window,
            base: 0,
            at: line_feed + 1,
            headers: response.headers,
        };
        let facts = read_fields(&section, &mut self.fields)?;
        self.framing = framing(&facts, self.version, status, method)?;
        self.keep_alive = facts.keep_alive(self.version)
            && self.framing != Framing::UntilClose
            && !(status == 204 && facts.promises_body());
        Ok(())
    }
}

impl Default for ResponseHead {
    fn default() -> Self {
        Self::new()
    }
}

field_access!(ResponseHead);

/// RFC 9112 section 6.3. What the fields say is judged even where it does not count, and an interim
/// response that promises a body is refused: were the body sent, it would be read as the final
/// response.
fn framing(
    facts: &Facts,
    version: Version,
    status: u16,
    method: Method,
) -> Result<Framing, Reason> {
    let said = facts.framing(version)?;
    if status < 200 && facts.promises_body() {
        return Err(Reason::BadContentLength);
    }
    let bodiless = method == Method::Head || matches!(status, 100..=199 | 204 | 304);
    let tunnel = method == Method::Connect && matches!(status, 200..=299);
    if bodiless || tunnel {
        return Ok(Framing::None);
    }
    Ok(said.unwrap_or(Framing::UntilClose))
}
