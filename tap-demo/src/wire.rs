//! A wire that delivers late, twice or out of order: a layer around any device.
//! Losing and corrupting frames is smoltcp's `FaultInjector`'s part.
//!
//! All its storage is made at the start. What does not fit is lost, as in any
//! queue of a network.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use echo_core::Instant;
use echo_smoltcp::smoltcp::phy::{self, Device, DeviceCapabilities, RxToken as _, TxToken as _};
use echo_smoltcp::smoltcp::time::Instant as WireInstant;

use crate::tap::Watch;

/// How many frames are under way at most, in each direction.
const FRAMES: usize = 1000;

/// The most frames taken from the device below at once.
const BATCH: usize = 64;

/// How much later than others a frame arrives that is to be overtaken, if the
/// wire itself has no delay.
const OVERTAKEN: Duration = Duration::from_millis(1);

/// What the wire does to frames, in each direction; chances in per cent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// Every frame arrives this much later.
    pub delay: Duration,
    /// Every frame arrives up to this much later still.
    pub jitter: Duration,
    /// Frames that arrive twice.
    pub duplicate: u8,
    /// Frames that are overtaken by those after them.
    pub reorder: u8,
}

/// A device at the other end of a wire.
pub struct Wire<D> {
    device: D,
    inbound: Lane,
    outbound: Lane,
    watch: Rc<Watch>,
}

/// One direction of a wire.
struct Lane {
    manner: Manner,
    random: u64,
    frames: Vec<Box<[u8]>>,
    free: Vec<usize>,
    /// When which frame of what length is due; the number keeps the order.
    under_way: BinaryHeap<Reverse<(Instant, u64, usize, usize)>>,
    sent: u64,
}

impl<D: Device> Wire<D> {
    /// A wire to this device, whose behaviour follows from `seed`.
    #[must_use]
    pub fn new(device: D, manner: Manner, seed: u64, watch: Rc<Watch>) -> Self {
        let size = device.capabilities().max_transmission_unit;
        let inbound = Lane::new(manner, seed, size);
        let outbound = Lane::new(manner, !seed, size);
        Self { device, inbound, outbound, watch }
    }

    /// Moves frames between the device and the wire.
    fn work(&mut self, now: WireInstant) {
        let at = core(now);
        while let Some((index, length)) = self.outbound.arrive(at) {
            if let Some(token) = self.device.transmit(now) {
                let frame = &self.outbound.frames[index][..length];
                token.consume(length, |buffer| buffer.copy_from_slice(frame));
            }
        }
        for _ in 0..BATCH {
            let Some((frame, _)) = self.device.receive(now) else { break };
            frame.consume(|frame| {
                self.inbound.send(at, frame.len(), |buffer| buffer.copy_from_slice(frame));
            });
        }
    }
}

impl<D: Device> Device for Wire<D> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Sending<'a>
    where
        Self: 'a;

    fn receive(&mut self, now: WireInstant) -> Option<(Received<'_>, Sending<'_>)> {
        self.work(now);
        let arrived = self.inbound.arrive(core(now));
        let due = [self.inbound.next(), self.outbound.next()];
        self.watch.due.set(due.into_iter().flatten().min());
        let (index, length) = arrived?;
        let frame = &self.inbound.frames[index][..length];
        Some((Received(frame), Sending { lane: &mut self.outbound, watch: &self.watch, now }))
    }

    fn transmit(&mut self, now: WireInstant) -> Option<Sending<'_>> {
        Some(Sending { lane: &mut self.outbound, watch: &self.watch, now })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}

/// A frame that has arrived.
pub struct Received<'a>(&'a [u8]);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// The place for a frame that is to go.
pub struct Sending<'a> {
    lane: &'a mut Lane,
    watch: &'a Watch,
    now: WireInstant,
}

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let result = self.lane.send(core(self.now), len, f);
        let due = [self.watch.due.get(), self.lane.next()];
        self.watch.due.set(due.into_iter().flatten().min());
        result
    }
}

impl Lane {
    fn new(manner: Manner, seed: u64, size: usize) -> Self {
        Self {
            manner,
            random: seed,
            // One more than can be under way, so that a lost frame has a place, too.
            frames: (0..=FRAMES).map(|_| vec![0; size].into()).collect(),
            free: (0..=FRAMES).collect(),
            under_way: BinaryHeap::with_capacity(FRAMES),
            sent: 0,
        }
    }

