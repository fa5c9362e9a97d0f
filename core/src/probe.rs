//! The client's end: one message out, its echo compared as it arrives.
//!
//! The measuring loops of the drivers own one probe per connection and call
//! [`Probe::begin`] for each message.

use core::ops::Range;
use core::time::Duration;

use crate::{Endpoint, Failure, IdleTimer, Instant, Payload};

/// Sends a message and checks that exactly this message comes back within a limit: an
/// [`Endpoint`] that is used again for the next message.
///
/// A message may be larger than any memory: it is made in the window `W`, piece
/// by piece, and each piece of the echo is compared as it arrives. One that fits
/// into the window is made only once, and its echo compared with the window.
///
/// The limit is judged by the instants that the driver reports, however it waits: an
/// echo that becomes whole at the limit or after it has timed out.
///
/// A few bytes that were never sent, followed by the echo from its beginning, are
/// reported as bytes [ahead](Failure::Ahead) of it. There is no verdict on them until
/// it is clear what follows.
///
/// After an `Ok` the connection may serve the next [`begin`](Self::begin);
/// after a [`Failure`] it is out of step and must be reopened.
#[derive(Debug)]
pub struct Probe<'a, W> {
    payload: Payload<&'a [u8]>,
    length: u64,
    limit: IdleTimer,
    message: u64,
    begun: Instant,
    sent: u64,
    received: u64,
    /// The wrong bytes that came where the echo ought to begin: their number, and the
    /// failure that they are unless the echo follows.
    suspect: Option<(u64, Failure)>,
    end: Option<Result<Duration, Failure>>,
    /// Holds the part of the message that was made last.
    window: W,
    /// The range of the message that `window` holds.
    made: Range<u64>,
}

/// The judgement on some bytes of an echo.
enum Judgement {
    /// They are right, but not the last.
    Right,
    /// They are wrong, unless the whole echo follows.
    Suspect(Failure),
    /// They decide the end of the message.
    End(Result<(), Failure>),
}

/// The most bytes ahead of an echo that are reported as such.
const FEW: usize = 8;

/// The number of bytes in their places that are no coincidence; of a shorter message, all.
const SURE: usize = 8;

impl<'a, W: AsRef<[u8]> + AsMut<[u8]>> Probe<'a, W> {
    /// A probe for messages of `length` bytes, at least 1, that must be echoed
    /// whole within `limit`. Until it [begins](Self::begin) it is at its end, as after a
    /// message that took no time.
    ///
    /// The `window` is an array, or whatever else holds bytes; its content is not
    /// used. It needs no more bytes than a message has, and at least one: without
    /// any, nothing is sent.
    #[must_use]
    pub fn new(
        payload: Payload<&'a [u8]>,
        length: u64,
        limit: Option<Duration>,
        window: W,
    ) -> Self {
        Self {
            payload,
            length: length.max(1),
            limit: IdleTimer::new(limit),
            message: 0,
            begun: Instant::START,
            sent: 0,
            received: 0,
            suspect: None,
            end: Some(Ok(Duration::ZERO)),
            window,
            made: 0..0,
        }
    }

    /// Starts the message with this number, and with it the clock.
    pub fn begin(&mut self, start: Instant, message: u64) {
        self.message = message;
        self.begun = start;
        self.limit.restart(start);
        self.sent = 0;
        self.received = 0;
        self.suspect = None;
        self.end = None;
        self.made = 0..0;
        self.make();
    }

    /// Ends the message for a reason that only the driver can see.
    pub fn fail(&mut self, now: Instant, failure: Failure) {
        self.end_with(now, Err(failure));
    }

    /// Makes the bytes that are sent next, if they must be made.
    fn make(&mut self) {
        if self.payload.ready(self.length).is_some() || self.sent == self.length {
            return;
        }
        let window = self.window.as_mut();
        let left = usize::try_from(self.length - self.sent).unwrap_or(usize::MAX);
        let size = left.min(window.len());
        if let Some(window) = window.get_mut(..size) {
            self.payload.fill(self.message, self.sent, window);
        }
        self.made = self.sent..self.sent + size as u64;
    }

