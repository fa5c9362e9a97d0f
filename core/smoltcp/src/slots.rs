//! The index from connections to slots: a hash index over flows and a queue of
//! vacant slots, both threaded through the slots themselves, so that finding a
//! connection costs the same with four slots as with a thousand, and no other storage
//! is needed.

use echo_core::{Instant, Planted};

use crate::demux::Flow;
use crate::slot::Slot;

/// All slots of a server.
pub(crate) struct Slots<'s, 'a, const N: usize> {
    slots: &'s mut [Slot<'a, N>],
    seed: u64,
    /// The queue of vacant slots, by their `next_vacant`.
    first_vacant: Option<usize>,
    last_vacant: Option<usize>,
    /// Where the last search for a slot that gives way ended.
    hand: usize,
}

/// The most slots looked at for one that gives way, so that a SYN costs little
/// even if all connections are honest.
const SEARCH: usize = 64;

/// What ties a slot into the index and into the queue.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// The flow under which the slot can be found, if it is in the index.
    flow: Option<Flow>,
    /// The next slot of the same bucket.
    next_in_bucket: Option<usize>,
    /// The first slot of the bucket whose number is this slot's: each slot
    /// lends the index one bucket.
    bucket: Option<usize>,
    next_vacant: Option<usize>,
}

impl<'s, 'a, const N: usize> Slots<'s, 'a, N> {
    /// An index of these slots: all are vacant, and none can be found.
    pub(crate) fn new(slots: &'s mut [Slot<'a, N>], seed: u64) -> Self {
        let mut all = Self { slots, seed, first_vacant: None, last_vacant: None, hand: 0 };
        for number in 0..all.slots.len() {
            all.slots[number].links = Links::default();
            all.push_last(number);
        }
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The slot with this number, which must have come from here.
    pub(crate) fn get(&mut self, number: usize) -> &mut Slot<'a, N> {
        &mut self.slots[number]
    }

    /// The faults that were planted in all slots.
    pub(crate) fn planted(&self) -> Planted {
        let spoilers = self.slots.iter().filter_map(|slot| slot.spoiler.as_ref());
        spoilers.fold(Planted::default(), |mut sum, spoiler| {
            sum.add(&spoiler.planted());
            sum
        })
    }

    /// The slot in which this connection lives.
    pub(crate) fn find(&self, flow: &Flow) -> Option<usize> {
        let mut next = self.slots.get(self.bucket(flow)?)?.links.bucket;
        while let Some(number) = next {
            let links = &self.slots[number].links;
            if links.flow.as_ref() == Some(flow) {
                return Some(number);
            }
            next = links.next_in_bucket;
        }
        None
    }

    /// From now on the connection is found in this slot.
    pub(crate) fn insert(&mut self, number: usize, flow: Flow) {
        if let Some(bucket) = self.bucket(&flow) {
            let next = self.slots[bucket].links.bucket.replace(number);
            let links = &mut self.slots[number].links;
            links.next_in_bucket = next;
            links.flow = Some(flow);
        }
    }

    /// From now on the slot is not found.
    pub(crate) fn remove(&mut self, number: usize) {
        let links = &mut self.slots[number].links;
        let after = links.next_in_bucket.take();
        let Some(bucket) = links.flow.take().and_then(|flow| self.bucket(&flow)) else { return };
        if self.slots[bucket].links.bucket == Some(number) {
            self.slots[bucket].links.bucket = after;
            return;
        }
        let mut next = self.slots[bucket].links.bucket;
        while let Some(before) = next {
            let links = &mut self.slots[before].links;
            if links.next_in_bucket == Some(number) {
                links.next_in_bucket = after;
                return;
            }
            next = links.next_in_bucket;
        }
    }

    /// Takes the first vacant slot out of the queue, and out of the index, where
    /// its former connection may still be found.
    pub(crate) fn take(&mut self) -> Option<usize> {
        let number = self.first_vacant?;
        self.first_vacant = self.slots[number].links.next_vacant.take();
        if self.first_vacant.is_none() {
            self.last_vacant = None;
        }
        self.remove(number);
        Some(number)
    }

    /// Takes a slot whose connection gives way to a new one. The search goes round,
    /// so the oldest are found first.
    pub(crate) fn take_yielding(&mut self, now: Instant) -> Option<usize> {
        for _ in 0..self.slots.len().min(SEARCH) {
            self.hand = (self.hand + 1) % self.slots.len();
            if self.slots[self.hand].yields(now) {
                self.remove(self.hand);
                return Some(self.hand);
            }
        }
        None
    }

    /// Gives a slot back that is to be used again first.
    pub(crate) fn push_first(&mut self, number: usize) {
        let next = self.first_vacant.replace(number);
        self.slots[number].links.next_vacant = next;
        self.last_vacant.get_or_insert(number);
    }

    /// Gives a slot back that is to be used again last.
    pub(crate) fn push_last(&mut self, number: usize) {
        match self.last_vacant.replace(number) {
            None => self.first_vacant = Some(number),
            Some(last) => self.slots[last].links.next_vacant = Some(number),
        }
    }

    fn bucket(&self, flow: &Flow) -> Option<usize> {
        let slots = self.slots.len() as u64;
        // The remainder is smaller than a slice's length, so it fits.
        flow.hash(self.seed).checked_rem(slots).map(|bucket| bucket as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use smoltcp::iface::SocketStorage;
    use smoltcp::wire::{IpAddress, IpEndpoint};

    use super::*;

    const SLOTS: usize = 7;

    fn flow(port: u16) -> Flow {
        let peer = IpEndpoint::new(IpAddress::v4(10, 0, 0, 2), port);
        Flow { peer, local: IpEndpoint::new(IpAddress::v4(10, 0, 0, 1), 2333) }
    }

    /// Against lists that are looked through from front to back.
    #[test]
    fn the_index_and_the_queue_are_right_after_any_operations() {
        let mut storage: Vec<_> = (0..SLOTS).map(|_| SocketStorage::EMPTY).collect();
        let mut rings = [[[0; 8]; 2]; SLOTS];
        let lent = storage.iter_mut().zip(&mut rings);
        let mut lent: Vec<_> = lent
            .map(|(storage, [receive, send])| Slot::<'_, 8>::new(storage, receive, send))
            .collect();
        let mut slots = Slots::new(&mut lent, 1);
        let mut vacant: Vec<usize> = (0..SLOTS).collect();
        let mut flows = [None; SLOTS];
        let mut taken = Vec::new();
        let mut random = 1u32;
        for round in 0..20_000u16 {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            if random.is_multiple_of(2) || taken.is_empty() {
                let number = slots.take();
                assert_eq!(number, (!vacant.is_empty()).then(|| vacant.remove(0)));
                if let Some(number) = number {
                    slots.insert(number, flow(round));
                    flows[number] = Some(flow(round));
                    taken.push(number);
                }
            } else {
                let number = taken.swap_remove(random as usize / 2 % taken.len());
                if random.is_multiple_of(3) {
                    // As a connection in TIME-WAIT: it can still be found.
                    slots.push_last(number);
                    vacant.push(number);
                } else {
                    slots.remove(number);
                    flows[number] = None;
                    slots.push_first(number);
                    vacant.insert(0, number);
                }
            }
            for (number, flow) in flows.iter().enumerate() {
                if let Some(flow) = flow {
                    assert_eq!(slots.find(flow), Some(number), "in round {round}");
                }
            }
            assert_eq!(slots.find(&flow(round + 1)), None);
        }
    }

    #[test]
    fn without_slots_there_is_nothing_to_find() {
        let mut slots = Slots::<'_, '_, 8>::new(&mut [], 1);
        assert_eq!(slots.take(), None);
        assert_eq!(slots.take_yielding(Instant::START), None);
        assert_eq!(slots.find(&flow(1)), None);
    }
}
