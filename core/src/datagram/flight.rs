//! The client's end of datagrams: what one that arrives is.
//!
//! The load loop of the instruments owns one flight per connection, as it owns a
//! [`Probe`](crate::Probe) per connection of TCP.

mod slots;

use core::time::Duration;

pub use self::slots::Slot;
use self::slots::{Slots, State};
use crate::payload::Whose;
use crate::{Failure, Fault, Instant, Payload};

/// The messages of one connection that are in flight, and those before them as far as they are remembered:
/// enough to say of each datagram that arrives what it is. No echo that is late or doubled is taken for another's.
///
/// Which message it is says its content, [if it can](Payload::tells): then any number of them is in flight on one local
/// port. Of messages that are all alike each needs a port of its own; there are as many as slots, and they take turns.
/// A port at which an echo may still come late, because its message was given up, rests until half of them do: so many
/// are told as late, and for as many messages as there are other ports a double is told as that.
///
/// For each message, in this order: [`begin`](Self::begin), send [`datagram`](Self::datagram) from its port. For each
/// arrival [`handle_datagram`](Self::handle_datagram), and at the [`deadline`](Self::deadline)
/// [`handle_timeout`](Self::handle_timeout) until it returns none; for what ICMP says
/// [`handle_report`](Self::handle_report). The limit is judged by the instants that the driver reports: what arrives at
/// the limit or after it is late, and its message has timed out.
///
/// `W` is the storage of one message, as long as that, and `S` of the slots. As many given-up messages are remembered
/// as there are slots: an echo of one that was given up long before the others is told as late still, and so is then
/// its double. Of [`Payload::Seq`] those within the last 2^20 messages are known.
///
/// ```
/// use core::time::Duration;
///
/// use echo_core::datagram::{Arrival, Flight, Slot};
/// use echo_core::{Instant, Payload};
///
/// // Messages of 64 bytes, four at once at most, of which nothing is noted.
/// let (payload, limit) = (Payload::Seq { run: 0, connection: 0 }, Duration::from_secs(1));
/// let mut flight = Flight::new(payload, Some(limit), [0; 64], [Slot::<()>::NEW; 4]);
///
/// let mut now = Instant::START;
/// let sent = flight.begin(now, ()).expect("it has room");
/// // Send `flight.datagram()` from the local port `sent.port`: 0, since `Seq` tells its message.
/// // If the stack does not take it, `flight.withdraw()`.
///
/// # let buffer = flight.datagram().to_vec();
/// now = now + Duration::from_millis(3);
/// // A datagram of 64 bytes has arrived there, from the server.
/// let Arrival::Echo { end, .. } = flight.handle_datagram(now, sent.port, true, 64, &buffer) else {
///     panic!("it is late, a duplicate, or not ours");
/// };
/// assert_eq!(end, Ok(Duration::from_millis(3)));
///
/// while let Some(lost) = flight.handle_timeout(now) {
///     println!("message {} has not come back in time", lost.message);
/// }
/// ```
#[derive(Debug)]
pub struct Flight<'a, T, W, S> {
    payload: Payload<&'a [u8]>,
    limit: Option<Duration>,
    /// The message that was begun last.
    window: W,
    slots: Slots<T, S>,
    /// The number of messages begun.
    messages: u64,
    /// The latest message that has come back.
    latest: Option<u64>,
}

/// A message that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent<T> {
    /// Its number on the connection, from 0.
    pub message: u64,
    /// When it began.
    pub begun: Instant,
    /// The local port from which it is sent: 0 where its content [tells](Payload::tells) which message it is, otherwise
    /// less than the number of slots.
    pub port: usize,
    /// What the driver noted.
    pub note: T,
}

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

/// A message of which the network says that it did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undelivered<T> {
    /// It was in flight, and is over.
    InFlight(Sent<T>),
    /// It had reached the limit before.
    GivenUp(Sent<T>),
}

