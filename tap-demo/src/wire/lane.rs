//! One direction of a wire: a queue of frames, each with the time at which it arrives, and the
//! faults that it meets.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use echo_core::Instant;

use super::dice::Dice;
use super::manner::Manner;
use crate::tap::Watch;

/// The most frames in flight.
pub const FRAMES: usize = 1000;

/// How long a frame waits for another to overtake it, before it goes on alone.
const PATIENCE: Duration = Duration::from_millis(1);

/// One direction of a wire.
///
/// All its memory is allocated at the start. Frames that do not fit are dropped, as in any queue
/// of a network, and counted.
pub(super) struct Lane {
    manner: Manner,
    /// The random numbers for TCP segments, for UDP datagrams, and for other frames. The number of ARP
    /// requests differs from run to run and must not shift the faults of what is measured.
    dice: [Dice; 3],
    frames: Vec<Box<[u8]>>,
    free: Vec<usize>,
    /// The frames in flight, in the order of their arrival.
    in_flight: VecDeque<Frame>,
    /// The frame that the next one overtakes, and until when it waits for that.
    held: Option<(Frame, Instant)>,
    watch: Rc<Watch>,
}

/// A frame in flight.
#[derive(Debug, Clone, Copy)]
struct Frame {
    place: usize,
    length: usize,
    due: Instant,
}

impl Lane {
    /// A lane for frames of up to `size` bytes.
    pub(super) fn new(manner: Manner, seed: u64, size: usize, watch: Rc<Watch>) -> Self {
        Self {
            manner,
            dice: [seed, seed ^ 2, seed ^ 1].map(Dice::new),
            // One more than can be in flight: for a frame that is lost, or that has arrived.
            frames: (0..=FRAMES).map(|_| vec![0; size].into()).collect(),
            free: (0..=FRAMES).collect(),
            in_flight: VecDeque::with_capacity(FRAMES),
            held: None,
            watch,
        }
    }

    /// Sends what `write` writes.
    pub(super) fn send<R>(
        &mut self,
        now: Instant,
        length: usize,
        write: impl FnOnce(&mut [u8]) -> R,
    ) -> R {
        // `FRAMES` are in flight at most, so one place is free.
        let place = self.free.pop().expect("a place more than can be in flight");
        let frame = &mut self.frames[place][..length];
        let result = write(frame);
        let manner = self.manner;
        let dice = &mut self.dice[kind(frame)];
        if dice.happens(manner.drop) {
            self.free.push(place);
            self.watch.meet(|met| met.drop += 1);
            return result;
        }
        if dice.happens(manner.corrupt) && length > 0 {
            let bit = dice.number(8 * length);
            frame[bit / 8] ^= 1 << (bit % 8);
            self.watch.meet(|met| met.corrupt += 1);
        }
        let due = now + manner.delay + dice.time(manner.jitter);
        let twice = dice.happens(manner.duplicate);
        let overtaken = dice.happens(manner.reorder);
        self.give_up_waiting(now);
        if twice {
            self.enqueue_copy(Frame { place, length, due }, now);
        }
        self.enqueue(Frame { place, length, due }, now, overtaken);
        result
    }

    /// A frame that has arrived. Its place is free from now on, but keeps the frame
    /// until the next is sent.
    pub(super) fn arrive(&mut self, now: Instant) -> Option<&[u8]> {
        self.give_up_waiting(now);
        let Frame { place, length, .. } =
            *self.in_flight.front().filter(|frame| frame.due <= now)?;
        self.in_flight.pop_front();
        self.free.push(place);
        Some(&self.frames[place][..length])
    }

    /// When the next frame arrives, if no other is sent before.
    pub(super) fn next(&self) -> Option<Instant> {
        let first = self.in_flight.front().map(|frame| frame.due);
        let held = self.held.map(|(frame, until)| frame.due.max(until));
        [first, held].into_iter().flatten().min()
    }

    /// Enqueues the first of two copies.
    fn enqueue_copy(&mut self, frame: Frame, now: Instant) {
        let Some(place) = self.free.pop() else { return self.lose() };
        let [from, to] = self.frames.get_disjoint_mut([frame.place, place]).expect("two places");
        to[..frame.length].copy_from_slice(&from[..frame.length]);
        self.enqueue(Frame { place, ..frame }, now, false);
        self.watch.meet(|met| met.duplicate += 1);
    }

    /// Puts a frame after those that were sent before, and one that it overtakes after it.
    fn enqueue(&mut self, frame: Frame, now: Instant, overtaken: bool) {
        if self.in_flight.len() + usize::from(self.held.is_some()) == FRAMES {
            self.lose();
            self.free.push(frame.place);
        } else if let Some((held, _)) = self.held.take() {
            self.append(frame);
            self.append(held);
            self.watch.meet(|met| met.reorder += 1);
        } else if overtaken {
            self.held = Some((frame, now + PATIENCE));
        } else {
            self.append(frame);
        }
    }

    fn lose(&self) {
        self.watch.overrun.set(self.watch.overrun.get() + 1);
    }

