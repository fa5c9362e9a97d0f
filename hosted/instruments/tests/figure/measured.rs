//! Runs that are made up, and their figures.

use std::time::{Duration, SystemTime};

use echo_core::Failure;
use echo_instruments::figure::{Format, encode};
use echo_instruments::measurement::times::Times;
use echo_instruments::measurement::{Measurement, Sample};
use echo_instruments::plan::Plan;
use echo_instruments::report::Subject;

/// A run that was measured, or made up.
pub(crate) struct Measured {
    pub(crate) program: &'static str,
    pub(crate) name: String,
    pub(crate) plan: Plan,
    pub(crate) run: Measurement,
}

pub(crate) const TIMED_OUT: Failure = Failure::TimedOut { received: 0, length: 64, whole: None };

impl Measured {
    pub(crate) fn new(elapsed: Duration) -> Self {
        let run = Measurement { started: SystemTime::UNIX_EPOCH, elapsed, ..Measurement::new() };
        let plan = Plan { length: 64, ..Plan::new() };
        Self { program: "hosted", name: "192.0.2.7:2333".to_owned(), plan, run }
    }

    /// 36 000 round trips in 78 columns, enough for both curves, with a slow tail, a pause in which two fail, one that fails later, and
    /// a tenth that was never sent.
    pub(crate) fn steady() -> Self {
        let mut measured = Self::new(Duration::from_micros(1_273));
        for i in (0..40_000_u64).filter(|i| !(16_000..20_000).contains(i)) {
            let sent = Duration::from_nanos(i * 30);
            let slow = if i % 7_000 == 0 && i < 30_000 { 300_000 } else { 0 };
            let rtt = Duration::from_nanos(60_000 + i * 7_919 % 12_000 + slow);
            measured.succeed(sent, rtt);
        }
        for (us, reason) in [(500, TIMED_OUT), (510, Failure::Reset), (900, TIMED_OUT)] {
            measured.fail(Duration::from_micros(us), reason);
        }
        measured.run.unsent = 4_000;
        measured
    }

    pub(crate) fn random(random: &mut Random) -> Self {
        let elapsed = Duration::from_nanos(random.up_to_power_of_ten(17));
        let mut measured = Self::new(elapsed);
        measured.name = (0..random.below(300)).map(|_| random.sign()).collect();
        measured.plan.length = random.up_to_power_of_ten(9);
        measured.run.response = (random.below(2) == 0).then(Times::new);
        let longest = random.below(13) as u32;
        let within = elapsed.as_nanos() as u64 + 1;
        let round_trips = if random.below(5) == 0 { 0 } else { random.up_to_power_of_ten(4) };
        for _ in 0..round_trips {
            let rtt = Duration::from_nanos(random.up_to_power_of_ten(longest));
            let at = Duration::from_nanos(random.below(within));
            let late = Duration::from_nanos(random.below(within));
            measured.run.record(&Sample { late, ..Sample::new(at, 0, Ok(rtt)) });
        }
        for _ in 0..random.up_to_power_of_ten(3) * random.below(2) {
            let reasons = [TIMED_OUT, Failure::Reset, Failure::Refused];
            let reason = reasons[random.below(3) as usize];
            measured.fail(Duration::from_nanos(random.below(within)), reason);
        }
        measured.run.unsent = random.up_to_power_of_ten(19) * random.below(2);
        measured
    }

    pub(crate) fn succeed(&mut self, sent: Duration, took: Duration) {
        self.run.record(&Sample::new(sent + took, 0, Ok(took)));
    }

    pub(crate) fn fail(&mut self, at: Duration, reason: Failure) {
        self.run.record(&Sample::new(at, 0, Err(reason)));
    }

    pub(crate) fn encode(&self, format: Format, scale: f32) -> anyhow::Result<Vec<u8>> {
        let subject = Subject {
            program: self.program,
            command: "rate",
            name: self.name.clone(),
            address: ([192, 0, 2, 7], 2333).into(),
            sources: Vec::new(),
            payload: "zero".to_owned(),
            labels: &[],
            hosts: None,
            plan: &self.plan,
        };
        encode(&subject, &self.run, format, scale)
    }
}

/// Xorshift: the same runs on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        for (left, right, back) in [(13, 7, 17), (13, 7, 17)] {
            self.0 ^= self.0 << left;
            self.0 ^= self.0 >> right;
            self.0 ^= self.0 << back;
        }
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) % limit.max(1)
    }

    /// As likely small as large.
    fn up_to_power_of_ten(&mut self, most: u32) -> u64 {
        let power = self.below(u64::from(most) + 1) as u32;
        self.below(10_u64.pow(power) + 1)
    }

    /// A letter, or something that does not belong in a name.
    fn sign(&mut self) -> char {
        const HOSTILE: &[char] = &[
            '<', '>', '&', '"', '\'', '\0', '\u{1b}', '\n', '\u{fffe}', '\u{ffff}', '\u{202e}',
            '😀',
        ];
        match self.below(4) {
            0 => HOSTILE[self.below(HOSTILE.len() as u64) as usize],
            _ => char::from(b'a' + self.below(26) as u8),
        }
    }
}
