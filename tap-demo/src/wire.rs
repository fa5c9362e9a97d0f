//! A wire that drops, corrupts, delays, duplicates or reorders frames in both directions: a layer
//! around any device.
//!
//! smoltcp's `FaultInjector` drops frames above 1536 bytes and corrupts only received
//! ones; this one takes frames of any size that the device takes.

mod dice;
mod lane;
mod manner;
mod met;

use std::rc::Rc;
use std::thread;

use echo_core::Instant;
use echo_smoltcp::smoltcp::phy::{self, Device, DeviceCapabilities, RxToken as _, TxToken as _};
use echo_smoltcp::smoltcp::time::Instant as WireInstant;

pub use self::lane::FRAMES;
use self::lane::Lane;
pub use self::manner::Manner;
pub use self::met::Met;
use crate::tap::Watch;

/// The most frames taken from the device below at once.
const BATCH: usize = 64;

/// A device at the other end of a wire.
pub struct Wire<D: Device, C: Fn() -> Instant> {
    device: D,
    inbound: Lane,
    outbound: Lane,
    /// The clock, because a frame's time is when it passes, not when the step began that moves it.
    clock: C,
    watch: Rc<Watch>,
}

impl<D: Device, C: Fn() -> Instant> Wire<D, C> {
    /// A wire to this device. Its faults follow from `seed`.
    #[must_use]
    pub fn new(device: D, manner: Manner, seed: u64, clock: C, watch: Rc<Watch>) -> Self {
        let size = device.capabilities().max_transmission_unit;
        let lane = |seed| Lane::new(manner, seed, size, Rc::clone(&watch));
        Self { device, inbound: lane(seed), outbound: lane(!seed), clock, watch }
    }
}

/// What was sent arrives, though nobody sends any more: a last answer, or the reset of a connection that
/// is cut off.
impl<D: Device, C: Fn() -> Instant> Drop for Wire<D, C> {
    fn drop(&mut self) {
        while let Some(due) = self.outbound.next() {
            thread::sleep(due.saturating_duration_since((self.clock)()));
            let micros = due.since_start().as_micros();
            let now = WireInstant::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
            deliver(&mut self.outbound, &mut self.device, due, now);
        }
    }
}

/// Gives the device what has arrived at it.
fn deliver(lane: &mut Lane, device: &mut impl Device, at: Instant, now: WireInstant) {
    while let Some(frame) = lane.arrive(at) {
        if let Some(token) = device.transmit(now) {
            token.consume(frame.len(), |buffer| buffer.copy_from_slice(frame));
        }
    }
}

impl<D: Device, C: Fn() -> Instant> Device for Wire<D, C> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Sending<'a, D, C>
    where
        Self: 'a;

    fn receive(&mut self, now: WireInstant) -> Option<(Received<'_>, Sending<'_, D, C>)> {
        deliver(&mut self.outbound, &mut self.device, (self.clock)(), now);
        for _ in 0..BATCH {
            let Some((frame, _)) = self.device.receive(now) else { break };
            frame.consume(|frame| {
                let at = (self.clock)();
                self.inbound.send(at, frame.len(), |buffer| buffer.copy_from_slice(frame));
            });
        }
        let Self { device, inbound, outbound, clock, watch } = self;
        let at = clock();
        // Before it is borrowed: what is due already will be asked for again at once.
        let due = [inbound.next(), outbound.next()];
        watch.due.set(due.into_iter().flatten().min());
        let frame = inbound.arrive(at)?;
        Some((Received(frame), Sending { device, lane: outbound, clock, watch, now }))
    }

    fn transmit(&mut self, now: WireInstant) -> Option<Sending<'_, D, C>> {
        let Self { device, outbound, clock, watch, .. } = self;
        Some(Sending { device, lane: outbound, clock, watch, now })
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
pub struct Sending<'a, D, C> {
    device: &'a mut D,
    lane: &'a mut Lane,
    clock: &'a C,
    watch: &'a Watch,
    now: WireInstant,
}