    /// Lets the frame that waits go on if nobody has overtaken it in time.
    fn give_up_waiting(&mut self, now: Instant) {
        if let Some((frame, until)) = self.held.take_if(|(_, until)| *until <= now) {
            self.append(Frame { due: frame.due.max(until), ..frame });
        }
    }

    /// Appends a frame, which arrives no earlier than those sent before it.
    fn append(&mut self, frame: Frame) {
        let before = self.in_flight.back().map_or(Instant::START, |last| last.due);
        self.in_flight.push_back(Frame { due: frame.due.max(before), ..frame });
    }
}

/// Which dice are thrown for a frame.
fn kind(frame: &[u8]) -> usize {
    // The offset of the protocol field behind the Ethernet header.
    let protocol = match frame.get(12..14) {
        Some([0x08, 0x00]) => frame.get(14 + 9),
        Some([0x86, 0xdd]) => frame.get(14 + 6),
        _ => None,
    };
    match protocol {
        Some(6) => 0,
        Some(17) => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::chance::Chance;

    const SIZE: usize = 9014;
    const DELAY: Duration = Duration::from_millis(5);

    /// Frames are sent a microsecond apart.
    const APART: Duration = Duration::from_micros(1);

    fn chance(text: &str) -> Chance {
        text.parse().expect("a chance")
    }

    fn lane(manner: Manner, seed: u64) -> Lane {
        Lane::new(manner, seed, SIZE, Rc::default())
    }

    fn sent(number: u32) -> Instant {
        Instant::START + APART * number
    }

    fn send(lane: &mut Lane, now: Instant, number: u32) {
        lane.send(now, 4, |buffer| buffer.copy_from_slice(&number.to_ne_bytes()));
    }

    /// What arrives, and when, of `count` frames that are numbered from 0.
    fn arrivals_by(seed: u64, manner: Manner, count: u32) -> Vec<(Instant, u32)> {
        let mut lane = lane(manner, seed);
        for number in 0..count {
            send(&mut lane, sent(number), number);
        }
        rest(&mut lane)
    }

    fn arrivals(manner: Manner, count: u32) -> Vec<(Instant, u32)> {
        arrivals_by(1, manner, count)
    }

    /// All that is in flight, each at the instant that was announced.
    fn rest(lane: &mut Lane) -> Vec<(Instant, u32)> {
        let mut arrivals = Vec::new();
        while let Some(due) = lane.next() {
            let before = due.saturating_sub(Duration::from_nanos(1));
            assert!(before == due || lane.arrive(before).is_none(), "early");
            let frame = lane.arrive(due).expect("a frame is due");
            arrivals.push((due, u32::from_ne_bytes(frame.try_into().expect("four bytes"))));
        }
        arrivals
    }

    fn order(arrivals: &[(Instant, u32)]) -> Vec<u32> {
        arrivals.iter().map(|(_, number)| *number).collect()
    }

    #[test]
    fn a_delay_keeps_order_and_distance() {
        let arrivals = arrivals(Manner { delay: DELAY, ..Manner::default() }, 10);
        let expected: Vec<_> = (0..10).map(|number| (sent(number) + DELAY, number)).collect();
        assert_eq!(arrivals, expected);
    }

    #[test]
    fn jitter_delays_and_never_reorders() {
        let jitter = Duration::from_millis(1);
        let manner = Manner { delay: DELAY, jitter, ..Manner::default() };
        // Far enough apart for each to have a delay of its own.
        let mut lane = lane(manner, 1);
        let far = |number| Instant::START + jitter * number;
        (0..100).for_each(|number| send(&mut lane, far(number), number));
        let later: Vec<_> = rest(&mut lane)
            .into_iter()
            .map(|(due, number)| due.saturating_duration_since(far(number) + DELAY))
            .collect();
        assert!(later.iter().all(|later| *later < jitter), "{later:?}");
        let [long, short] = [
            later.iter().filter(|later| **later > jitter * 9 / 10).count(),
            later.iter().filter(|later| **later < jitter / 10).count(),
        ];
        assert!((1..30).contains(&long) && (1..30).contains(&short), "{later:?}");

        let dense = arrivals(manner, 100);
        assert_eq!(order(&dense), Vec::from_iter(0..100));
        assert!(dense.iter().all(|(due, number)| *due < sent(*number) + DELAY + jitter));
    }

    #[test]
    fn the_next_frame_overtakes_and_no_other() {
        let all = Manner { reorder: chance("100"), delay: DELAY, ..Manner::default() };
        let arrived = arrivals(all, 6);
        assert_eq!(order(&arrived), [1, 0, 3, 2, 5, 4]);
        for (index, (due, _)) in arrived.iter().enumerate().take(4) {
            assert_eq!(*due, sent(index as u32 | 1) + DELAY, "both when the later one does");
        }

        let some = arrivals(Manner { reorder: chance("10"), ..Manner::default() }, 1000);
        let moved: Vec<_> =
            order(&some).iter().zip(0..).map(|(number, place)| number.abs_diff(place)).collect();
        assert!(moved.iter().all(|places| *places <= 1), "{moved:?}");
        let swaps = moved.iter().sum::<u32>() / 2;
        assert!((50..150).contains(&swaps), "{swaps} of 1000");
    }

    #[test]
    fn a_frame_that_nobody_overtakes_goes_on_after_a_while() {
        let manner = Manner { reorder: chance("100"), ..Manner::default() };
        let mut lonely = lane(manner, 1);
        send(&mut lonely, Instant::START, 0);
        assert_eq!(rest(&mut lonely), [(Instant::START + PATIENCE, 0)]);

        // A frame that comes later does not overtake it, even if the lane was not polled meanwhile.
        let mut late = lane(manner, 1);
        send(&mut late, Instant::START, 0);
        send(&mut late, Instant::START + PATIENCE, 1);
        assert_eq!(order(&rest(&mut late)), [0, 1]);

        // It waits while it is in flight anyway.
        let mut far = lane(Manner { delay: DELAY, ..manner }, 1);
        send(&mut far, Instant::START, 0);
        assert_eq!(rest(&mut far), [(Instant::START + DELAY, 0)]);
    }

    #[test]
    fn a_share_is_doubled_dropped_or_spoilt() {
        let doubled = arrivals(Manner { duplicate: chance("100"), ..Manner::default() }, 3);
        assert_eq!(order(&doubled), [0, 0, 1, 1, 2, 2]);
        let both = Manner { duplicate: chance("100"), reorder: chance("100"), ..Manner::default() };
        assert_eq!(order(&arrivals(both, 2)), [0, 1, 0, 1], "the copy goes, the frame waits");

        for (share, fewest, most) in [("100", 900, 900), ("10%", 50, 150), ("0.5", 1, 15)] {
            let left = arrivals(Manner { drop: chance(share), ..Manner::default() }, 900);
            let lost = 900 - left.len();
            assert!((fewest..=most).contains(&lost), "{lost} of 900 for {share}");
            assert!(order(&left).is_sorted());
        }

        let mut lane = lane(Manner { corrupt: chance("100"), ..Manner::default() }, 1);
        for _ in 0..100 {
            lane.send(Instant::START, SIZE, |buffer| buffer.fill(0));
            let frame = lane.arrive(Instant::START).expect("a frame");
            assert_eq!(frame.len(), SIZE);
            assert_eq!(frame.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
        }
    }

    #[test]
    fn what_does_not_fit_is_lost_and_counted() {
        for (manner, fewest) in [
            (Manner::default(), 2),
            (Manner { duplicate: chance("100"), ..Manner::default() }, 4),
            (Manner { reorder: chance("100"), ..Manner::default() }, 2),
        ] {
            let mut lane = lane(manner, 1);
            (0..2 * FRAMES).for_each(|_| send(&mut lane, Instant::START, 0));
            assert_eq!(rest(&mut lane).len(), FRAMES, "{manner:?}");
            assert_eq!(lane.watch.overrun.get() as usize, (fewest - 1) * FRAMES, "{manner:?}");
            send(&mut lane, sent(1), 1);
            assert_eq!(order(&rest(&mut lane))[0], 1, "there is room again");
        }
    }

    #[test]
    fn a_seed_replays() {
        let manner = Manner {
            drop: chance("3"),
            corrupt: Chance::NEVER,
            delay: DELAY,
            jitter: APART * 10,
            duplicate: chance("4"),
            reorder: chance("5"),
        };
        let once = arrivals_by(7, manner, 500);
        assert_eq!(once, arrivals_by(7, manner, 500));
        assert_ne!(once, arrivals_by(8, manner, 500));
    }

    /// An Ethernet frame with an IPv4 packet of this protocol.
    fn packet(protocol: u8, number: u8) -> [u8; 60] {
        let mut frame = [0; 60];
        frame[12..14].copy_from_slice(&[0x08, 0x00]);
        (frame[23], frame[59]) = (protocol, number);
        frame
    }

    #[test]
    fn other_frames_do_not_change_what_happens_to_segments_and_datagrams() {
        let manner = Manner { drop: chance("30"), duplicate: chance("30"), ..Manner::default() };
        let passed = |protocol, other, others: usize| {
            let mut lane = lane(manner, 1);
            let mut arrived = Vec::new();
            for number in 0..200 {
                let before = (0..usize::from(number) % 5 * others).map(|_| packet(other, number));
                for frame in before.chain([packet(protocol, number)]) {
                    lane.send(Instant::START, 60, |buffer| buffer.copy_from_slice(&frame));
                }
                while let Some(frame) = lane.arrive(Instant::START) {
                    arrived.extend((frame[23] == protocol).then_some(frame[59]));
                }
            }
            arrived
        };
        for (protocol, other) in [(6, 17), (6, 1), (17, 6), (17, 1)] {
            assert_ne!(passed(protocol, other, 0).len(), 200);
            assert_eq!(
                passed(protocol, other, 0),
                passed(protocol, other, 1),
                "{protocol} {other}"
            );
        }
    }
}
