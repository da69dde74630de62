//! A simulated TCP connection, as both of its ends see it.

use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use rustix::io::Errno;

use super::dice::Dice;
use super::weather::Weather;
use super::wire::{Flight, Pipe, Side};

/// Most pieces that one send arrives in.
const PIECES: u64 = 4;

/// A simulated connection.
pub(super) struct Conn {
    id: usize,
    pub(super) dice: Dice,
    weather: Weather,
    /// Shortest and longest time that something is under way on this one, in nanoseconds.
    latency: (u64, u64),
    /// Where the near side is, and where the far one.
    pub(super) addresses: [SocketAddr; 2],
    /// What flows from each side.
    pipes: [Pipe; 2],
    ends: [End; 2],
    /// The near side has been answered.
    answered: bool,
}

/// What one side knows.
#[derive(Default)]
struct End {
    /// Someone has it in hand.
    open: bool,
    /// There is no connection any more.
    over: bool,
    /// Why, until that has been told.
    error: Option<Errno>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Conn {
    pub(super) fn new(id: usize, seed: u64, weather: Weather, addresses: [SocketAddr; 2]) -> Self {
        let mut dice = Dice::of(seed, id as u64 | 1 << 40);
        let slowest = dice.between(weather.latency.0, weather.latency.1);
        let mut holds = || dice.between(weather.buffers.0, weather.buffers.1);
        let mut pipe = || Pipe::new(holds(), holds());
        let pipes = [pipe(), pipe()];
        Self {
            id,
            dice,
            weather,
            latency: (weather.latency.0 * 1000, slowest * 1000),
            addresses,
            pipes,
            ends: [
                End {
                    open: true,
                    ..End::default()
                },
                End::default(),
            ],
            answered: false,
        }
    }

    /// When something that is sent now arrives.
    pub(super) fn arrival(&mut self, now: u64) -> u64 {
        let mut takes = self.dice.between(self.latency.0, self.latency.1);
        if self.dice.chance(self.weather.stalls) {
            takes += self.dice.below(self.weather.stall * 1000);
        }
        now + takes
    }

    /// When the network cuts it off, where it does.
    pub(super) fn cut_at(&mut self, now: u64) -> Option<u64> {
        let cut = self.dice.chance(self.weather.cuts);
        cut.then(|| now + self.dice.below(self.latency.1 * 40 + 3_000_000_000))
    }

    fn end(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    fn outgoing(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[side as usize]
    }

    fn incoming(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[side.other() as usize]
    }

    /// When the next thing arrives that must not overtake what was sent before.
    fn in_order(&mut self, now: u64, side: Side) -> u64 {
        let at = self.arrival(now).max(self.outgoing(side).last);
        self.outgoing(side).last = at;
        at
    }

    /// The far side exists from now on.
    pub(super) fn open_far(&mut self) {
        self.end(Side::Far).open = true;
    }

    /// Whether this side is still in someone's hands.
    pub(super) fn is_open(&self, side: Side) -> bool {
        self.ends[side as usize].open
    }

    /// Whether a receive would give something, if only an error.
    pub(super) fn is_readable(&self, side: Side) -> bool {
        let (end, pipe) = (
            &self.ends[side as usize],
            &self.pipes[side.other() as usize],
        );
        end.over || pipe.there() > 0 || pipe.is_finished()
    }

    fn is_writable(&self, side: Side) -> bool {
        let (end, pipe) = (&self.ends[side as usize], &self.pipes[side as usize]);
        self.is_settled(side) && (end.over || pipe.ended || pipe.is_roomy())
    }

    /// This side knows that the connection stands, or that there will be none.
    fn is_settled(&self, side: Side) -> bool {
        self.answered || side == Side::Far
    }

    fn is_called_falsely(&mut self) -> bool {
        self.dice.chance(self.weather.false_calls)
    }

    pub(super) fn poll_readable(&mut self, side: Side, cx: &Context<'_>) -> Poll<()> {
        if self.is_readable(side) || self.is_called_falsely() {
            return Poll::Ready(());
        }
        self.end(side).reader = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn poll_writable(&mut self, side: Side, cx: &Context<'_>) -> Poll<()> {
        if self.is_writable(side) || self.is_settled(side) && self.is_called_falsely() {
            return Poll::Ready(());
        }
        self.end(side).writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Bytes that wait to be received; an error that is left is told once.
    pub(super) fn peek(&self, side: Side) -> Result<usize, Errno> {
        let (end, pipe) = (
            &self.ends[side as usize],
            &self.pipes[side.other() as usize],
        );
        match (pipe.there(), end.error) {
            // The end was there first.
            (0, _) if pipe.is_finished() => Ok(0),
            (0, Some(error)) => Err(error),
            (0, None) if end.over => Ok(0),
            (0, None) => Err(Errno::AGAIN),
            (n, _) => Ok(n as usize),
        }
    }

    pub(super) fn recv(
        &mut self,
        side: Side,
        into: &mut [u8],
        now: u64,
        sent: &mut Vec<(u64, Flight)>,
    ) -> Result<usize, Errno> {
        let there = match self.peek(side) {
            Err(error) => {
                if error != Errno::AGAIN {
                    self.end(side).error = None;
                }
                return Err(error);
            }
            Ok(0) => return Ok(0),
            Ok(there) => there,
        };
        let mut n = there.min(into.len());
        if self.dice.chance(self.weather.short_reads) {
            n = self.dice.between(1, n as u64) as usize;
        }
        let held = self.incoming(side).held();
        self.incoming(side).take(&mut into[..n]);
        if held > 0 {
            self.tell_taken(side.other(), now, sent);
        }
        Ok(n)
    }

    pub(super) fn send(
        &mut self,
        side: Side,
        parts: &[std::io::IoSlice<'_>],
        now: u64,
        sent: &mut Vec<(u64, Flight)>,
    ) -> Result<usize, Errno> {
        if let Some(error) = self.end(side).error.take() {
            return Err(error);
        }
        if self.end(side).over || self.outgoing(side).ended {
            return Err(Errno::PIPE);
        }
        let most = parts.iter().map(|part| part.len() as u64).sum::<u64>();
        let mut n = most.min(self.outgoing(side).room());
        if n == 0 && most > 0 {
            return Err(Errno::AGAIN);
        }
        if self.dice.chance(self.weather.short_writes) {
            n = self.dice.between(1, n);
        }
        let mut left = n as usize;
        for part in parts {
            let taken = part.len().min(left);
            self.outgoing(side).put(&part[..taken]);
            left -= taken;
        }
        self.scatter(side, n, now, sent);
        Ok(n as usize)
    }

    /// Sends bytes off, in one piece or in several.
    fn scatter(&mut self, side: Side, n: u64, now: u64, sent: &mut Vec<(u64, Flight)>) {
        let mut left = n;
        for _ in 1..PIECES {
            if left < 2 || !self.dice.chance(self.weather.scattered) {
                break;
            }
            let piece = self.dice.between(1, left - 1);
            left -= piece;
            let at = self.in_order(now, side);
            sent.push((at, Flight::Bytes(self.id, side, piece)));
        }
        let at = self.in_order(now, side);
        sent.push((at, Flight::Bytes(self.id, side, left)));
    }

    pub(super) fn shutdown_write(&mut self, side: Side, now: u64, sent: &mut Vec<(u64, Flight)>) {
        if self.end(side).over || self.outgoing(side).ended {
            return;
        }
        self.outgoing(side).ended = true;
        let at = self.in_order(now, side);
        sent.push((at, Flight::End(self.id, side)));
    }

    /// Cuts it off from this side. Some of what is under way may be overtaken.
    pub(super) fn abort(&mut self, side: Side, now: u64, sent: &mut Vec<(u64, Flight)>) {
        if !self.end(side).over {
            self.reset_other(side, now, sent);
        }
        self.incoming(side).lose(true);
        let end = self.end(side);
        end.over = true;
        end.error = Some(Errno::CONNRESET);
        self.wake(side);
    }

    fn reset_other(&mut self, side: Side, now: u64, sent: &mut Vec<(u64, Flight)>) {
        let at = if self.dice.chance(500) {
            self.arrival(now)
        } else {
            self.in_order(now, side)
        };
        sent.push((at, Flight::Reset(self.id, side)));
    }

    /// Lets go of it, as closing a descriptor does: with bytes unread, the other side is told
    /// that they are lost.
    pub(super) fn close(&mut self, side: Side, now: u64, sent: &mut Vec<(u64, Flight)>) {
        if !self.end(side).over {
            if self.incoming(side).there() > 0 {
                self.reset_other(side, now, sent);
                self.end(side).over = true;
            } else {
                self.shutdown_write(side, now, sent);
            }
        }
        self.incoming(side).lose(true);
        let end = self.end(side);
        end.open = false;
        (end.reader, end.writer) = (None, None);
    }

    /// Both have ended, or it was cut.
    pub(super) fn is_hung_up(&self, side: Side) -> bool {
        let end = &self.ends[side as usize];
        let [out, back] = [side as usize, side.other() as usize].map(|at| &self.pipes[at]);
        end.over || out.ended && back.end_due
    }

    /// Bytes that were sent and have not arrived.
    pub(super) fn unacknowledged(&self, side: Side) -> usize {
        self.pipes[side as usize].held() as usize
    }

    /// What a connect came to.
    pub(super) fn outcome(&mut self) -> Result<(), Errno> {
        self.end(Side::Near).error.take().map_or(Ok(()), Err)
    }

    /// The near side has its answer.
    pub(super) fn answer(&mut self, refused: bool) {
        self.answered = true;
        if refused {
            let end = self.end(Side::Near);
            end.over = true;
            end.error = Some(Errno::CONNREFUSED);
        }
        self.wake(Side::Near);
    }

    /// Bytes of `from` arrive at the other side.
    pub(super) fn bring(&mut self, from: Side, n: u64, now: u64, sent: &mut Vec<(u64, Flight)>) {
        let to = from.other();
        if self.end(to).over {
            return;
        }
        if !self.end(to).open {
            // Nobody will read them.
            self.end(to).over = true;
            return self.reset_other(to, now, sent);
        }
        self.outgoing(from).bring(n);
        self.wake_reader(to);
        self.tell_taken(from, now, sent);
    }

    /// Tells a side that waits for it that there is room again.
    fn tell_taken(&mut self, side: Side, now: u64, sent: &mut Vec<(u64, Flight)>) {
        if self.end(side).writer.is_some() && self.outgoing(side).is_roomy() {
            let at = self.arrival(now);
            sent.push((at, Flight::Taken(self.id, side)));
        }
    }

    /// The end of what `from` sends arrives.
    pub(super) fn bring_end(&mut self, from: Side) {
        if self.end(from.other()).over {
            // It was cut off before.
            return;
        }
        self.outgoing(from).end_due = true;
        self.wake_reader(from.other());
    }

    /// A reset of `from` arrives; what the other side has not read may be lost to it.
    pub(super) fn bring_reset(&mut self, from: Side) {
        let to = from.other();
        if self.end(to).over {
            return;
        }
        let ended = self.incoming(to).end_due;
        let all = !ended && self.dice.chance(500);
        self.incoming(to).lose(all);
        self.outgoing(to).lose(false);
        let end = self.end(to);
        end.over = true;
        // As Linux has it, and whoever asks first is told, be it by a send.
        end.error = Some(if ended { Errno::PIPE } else { Errno::CONNRESET });
        self.wake(to);
    }

    /// The network cuts it off for both.
    pub(super) fn cut(&mut self) {
        self.bring_reset(Side::Near);
        self.bring_reset(Side::Far);
    }

    /// Some of what this side sent has been taken.
    pub(super) fn bring_taken(&mut self, side: Side) {
        if self.is_writable(side)
            && let Some(waker) = self.end(side).writer.take()
        {
            waker.wake();
        }
    }

    fn wake_reader(&mut self, side: Side) {
        if let Some(waker) = self.end(side).reader.take() {
            waker.wake();
        }
    }

    fn wake(&mut self, side: Side) {
        self.wake_reader(side);
        if let Some(waker) = self.end(side).writer.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_comes_behind_a_reset_is_no_end() {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut conn = Conn::new(0, 0, Weather::fair(), [nowhere; 2]);
        conn.open_far();
        conn.shutdown_write(Side::Far, 0, &mut Vec::new());
        conn.cut();
        conn.bring_end(Side::Far);
        assert_eq!(conn.peek(Side::Near), Err(Errno::CONNRESET));
    }
}