    /// The bytes of the message from `offset` on that need not be made.
    fn at_hand(&self, offset: u64) -> &[u8] {
        let (bytes, range) = match self.payload.ready(self.length) {
            Some(ready) => (ready, 0..self.length),
            None => (self.window.as_ref(), self.made.clone()),
        };
        if !range.contains(&offset) {
            return &[];
        }
        // Both are indices of the slice.
        let (from, to) = ((offset - range.start) as usize, (range.end - range.start) as usize);
        bytes.get(from..to).unwrap_or_default()
    }

    /// The index of the first byte that is not what comes next in the echo.
    fn mismatch(&self, echo: &[u8]) -> Option<usize> {
        if self.at_hand(self.received).get(..echo.len()) == Some(echo) {
            return None;
        }
        self.payload.mismatch(self.message, self.received, echo)
    }

    /// The judgement on bytes that arrived.
    fn judge(&self, bytes: &[u8]) -> Judgement {
        let (echo, extra) = bytes.split_at(self.left().min(bytes.len()));
        let mismatch = self.mismatch(echo);
        if self.suspect.is_some() || (mismatch.is_some() && self.received == 0) {
            return self.judge_beginning(bytes, mismatch);
        }
        if let Some(index) = mismatch {
            return Judgement::End(Err(self.differs(echo, index)));
        }
        let received = self.received + echo.len() as u64;
        // Nothing can come back before it was sent, even if it looks right.
        let ahead = extra.len() as u64 + received.saturating_sub(self.sent);
        if ahead > 0 {
            Judgement::End(Err(Failure::Extra { message: self.message, bytes: ahead }))
        } else if received == self.length {
            Judgement::End(Ok(()))
        } else {
            Judgement::Right
        }
    }

    /// The judgement on bytes that came where the echo ought to begin, if one of them,
    /// or one before them, is wrong.
    fn judge_beginning(&self, bytes: &[u8], mismatch: Option<usize>) -> Judgement {
        let held = self.suspect.map_or(0, |(held, _)| held);
        let right = |offset, part| self.payload.mismatch(self.message, offset, part).is_none();
        // The message begins there, and these bytes cannot be a later part of it.
        let begins = |skipped: &usize| {
            let part = bytes.get(*skipped..).unwrap_or_default();
            let part = part.get(..self.left()).unwrap_or(part);
            let place = held + *skipped as u64;
            let in_place = place + part.len() as u64 <= self.length && right(place, part);
            part.len() >= SURE.min(self.left()) && right(0, part) && !in_place
        };
        let behind = mismatch.map_or(0, |index| index + 1);
        if let Some(skipped) = (behind..=FEW).find(begins) {
            return Judgement::End(Err(Failure::Ahead { bytes: held + skipped as u64 }));
        }
        match (self.suspect, mismatch) {
            (Some((_, failure)), _) => Judgement::End(Err(failure)),
            (None, Some(index)) => {
                let failure = self.differs(bytes, index);
                let few = bytes.len() <= FEW && bytes.len() < self.left();
                if few { Judgement::Suspect(failure) } else { Judgement::End(Err(failure)) }
            }
            (None, None) => Judgement::Right,
        }
    }

    /// The number of bytes of the echo that are missing.
    fn left(&self) -> usize {
        usize::try_from(self.length - self.received).unwrap_or(usize::MAX)
    }

    /// The one place where a verdict is given: whatever it would have been, once
    /// the limit has been reached the message has timed out. Suspect bytes that
    /// came before it are wrong.
    fn end_with(&mut self, now: Instant, end: Result<(), Failure>) {
        if self.end.is_some() {
            return;
        }
        let took = now.saturating_duration_since(self.begun);
        let late = self.limit.expired(now);
        self.end = Some(match self.suspect {
            Some((_, failure)) if late || !matches!(end, Err(Failure::Ahead { .. })) => {
                Err(failure)
            }
            _ if late => {
                let (received, length) = (self.received, self.length);
                Err(Failure::TimedOut { received, length, whole: end.ok().map(|()| took) })
            }
            _ => end.map(|()| took),
        });
        self.limit.stop();
    }

    fn differs(&self, bytes: &[u8], index: usize) -> Failure {
        let offset = self.received + index as u64;
        let wrong = bytes.get(index..).unwrap_or_default();
        Failure::Differs(self.payload.difference(self.message, offset, wrong))
    }
}

