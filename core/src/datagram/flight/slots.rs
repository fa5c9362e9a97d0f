//! The memory of a flight: which messages are in flight, and which before them were given up.
//!
//! However many there are, a message costs the same, unless most ports of messages that are all alike rest.

use core::marker::PhantomData;
use core::mem;

use super::Sent;

/// Room for one message in flight, or for the memory of it.
#[derive(Debug, Clone, Copy)]
pub struct Slot<T> {
    /// The place of its last message.
    pub(super) place: u64,
    /// That message.
    pub(super) sent: Option<Sent<T>>,
    /// The number of the one before it, and whether that was given up and has not come since.
    pub(super) before: Option<(u64, bool)>,
    pub(super) state: State,
    /// The last message in this slot that was given up and has not come since.
    pub(super) given_up: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Over,
    InFlight,
    /// It is in flight but for an echo that came too late.
    Overdue,
}

impl<T> Slot<T> {
    /// A slot that has held no message yet.
    pub const NEW: Self =
        Self { place: 0, sent: None, before: None, state: State::Over, given_up: None };

    /// Whether the message of this place is in flight.
    fn holds(&self, place: u64) -> bool {
        self.state != State::Over && self.place == place
    }
}

/// The slots of a flight. A place counts through them, again and again.
#[derive(Debug)]
pub(super) struct Slots<T, S> {
    storage: S,
    /// The place from which on the next message is.
    next: u64,
    /// The place of the oldest message in flight; the next one if there is none.
    oldest: u64,
    in_flight: usize,
    /// The number of slots that remember a message that was given up.
    resting: usize,
    note: PhantomData<T>,
}

impl<T, S> Slots<T, S> {
    pub(super) const fn new(storage: S) -> Self {
        Self { storage, next: 0, oldest: 0, in_flight: 0, resting: 0, note: PhantomData }
    }

    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) const fn oldest(&self) -> u64 {
        self.oldest
    }

    /// The place of the message that was begun last.
    pub(super) const fn last(&self) -> u64 {
        self.next.wrapping_sub(1)
    }
}

impl<T: Copy, S: AsRef<[Slot<T>]> + AsMut<[Slot<T>]>> Slots<T, S> {
    pub(super) fn all(&self) -> &[Slot<T>] {
        self.storage.as_ref()
    }

    pub(super) fn get(&self, place: u64) -> Option<&Slot<T>> {
        self.storage.as_ref().get(self.index(place)?)
    }

    pub(super) fn get_mut(&mut self, place: u64) -> Option<&mut Slot<T>> {
        let index = self.index(place)?;
        self.storage.as_mut().get_mut(index)
    }

    /// The number of the slot of a place.
    pub(super) fn index(&self, place: u64) -> Option<usize> {
        // It is smaller than a slice's length.
        place.checked_rem(self.count()).map(|index| index as usize)
    }

    fn count(&self) -> u64 {
        self.storage.as_ref().len() as u64
    }

    /// Whether the message of this place is in flight.
    pub(super) fn flies(&self, place: u64) -> bool {
        self.get(place).is_some_and(|slot| slot.holds(place))
    }

    /// The message of this place, if it is in flight.
    pub(super) fn flying(&self, place: u64) -> Option<Sent<T>> {
        self.get(place).filter(|slot| slot.holds(place))?.sent
    }

    /// The places of those in flight among the last so many.
    pub(super) fn latest(&self, most: u64) -> impl Iterator<Item = u64> {
        let first = self.oldest.max(self.next.saturating_sub(most));
        (first..self.next).filter(|place| self.flies(*place))
    }

    /// The next place, if that has room.
    pub(super) fn following(&self) -> Option<u64> {
        Some(self.next).filter(|place| self.is_over(*place))
    }

    /// Whether any place has room.
    pub(super) fn has_any(&self) -> bool {
        self.in_flight < self.storage.as_ref().len()
    }

    /// Of all places with room the next one that does not rest; the one that has rested longest if there is none, or if
    /// more than half of them rest.
    pub(super) fn rested(&self) -> Option<u64> {
        let over = || (self.next..self.next + self.count()).filter(|place| self.is_over(*place));
        let given_up = |place: &u64| self.get(*place).and_then(|slot| slot.given_up);
        let rested = || over().find(|place| given_up(place).is_none());
        let resting = || over().filter(|place| given_up(place).is_some()).min_by_key(given_up);
        if self.resting as u64 <= self.count() / 2 {
            rested().or_else(resting)
        } else {
            resting().or_else(rested)
        }
    }

    fn is_over(&self, place: u64) -> bool {
        self.get(place).is_some_and(|slot| slot.state == State::Over)
    }

    /// The message of this place is followed by another: what matters of it from now on is noted.
    pub(super) fn succeed(&mut self, place: u64) {
        if let Some(slot) = self.get_mut(place) {
            let given_up = slot.given_up;
            slot.before = slot.sent.map(|it| (it.message, given_up == Some(it.message)));
        }
        self.remember(place, None);
    }

    /// Puts a message there, and the next one behind it.
    pub(super) fn begin(&mut self, place: u64, sent: Sent<T>) {
        if let Some(slot) = self.get_mut(place) {
            (slot.place, slot.sent, slot.state) = (place, Some(sent), State::InFlight);
        }
        if self.in_flight == 0 {
            self.oldest = place;
        }
        self.next = place + 1;
        self.in_flight += 1;
    }

    /// The message of this place is in flight no more.
    pub(super) fn end(&mut self, place: u64) {
        if let Some(slot) = self.get_mut(place) {
            slot.state = State::Over;
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        let mut oldest = self.oldest;
        while oldest < self.next && !self.flies(oldest) {
            oldest += 1;
        }
        self.oldest = oldest;
    }

    /// Notes that a message of this slot was given up, or that none is waited for there any more.
    pub(super) fn remember(&mut self, place: u64, given_up: Option<u64>) {
        let Some(slot) = self.get_mut(place) else { return };
        let before = mem::replace(&mut slot.given_up, given_up);
        self.resting += usize::from(given_up.is_some());
        self.resting -= usize::from(before.is_some());
    }
}