impl<D: Device, C: Fn() -> Instant> phy::TxToken for Sending<'_, D, C> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let at = (self.clock)();
        let result = self.lane.send(at, len, f);
        deliver(self.lane, self.device, at, self.now);
        let due = [self.watch.due.get(), self.lane.next()];
        self.watch.due.set(due.into_iter().flatten().min());
        result
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::time::Duration;

    use super::*;

    const DELAY: Duration = Duration::from_millis(5);
    const READ: Duration = Duration::from_micros(10);
    const LARGE: usize = 9014;

    /// A device with frames to read, each of which takes time.
    struct Card {
        frames: VecDeque<Vec<u8>>,
        sent: Rc<RefCell<Vec<Vec<u8>>>>,
        now: Rc<Cell<Instant>>,
    }

    struct Frame(Vec<u8>);

    impl phy::RxToken for Frame {
        fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
            f(&self.0)
        }
    }

    struct Out<'a>(&'a RefCell<Vec<Vec<u8>>>);

    impl phy::TxToken for Out<'_> {
        fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
            let mut frame = vec![0; len];
            let result = f(&mut frame);
            self.0.borrow_mut().push(frame);
            result
        }
    }

    impl Device for Card {
        type RxToken<'a> = Frame;
        type TxToken<'a> = Out<'a>;

        fn receive(&mut self, _: WireInstant) -> Option<(Frame, Out<'_>)> {
            let frame = self.frames.pop_front()?;
            self.now.set(self.now.get() + READ);
            Some((Frame(frame), Out(&self.sent)))
        }

        fn transmit(&mut self, _: WireInstant) -> Option<Out<'_>> {
            Some(Out(&self.sent))
        }

        fn capabilities(&self) -> DeviceCapabilities {
            let mut capabilities = DeviceCapabilities::default();
            capabilities.max_transmission_unit = LARGE;
            capabilities
        }
    }

    type Clock = Rc<Cell<Instant>>;

    fn wire(
        manner: Manner,
        frames: impl IntoIterator<Item = Vec<u8>>,
    ) -> (Wire<Card, impl Fn() -> Instant>, Clock) {
        let now = Rc::new(Cell::new(Instant::START));
        let frames = frames.into_iter().collect();
        let card = Card { frames, sent: Rc::default(), now: Rc::clone(&now) };
        let clock = {
            let now = Rc::clone(&now);
            move || now.get()
        };
        (Wire::new(card, manner, 1, clock, Rc::default()), now)
    }

    /// The step began at the start, and knows nothing of the time since.
    fn step(wire: &mut Wire<Card, impl Fn() -> Instant>) -> Option<Vec<u8>> {
        let (frame, _) = wire.receive(WireInstant::ZERO)?;
        Some(frame.consume(<[u8]>::to_vec))
    }

    #[test]
    fn the_delay_counts_from_the_frame_and_not_from_the_step() {
        let manner = Manner { delay: DELAY, ..Manner::default() };
        let (mut wire, now) = wire(manner, (0..3).map(|number| vec![number; LARGE]));
        assert_eq!(step(&mut wire), None);
        for number in 0..3 {
            let due = Instant::START + READ * (u32::from(number) + 1) + DELAY;
            assert_eq!(wire.watch.due.get(), Some(due));
            now.set(due);
            assert_eq!(step(&mut wire), Some(vec![number; LARGE]));
            assert_eq!(step(&mut wire), None);
        }
        assert_eq!(wire.watch.due.get(), None);

        let sent = now.get();
        let token = wire.transmit(WireInstant::ZERO).expect("there is room");
        phy::TxToken::consume(token, LARGE, |buffer| buffer.fill(7));
        assert_eq!(wire.watch.due.get(), Some(sent + DELAY));
        now.set(sent + (DELAY - Duration::from_nanos(1)));
        assert_eq!((step(&mut wire), wire.device.sent.borrow().len()), (None, 0));
        now.set(sent + DELAY);
        assert_eq!((step(&mut wire), wire.device.sent.take()), (None, vec![vec![7; LARGE]]));
    }

    #[test]
    fn what_is_not_delayed_passes_at_once() {
        let manner = Manner { duplicate: "100".parse().expect("a chance"), ..Manner::default() };
        let (mut wire, _) = wire(manner, [vec![1; LARGE]]);
        let token = wire.transmit(WireInstant::ZERO).expect("there is room");
        phy::TxToken::consume(token, 60, |buffer| buffer.fill(7));
        assert_eq!(wire.device.sent.take(), [vec![7; 60], vec![7; 60]]);
        let (first, second) = (step(&mut wire), step(&mut wire));
        assert_eq!((first, second), (Some(vec![1; LARGE]), Some(vec![1; LARGE])));
        assert_eq!(step(&mut wire), None);
        assert_eq!(wire.watch.due.get(), None);
    }

    #[test]
    fn what_frames_meet_in_either_direction_is_counted() {
        let always = "100".parse().expect("a chance");
        let good = Manner::default();
        for (manner, met) in [
            (good, "none"),
            (Manner { drop: always, ..good }, "5 drop"),
            (Manner { corrupt: always, duplicate: always, ..good }, "5 corrupt, 5 duplicate"),
            // The last one of three goes on alone.
            (Manner { reorder: always, ..good }, "2 reorder"),
        ] {
            let (mut wire, _) = wire(manner, (0..3).map(|number| vec![number; 60]));
            let _ = step(&mut wire);
            for _ in 0..2 {
                let token = wire.transmit(WireInstant::ZERO).expect("there is room");
                phy::TxToken::consume(token, 60, |buffer| buffer.fill(7));
            }
            assert_eq!(wire.watch.met.get().to_string(), met);
            assert_eq!(manner.counts(), met != "none");
        }
    }

    /// It waits in real time, and no longer than the last one takes.
    #[test]
    fn what_was_sent_before_the_end_arrives() {
        let always = "100".parse().expect("a chance");
        let (delay, good) = (Duration::from_millis(1), Manner::default());
        for (manner, kept) in [
            (good, 0),
            (Manner { delay, ..good }, 3),
            (Manner { delay, jitter: delay, duplicate: always, ..good }, 6),
            (Manner { reorder: always, ..good }, 1),
            (Manner { delay, reorder: always, ..good }, 3),
        ] {
            let (mut wire, _) = wire(manner, []);
            for number in 0..3 {
                let token = wire.transmit(WireInstant::ZERO).expect("there is room");
                phy::TxToken::consume(token, 60, |buffer| buffer.fill(number));
            }
            let sent = Rc::clone(&wire.device.sent);
            let before = sent.borrow().len();
            drop(wire);
            let sent = sent.borrow();
            assert_eq!(sent.len() - before, kept, "{manner}");
            assert!((0..3).all(|number| sent.contains(&vec![number; 60])), "{manner}: {sent:?}");
        }
    }
}
