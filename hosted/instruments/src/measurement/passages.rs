//! Where the time of a round trip goes: a few messages are followed through the kernel, and their time is divided
//! into sending, the way from kernel to kernel, and waking.

use std::time::Duration;

use echo_core::Instant;

use super::times::Times;
use crate::plan::Plan;
use crate::random::Random;
use crate::stack::Passage;

/// One message in this many is followed, on average …
const ONE_IN: u64 = 100;

/// … or one in this time, by the rate so far, so that a slow load has some, too.
const PAUSE: Duration = Duration::from_millis(10);

/// After so many messages without a stamp no further one is followed.
const ENOUGH: u64 = 20;

/// The messages that were followed.
#[derive(Debug, Clone)]
pub struct Passages {
    /// From the beginning of a message until the kernel gave its last byte to the network.
    pub sending: Times,
    /// From there until the kernel had received the last byte of the echo: the way, the peer and the way back.
    pub away: Times,
    /// From there until this process had read it.
    pub waking: Times,
    /// All three.
    pub whole: Times,
    /// The number of messages whose stamps did not come, or contradict the clock.
    pub lost: u64,
    /// The most by which sending may be too long and waking too short, or the other way round.
    pub error: Duration,
    /// The reason why no message is followed, if there is one.
    pub unseen: Option<String>,
    /// How many messages go by before the next one is followed.
    left: u64,
    /// How many have begun, and when the first one did.
    begun: (u64, Instant),
    random: Random,
}

impl Passages {
    /// None was followed yet; None if the plan does not ask for it.
    pub(crate) fn of(plan: &Plan) -> Option<Self> {
        plan.follows.then(|| Self {
            sending: Times::new(),
            away: Times::new(),
            waking: Times::new(),
            whole: Times::new(),
            lost: 0,
            error: Duration::ZERO,
            unseen: None,
            left: 0,
            begun: (0, Instant::START),
            random: Random(1),
        })
    }

    /// Whether the message that begins now is to be followed. They are chosen at random distances: a regular
    /// choice among connections that take turns would always meet the same one. And they are counted, not
    /// timed: the first after a time would be one before which little was sent, unlike the others.
    pub(crate) fn chooses(&mut self, now: Instant) -> bool {
        if self.begun.0 == 0 {
            self.begun.1 = now;
        }
        self.begun.0 += 1;
        if self.unseen.is_some() || self.left > 0 {
            self.left = self.left.saturating_sub(1);
            return false;
        }
        let (begun, first) = self.begun;
        let time = now.saturating_duration_since(first).as_secs_f64();
        let in_a_pause = ((begun - 1) as f64 * PAUSE.as_secs_f64() / time) as u64;
        self.left = self.random.next() % (2 * in_a_pause.clamp(1, ONE_IN) - 1);
        true
    }

    /// No message can be followed, and why.
    pub(crate) fn give_up(&mut self, why: String) {
        self.unseen = Some(why);
    }

    /// Adds those of another run.
    pub(crate) fn add(&mut self, other: &Self) {
        self.sending.add(&other.sending);
        self.away.add(&other.away);
        self.waking.add(&other.waking);
        self.whole.add(&other.whole);
        self.lost += other.lost;
        self.error = self.error.max(other.error);
        self.unseen = self.unseen.take().or_else(|| other.unseen.clone());
    }

    /// A message that was followed has come back; its time is what the report says of it.
    pub(crate) fn record(&mut self, begun: Instant, took: Duration, passage: Option<Passage>) {
        let end = begun + took;
        let sound = |it: &Passage| {
            begun <= it.sent + it.within && it.sent <= it.received && it.received <= end + it.within
        };
        let Some(Passage { sent, received, within }) = passage.filter(sound) else {
            self.lost += 1;
            if self.whole.is_empty() && self.lost >= ENOUGH {
                let why =
                    "the kernel gave no time stamps: the driver of the interface may have none";
                self.give_up(why.to_owned());
            }
            return;
        };
        let sending = sent.saturating_duration_since(begun).min(took);
        let waking = end.saturating_duration_since(received).min(took - sending);
        self.sending.record(sending);
        self.away.record(took - sending - waking);
        self.waking.record(waking);
        self.whole.record(took);
        self.error = self.error.max(within);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICRO: Duration = Duration::from_micros(1);

    fn passages() -> Passages {
        Passages::of(&Plan { follows: true, ..Plan::new() }).expect("asked for")
    }

    fn at(micros: u32) -> Instant {
        Instant::START + micros * MICRO
    }

    #[test]
    fn the_parts_are_the_whole() {
        let mut passages = passages();
        let passage = |sent, received| {
            Some(Passage { sent: at(sent), received: at(received), within: MICRO })
        };
        passages.record(at(100), 70 * MICRO, passage(105, 123));
        let means = [&passages.sending, &passages.away, &passages.waking, &passages.whole];
        assert_eq!(means.map(Times::mean), [5, 18, 47, 70].map(|n| Some(n * MICRO)));
        // What contradicts the clock by more than is known of it says nothing.
        for wrong in [passage(98, 123), passage(105, 172), passage(123, 105), None] {
            passages.record(at(100), 70 * MICRO, wrong);
        }
        assert_eq!((passages.lost, passages.whole.len()), (4, 1));
        passages.record(at(100), 70 * MICRO, passage(99, 171));
        assert_eq!(passages.away.slowest(), Some(70 * MICRO));
    }

    #[test]
    fn one_in_a_hundred_is_followed_and_of_a_slow_load_more() {
        let mut passages = passages();
        let chosen = (0..100_000).filter(|n| passages.chooses(at(*n))).count();
        assert!((900..1_100).contains(&chosen), "{chosen}");
        let mut slow = self::passages();
        let chosen = (0..100).filter(|n| slow.chooses(at(n * 11_000))).count();
        assert_eq!(chosen, 100);
    }

    /// Of messages in pairs, as many are followed that come after a pause as of the others.
    #[test]
    fn what_follows_a_pause_is_chosen_no_more_often() {
        let mut passages = passages();
        let begins = |n: u32| at(n / 2 * 4_000 + n % 2 * 10);
        let chosen: Vec<_> = (0..20_000).filter(|n| passages.chooses(begins(*n))).collect();
        let after = chosen.iter().filter(|n| **n % 2 == 0).count();
        let share = after as f64 / chosen.len() as f64;
        assert!(
            (3_600..4_400).contains(&chosen.len()) && (0.45..0.55).contains(&share),
            "{share} of {}",
            chosen.len()
        );
    }

    #[test]
    fn a_kernel_that_says_nothing_is_left_alone() {
        let mut passages = passages();
        for _ in 0..ENOUGH {
            assert_eq!(passages.unseen, None);
            passages.record(at(0), MICRO, None);
        }
        assert!(passages.unseen.is_some() && !passages.chooses(at(1_000_000)));
    }
}
