//! The client's end of datagrams: what one that arrives is.
//!
//! The load loop of the instruments owns one flight per connection, as it owns a
//! [`Probe`](crate::Probe) per connection of TCP.

mod arrival;
mod slots;

use core::time::Duration;

pub use self::arrival::Arrival;
pub use self::slots::Slot;
use self::slots::{Slots, State};
use crate::payload::Whose;
use crate::{Instant, Payload};

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