impl<'a, T, W, S> Flight<'a, T, W, S>
where
    T: Copy,
    W: AsRef<[u8]> + AsMut<[u8]>,
    S: AsRef<[Slot<T>]> + AsMut<[Slot<T>]>,
{
    /// No message is in flight. Each is as long as the `window`, and must be echoed within the `limit`.
    #[must_use]
    pub fn new(
        payload: Payload<&'a [u8]>,
        limit: Option<Duration>,
        mut window: W,
        slots: S,
    ) -> Self {
        payload.fill(0, 0, window.as_mut());
        let slots = Slots::new(slots);
        Self { payload, limit, window, slots, messages: 0, latest: None }
    }

    /// The number of messages in flight.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.slots.in_flight()
    }

    /// Whether another message may begin.
    #[must_use]
    pub fn has_room(&self) -> bool {
        if self.tells() { self.slots.following().is_some() } else { self.slots.has_any() }
    }

    /// The bytes of the message that was begun last.
    #[must_use]
    pub fn datagram(&self) -> &[u8] {
        self.window.as_ref()
    }

    /// The messages in flight, in no order.
    pub fn under_way(&self) -> impl Iterator<Item = &Sent<T>> {
        let flying = self.slots.all().iter().filter(|slot| slot.state != State::Over);
        flying.filter_map(|slot| slot.sent.as_ref())
    }

    /// When the oldest message reaches the limit.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let limit = self.limit?;
        self.slots.flying(self.slots.oldest())?.begun.checked_add(limit)
    }

    /// Starts the next message, and with it its limit; None if there is no room.
    #[inline]
    pub fn begin(&mut self, now: Instant, note: T) -> Option<Sent<T>> {
        let (place, port) = if self.tells() {
            (self.slots.following()?, 0)
        } else {
            let place = self.slots.rested()?;
            (place, self.slots.index(place)?)
        };
        let message = self.messages;
        let sent = Sent { message, begun: now, port, note };
        if !self.tells() {
            self.slots.succeed(place);
        }
        self.slots.begin(place, sent);
        if self.payload.varies() && message > 0 {
            self.payload.fill(message, 0, self.window.as_mut());
        }
        self.messages += 1;
        Some(sent)
    }

    /// Gives up the oldest message if it has reached the limit: it was lost, or is late.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Sent<T>> {
        let due = self.deadline().is_some_and(|deadline| deadline <= now);
        if due { self.give_up(self.slots.oldest()) } else { None }
    }

    /// Gives up the message of which the network says that it did not arrive. It was sent from this port and begins with
    /// the bytes of the `quote`; where those are too few to tell, or none, it is taken for the oldest in flight there.
    pub fn handle_report(&mut self, port: usize, quote: &[u8]) -> Option<Undelivered<T>> {
        let place = if self.tells() {
            match self.payload.whose(self.messages, quote) {
                Some(Whose::Own(place)) => place,
                Some(Whose::OtherConnection | Whose::OtherRun) => return None,
                None => self.slots.oldest(),
            }
        } else {
            self.slots.all().get(port)?.place
        };
        let undelivered = if let Some(sent) = self.give_up(place) {
            Undelivered::InFlight(sent)
        } else {
            let slot = self.slots.get(place).filter(|slot| slot.place == place)?;
            let sent = slot.sent.filter(|sent| slot.given_up == Some(sent.message))?;
            Undelivered::GivenUp(sent)
        };
        // Nothing is waited for any more, and another report says nothing new.
        self.slots.remember(place, None);
        Some(undelivered)
    }

    /// The message that was begun last could not be sent: it is over, and nothing will come of it.
    pub fn withdraw(&mut self) {
        let place = self.slots.last();
        if self.slots.flies(place) {
            self.slots.end(place);
        }
    }

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
            _ => self.come_again(place, &slot.clone(), length, bytes),
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
    fn come_again(
        &mut self,
        place: u64,
        slot: &Slot<T>,
        length: usize,
        bytes: &[u8],
    ) -> Arrival<T> {
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

    /// Ends a message in flight whose echo may still come.
    fn give_up(&mut self, place: u64) -> Option<Sent<T>> {
        let sent = self.slots.flying(place)?;
        if self.slots.get(place)?.state == State::InFlight {
            self.slots.remember(place, Some(sent.message));
        }
        self.slots.end(place);
        Some(sent)
    }

    fn tells(&self) -> bool {
        self.payload.tells(self.window.as_ref().len() as u64)
    }
}

/// A datagram that is cut to less than a word is looked for among so many messages: of more, too many begin so, and the
/// search takes too long.
const LAST: u64 = 1024;