impl<W: AsRef<[u8]> + AsMut<[u8]>> Endpoint for Probe<'_, W> {
    /// The round trip, from [`begin`](Probe::begin) to the last byte of the echo.
    type End = Result<Duration, Failure>;

    fn to_send(&self) -> &[u8] {
        if self.end.is_some() { &[] } else { self.at_hand(self.sent) }
    }

    /// Unlimited while a message is in flight: nothing is stored, and only a
    /// read larger than the message shows that too much came back.
    fn room(&self) -> usize {
        if self.end.is_none() { usize::MAX } else { 0 }
    }

    fn deadline(&self) -> Option<Instant> {
        self.limit.deadline()
    }

    /// Never: another message may follow.
    fn finished(&self) -> bool {
        false
    }

    fn end(&self) -> Option<Self::End> {
        self.end
    }

    fn handle_sent(&mut self, _now: Instant, n: usize) {
        let n = n.min(self.to_send().len());
        self.sent += n as u64;
        if self.to_send().is_empty() && self.end.is_none() {
            self.make();
        }
    }

    /// No matter: the limit is for the whole round trip.
    fn handle_delivered(&mut self, _at: Instant) {}

    fn handle_received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        if self.end.is_some() {
            return 0;
        }
        match self.judge(bytes) {
            Judgement::End(end) => self.end_with(now, end),
            // What arrives too late is not counted, and nothing after it can help.
            _ if self.limit.expired(now) => self.handle_timeout(now),
            Judgement::Right => self.received += bytes.len() as u64,
            Judgement::Suspect(failure) => self.suspect = Some((bytes.len() as u64, failure)),
        }
        bytes.len()
    }

    fn handle_quiet(&mut self, _now: Instant) {}

    fn handle_eof(&mut self, now: Instant) {
        let (received, length) = (self.received, self.length);
        self.end_with(now, Err(Failure::ClosedEarly { received, length }));
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.limit.expired(now) {
            let (received, length) = (self.received, self.length);
            self.end_with(now, Err(Failure::TimedOut { received, length, whole: None }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Origin};

    const BORDER: u64 = 1 << 32;

    /// A probe of a large message that has sent, and received, all bytes up to this offset.
    fn at(offset: u64, length: u64) -> Probe<'static, [u8; 64]> {
        let payload = Payload::Seq { run: 1, connection: 7 };
        let mut probe = Probe::new(payload, length, None, [0; 64]);
        probe.begin(Instant::START, BORDER + 5);
        (probe.sent, probe.received) = (offset, offset);
        probe.make();
        probe
    }

    #[test]
    fn a_message_of_more_than_4_gib_is_made_and_compared_beyond_them() {
        let mut probe = at(BORDER - 100, BORDER + 100);
        while probe.end().is_none() {
            let mut right = [0; 64];
            let (message, offset) = (probe.message, probe.received);
            let n = probe.to_send().len();
            probe.payload.fill(message, offset, &mut right[..n]);
            assert_eq!(probe.to_send(), &right[..n], "at {offset}");
            probe.handle_sent(Instant::START, n);
            assert_eq!(probe.handle_received(Instant::START, &right[..n]), n);
        }
        assert_eq!(probe.end(), Some(Ok(Duration::ZERO)));
        assert_eq!(probe.sent, BORDER + 100);
    }

    #[test]
    fn what_goes_wrong_beyond_4_gib_is_told_with_its_place() {
        let mut probe = at(BORDER - 10, 2 * BORDER);
        let mut wrong = [0; 64];
        probe.payload.fill(BORDER + 5, BORDER - 10, &mut wrong);
        probe.payload.fill(BORDER + 2, BORDER + 4, &mut wrong[14..]);
        probe.handle_sent(Instant::START, 64);
        probe.handle_received(Instant::START, &wrong);
        let Some(Err(Failure::Differs(told))) = probe.end() else { panic!("{:?}", probe.end()) };
        assert_eq!((told.message, told.offset), (BORDER + 5, BORDER + 4));
        let origin = Origin { connection: 7, message: BORDER + 2, offset: BORDER + 4 };
        assert_eq!(told.fault, Fault::Stale(origin));

        let mut probe = at(BORDER - 10, 2 * BORDER);
        probe.handle_eof(Instant::START);
        let cut = Failure::ClosedEarly { received: BORDER - 10, length: 2 * BORDER };
        assert_eq!(probe.end(), Some(Err(cut)));
    }
}
