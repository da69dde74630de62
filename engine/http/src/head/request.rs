//! The head of a request.

use super::lines::{Section, read_fields, room};
use super::progress::{Progress, partial};
use super::{diagnose, target};
use crate::authority;
use crate::fault::{Fault, Reason};
use crate::field::{Field, Fields, Span};
use crate::message::{Form, Framing, HeadLimits, Method, Version};
use crate::name::Name;
use httparse::Status;

/// Empty lines tolerated before a request line (RFC 9112 section 2.2).
const MOST_EMPTY_LINES: usize = 4;

/// The head of a request (RFC 9112 section 3), parsed in place.
///
/// It is meant to be kept and reused: [`RequestHead::parse`] clears and refills it, and allocates
/// nothing once it has seen its largest head. All spans point into the buffer that was parsed. The
/// contents are meaningful only after `parse` has returned a length.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The method's token as sent.
    pub method_text: Span,
    /// The version of the message.
    pub version: Version,
    /// The form of the target.
    pub form: Form,
    /// The target's path as sent. It is empty for an absolute target without one: use
    /// [`RequestHead::path_bytes`].
    pub path: Span,
    /// The target's query without its `?`.
    pub query: Option<Span>,
    /// The effective `host[:port]`: that of an absolute target wins over Host (RFC 9112 section
    /// 3.2.2). Empty only for HTTP/1.0 without Host.
    pub authority: Span,
    /// All fields, in order.
    pub fields: Fields,
    /// How the body is delimited; never [`Framing::UntilClose`].
    pub framing: Framing,
    /// Whether the client wants the connection kept.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body. Where it is false,
    /// Expect must not be forwarded: HTTP/1.0 has us ignore it (RFC 9110 section 10.1.1), and we
    /// speak 1.1 upstream.
    pub expect_continue: bool,
    /// Length of the head in bytes, with the empty lines before it.
    pub len: usize,
    progress: Progress,
}

impl RequestHead {
    /// An empty head, ready to parse into.
    pub fn new() -> Self {
        Self {
            method: Method::Get,
            method_text: Span::default(),
            version: Version::Http11,
            form: Form::Origin,
            path: Span::default(),
            query: None,
            authority: Span::default(),
            fields: Fields::default(),
            framing: Framing::None,
            keep_alive: true,
            expect_continue: false,
            len: 0,
            progress: Progress::default(),
        }
    }

    /// Parses the head at the start of `buf`. `Ok(None)` means that it is not complete: call again
    /// with the same bytes and more behind them. `Ok(Some(len))` means that the head is the first
    /// `len` bytes.
    ///
    /// While a head is partial, `self` remembers how far it looked: call [`RequestHead::reset`]
    /// before parsing another connection's bytes in between.
    ///
    /// # Errors
    /// Anything that RFC 9112 forbids and any broken limit, each with its own reason; partial heads
    /// are refused as soon as they break one. After an error the connection has no known next
    /// message: answer and close.
    #[inline]
    pub fn parse(&mut self, buf: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Fault> {
        let answer = self.parse_head(buf, limits);
        if answer != Ok(None) {
            self.progress = Progress::default();
        }
        Ok(answer?)
    }

    /// Forgets a partial head.
    pub fn reset(&mut self) {
        self.progress = Progress::default();
    }

    /// The path to route and forward: the target's, or for an absolute target without a path `/`,
    /// or `*` for OPTIONS without a query (RFC 9112 section 3.2.4).
    #[inline]
    pub fn path_bytes<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        match self.path.of(buf) {
            [] if self.method == Method::Options && self.query.is_none() => b"*",
            [] => b"/",
            path => path,
        }
    }

    fn parse_head(&mut self, buf: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Reason> {
        let most = &buf[..buf.len().min(limits.max_head)];
        let Some(base) = after_empty_lines(most)? else {
            return Ok(None);
        };
        let window = &most[base..];
        if self.progress.is_waiting() && !self.progress.advance(window, limits)? {
            return partial(buf, limits);
        }
        let mut room = room();
        let mut request = httparse::Request::new(&mut []);
        let most_fields = limits.max_fields.min(HeadLimits::MOST_FIELDS);
        match request.parse_with_uninit_headers(window, &mut room[..most_fields]) {
            Ok(Status::Complete(len)) => {
                self.accept(window, base, &request, limits)?;
                self.len = base + len;
                Ok(Some(self.len))
            }
            Ok(Status::Partial) => {
                self.progress.advance(window, limits)?;
                partial(buf, limits)
            }
            Err(error) => Err(diagnose::request(window, error)),
        }
    }

    /// Takes over what httparse found, and applies the rules that it leaves out.
    #[inline]
    fn accept(
        &mut self,
        window: &[u8],
        base: usize,
        request: &httparse::Request<'_, '_>,
        limits: &HeadLimits,
    ) -> Result<(), Reason> {
        let (Some(method), Some(text), Some(minor)) =
            (request.method, request.path, request.version)
        else {
            return Err(Reason::BadRequestLine);
        };
        let target_at = method.len() + 1;
        let line_end = target_at + text.len() + b" HTTP/1.x".len();
        if line_end > limits.max_line {
            return Err(Reason::LineTooLong);
        }
        if window.get(line_end..line_end + 2) != Some(b"\r\n") {
            return Err(Reason::BareLineFeed);
        }
        self.method = Method::of(method.as_bytes());
        self.method_text = Span::between(base, base + method.len());
        self.version = Version::of_minor(minor);
        let target = target::read(text.as_bytes(), base + target_at, self.method)?;
        self.form = target.form;
        self.path = target.path;
        self.query = target.query;

        self.fields.clear();
        let section = Section {
            window,
            base,
            at: line_end + 2,
            headers: request.headers,
        };
        let facts = read_fields(&section, &mut self.fields)?;
        facts.refuse_disguise()?;
        let host = facts.host(self.version)?;
        if host.is_some_and(|host| !authority::is_valid(in_window(host, window, base))) {
            return Err(Reason::BadHost);
        }
        self.authority = target.authority.or(host).unwrap_or_default();
        self.framing = facts.framing(self.version)?.unwrap_or(Framing::None);
        self.keep_alive = facts.keep_alive(self.version);
        self.expect_continue = facts.expect_continue(self.version)?;
        Ok(())
    }
}

impl Default for RequestHead {
    fn default() -> Self {
        Self::new()
    }
}

field_access!(RequestHead);

/// The bytes of a span that counts from before `window`.
fn in_window(span: Span, window: &[u8], base: usize) -> &[u8] {
    &window[span.start as usize - base..span.end() - base]
}

/// Offset of the first byte that is not of an empty line; `None` if that has not arrived.
#[inline]
fn after_empty_lines(buf: &[u8]) -> Result<Option<usize>, Reason> {
    let mut at = 0;
    loop {
        match &buf[at..] {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] if at < 2 * MOST_EMPTY_LINES => at += 2,
            [b'\r', b'\n', ..] => return Err(Reason::BadRequestLine),
            [b'\r' | b'\n', ..] => return Err(Reason::BareLineFeed),
            _ => return Ok(Some(at)),
        }
    }
}
