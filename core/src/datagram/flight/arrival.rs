//! What a datagram that has arrived is.

use core::time::Duration;

use super::slots::State;
use super::{Flight, Sent, Slot};
use crate::payload::Whose;
use crate::{Failure, Fault, Instant};

/// A datagram that is cut to less than a word is looked for among so many messages: of more, too many begin so, and the
/// search takes too long.
const LAST: u64 = 1024;

/// What a datagram that arrived is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival<T> {
    /// A message in flight has come back, well or not, and is over.
    Echo {
        /// The message.
        sent: Sent<T>,
        /// Whether a later one had come back before it.
        overtaken: bool,
        /// The round trip; or what is wrong with it: [`Failure::Cut`], [`Failure::Extra`] or [`Failure::Differs`].
        end: Result<Duration, Failure>,
    },
    /// The echo of a message that had reached the limit.
    Late {
        /// The number of the message.
        message: u64,
    },
    /// The echo of a message that had come back before, or of which the network had said that it would not.
    Duplicate {
        /// The number of the message.
        message: u64,
    },
    /// A message of another connection of this run.
    OtherConnection,
    /// From another address, or never sent by this connection.
    Foreign,
}

impl<T, W, S> Flight<'_, T, W, S>
where
    T: Copy,
    W: AsRef<[u8]> + AsMut<[u8]>,
    S: AsRef<[Slot<T>]> + AsMut<[Slot<T>]>,
{
    /// What has arrived at a port is judged, and the message over if it is its echo. It was `length` bytes long, of
    /// which the driver has as many as there was room for: at least those of a message.
    #[inline]
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        port: usize,
        from_peer: bool,
        length: usize,
        bytes: &[u8],
    ) -> Arrival<T> {
        if !from_peer {
            return Arrival::Foreign;
        }
        let place = match self.whose(port, length, bytes) {
            Some(Whose::Own(place)) => place,
            Some(Whose::OtherConnection) => return Arrival::OtherConnection,
            Some(Whose::OtherRun) | None => return Arrival::Foreign,
        };
        let Some(slot) = self.slots.get(place) else { return Arrival::Foreign };
        match slot.sent {
            Some(sent) if slot.state == State::InFlight && slot.place == place => {
                self.come(now, sent, place, length, bytes)
            }
            _ => self.come_again(place, *slot, length, bytes),
        }
    }

    /// The place of the message that a datagram is of.
    fn whose(&self, port: usize, length: usize, bytes: &[u8]) -> Option<Whose> {
        if !self.tells() {
            let slot = self.slots.all().get(port)?;
            return slot.sent.map(|_| Whose::Own(slot.place));
        }
        // A place is the number of its message.
        self.payload
            .whose(self.messages, bytes)
            .or_else(|| self.only(length, bytes).map(Whose::Own))
    }

    /// The only message in flight that a datagram can be of which does not tell: the only one there is, if the bytes are
    /// not another's altogether, or the only one of the [`LAST`] that begins so if it is cut to less than a word.
    fn only(&self, length: usize, bytes: &[u8]) -> Option<u64> {
        if self.slots.in_flight() == 1 {
            let only = self.slots.oldest();
            let fault = match self.judge(only, length, bytes) {
                Err(Failure::Differs(told)) => Some(told.fault),
                _ => None,
            };
            let others =
                matches!(fault, Some(Fault::Foreign | Fault::Stale(_) | Fault::Crossed(_)));
            return (!others).then_some(only);
        }
        if length >= 8 || length == 0 {
            return None;
        }
        let begins = |place: &u64| self.payload.mismatch(*place, 0, bytes).is_none();
        let mut all = self.slots.latest(LAST).filter(begins);
        let first = all.next()?;
        all.next().is_none().then_some(first)
    }

    /// The echo of a message in flight.
    #[inline]
    fn come(
        &mut self,
        now: Instant,
        sent: Sent<T>,
        place: u64,
        length: usize,
        bytes: &[u8],
    ) -> Arrival<T> {
        let message = sent.message;
        let judged = self.judge(message, length, bytes);
        if self.is_crossed(&judged, bytes) {
            return Arrival::OtherConnection;
        }
        if judged.is_err() && self.is_before(place, length, bytes) {
            return self.come_before(place);
        }
        let took = now.saturating_duration_since(sent.begun);
        if self.limit.is_some_and(|limit| took >= limit) {
            if let Some(slot) = self.slots.get_mut(place) {
                slot.state = State::Overdue;
            }
            return Arrival::Late { message };
        }
        let overtaken = self.latest > Some(message);
        self.latest = self.latest.max(Some(message));
        self.slots.end(place);
        Arrival::Echo { sent, overtaken, end: judged.map(|()| took) }
    }

    /// An echo of a message that is over, or has come too late already.
    #[cold]
    #[inline(never)]
    fn come_again(&mut self, place: u64, slot: Slot<T>, length: usize, bytes: &[u8]) -> Arrival<T> {
        let mut message = place;
        if !self.tells() {
            // Only its port says whose it is: it may be anything.
            message = slot.sent.map_or(0, |sent| sent.message);
            match self.judge(message, bytes.len(), bytes) {
                Err(_) if self.is_before(place, length, bytes) => return self.come_before(place),
                Err(Failure::Differs(told)) if told.fault == Fault::Foreign => {
                    return Arrival::Foreign;
                }
                judged if self.is_crossed(&judged, bytes) => return Arrival::OtherConnection,
                _ => {}
            }
        }
        if slot.given_up < Some(message) {
            return Arrival::Duplicate { message };
        }
        if slot.given_up == Some(message) {
            self.slots.remember(place, None);
        }
        Arrival::Late { message }
    }

    /// Whether it is the whole echo of the message before the last one of a port: where content is too short to tell, it
    /// still shows that.
    #[cold]
    #[inline(never)]
    fn is_before(&self, place: u64, length: usize, bytes: &[u8]) -> bool {
        let is_whole = length > 0 && length == self.window.as_ref().len();
        let before = self.slots.get(place).and_then(|slot| slot.before);
        let is_it = |(before, _)| self.payload.mismatch(before, 0, bytes).is_none();
        is_whole && !self.tells() && self.payload.varies() && before.is_some_and(is_it)
    }

    /// It has come.
    #[cold]
    #[inline(never)]
    fn come_before(&mut self, place: u64) -> Arrival<T> {
        let slot = self.slots.get_mut(place).and_then(|slot| slot.before.as_mut());
        match slot {
            Some((message, awaited @ true)) => {
                *awaited = false;
                Arrival::Late { message: *message }
            }
            Some((message, _)) => Arrival::Duplicate { message: *message },
            None => Arrival::Foreign,
        }
    }

    /// The judgement on the whole echo of a message.
    fn judge(&self, message: u64, length: usize, bytes: &[u8]) -> Result<(), Failure> {
        let whole = self.window.as_ref();
        let echo = bytes.get(..whole.len()).unwrap_or(bytes);
        let made = !self.payload.varies() || message + 1 == self.messages;
        if (!made || whole.get(..echo.len()) != Some(echo))
            && let Some(index) = self.payload.mismatch(message, 0, echo)
        {
            let wrong = echo.get(index..).unwrap_or_default();
            let told = self.payload.difference(message, index as u64, wrong);
            return Err(Failure::Differs(told));
        }
        let (received, length) = (length as u64, whole.len() as u64);
        match received.checked_sub(length) {
            None => Err(Failure::Cut { message, received, length }),
            Some(0) => Ok(()),
            Some(bytes) => Err(Failure::Extra { message, bytes }),
        }
    }

    /// Whether all of a datagram is of another connection, which one damaged byte can only seem to say.
    fn is_crossed(&self, judged: &Result<(), Failure>, bytes: &[u8]) -> bool {
        let Err(Failure::Differs(told)) = judged else { return false };
        let Fault::Crossed(origin) = told.fault else { return false };
        self.payload.on(origin.connection).mismatch(told.message, 0, bytes).is_none()
    }
}