    /// Sends what `write` writes.
    fn send<R>(&mut self, now: Instant, length: usize, write: impl FnOnce(&mut [u8]) -> R) -> R {
        // `FRAMES` are under way at most, so one place is free.
        let index = self.free.pop().expect("a place more than can be under way");
        let result = write(&mut self.frames[index][..length]);
        let twice = self.happens(self.manner.duplicate);
        if self.under_way.len() == FRAMES {
            self.free.push(index);
            return result;
        }
        if twice && self.under_way.len() + 1 < FRAMES {
            let copy = self.free.pop().expect("two places more than are under way");
            let [from, to] = self.frames.get_disjoint_mut([index, copy]).expect("two places");
            to[..length].copy_from_slice(&from[..length]);
            self.enqueue(now, copy, length);
        }
        self.enqueue(now, index, length);
        result
    }

    fn enqueue(&mut self, now: Instant, index: usize, length: usize) {
        let mut due = now + self.manner.delay + self.jitter();
        if self.happens(self.manner.reorder) {
            due = due + self.manner.delay.max(OVERTAKEN);
        }
        self.sent += 1;
        self.under_way.push(Reverse((due, self.sent, index, length)));
    }

    /// A frame that is due, and its length. Its place is free from now on, but
    /// keeps the frame until the next is sent.
    fn arrive(&mut self, now: Instant) -> Option<(usize, usize)> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, _, index, length)) = self.under_way.pop()?;
        self.free.push(index);
        Some((index, length))
    }

    fn next(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse((due, ..))| *due)
    }

    fn happens(&mut self, percent: u8) -> bool {
        percent > 0 && self.random() % 100 < u64::from(percent)
    }

    fn jitter(&mut self) -> Duration {
        let most = u64::try_from(self.manner.jitter.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(if most == 0 { 0 } else { self.random() % most })
    }

    /// `SplitMix64` (Steele, Lea, Flood 2014).
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

fn core(now: WireInstant) -> Instant {
    Instant::new(Duration::from_micros(now.total_micros().unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(manner: Manner, frames: u8) -> Vec<(Duration, u8)> {
        let mut lane = Lane::new(manner, 1, 1514);
        for number in 0..frames {
            let now = Instant::new(Duration::from_micros(u64::from(number)));
            lane.send(now, 1, |buffer| buffer[0] = number);
        }
        let mut arrivals = Vec::new();
        while let Some(due) = lane.next() {
            let (index, length) = lane.arrive(due).expect("a frame is due");
            assert_eq!(length, 1);
            arrivals.push((due.since_start(), lane.frames[index][0]));
        }
        arrivals
    }

    #[test]
    fn a_delay_keeps_order_and_distance() {
        let delay = Duration::from_millis(5);
        let arrivals = arrivals(Manner { delay, ..Manner::default() }, 10);
        let expected: Vec<_> =
            (0..10).map(|n| (delay + Duration::from_micros(u64::from(n)), n)).collect();
        assert_eq!(arrivals, expected);
    }

    #[test]
    fn jitter_stays_below_its_limit() {
        let jitter = Duration::from_millis(1);
        let arrivals = arrivals(Manner { jitter, ..Manner::default() }, 100);
        assert_eq!(arrivals.len(), 100);
        assert!(arrivals.iter().all(|(due, _)| *due < jitter + Duration::from_micros(100)));
    }

    #[test]
    fn duplicates_and_overtaken_frames_appear_as_often_as_asked_for() {
        let doubled = arrivals(Manner { duplicate: 100, ..Manner::default() }, 100);
        assert_eq!(doubled.len(), 200);
        let reordered = arrivals(Manner { reorder: 30, ..Manner::default() }, 100);
        assert_eq!(reordered.len(), 100);
        let descents = reordered.windows(2).filter(|pair| pair[0].1 > pair[1].1).count();
        assert!((1..50).contains(&descents), "{descents}");
    }

    #[test]
    fn what_does_not_fit_is_lost() {
        let manner = Manner { duplicate: 100, ..Manner::default() };
        let mut lane = Lane::new(manner, 1, 1514);
        for _ in 0..2 * FRAMES {
            lane.send(Instant::START, 1514, |_| ());
        }
        let mut arrived = 0;
        while lane.arrive(Instant::START).is_some() {
            arrived += 1;
        }
        assert_eq!(arrived, FRAMES);
    }
}
