//! Whether the instrument tells the truth, against servers of known behaviour.
//!
//! A round trip can never be shorter than the server held the message: that is
//! asserted strictly, for every message. How much longer it may be depends on
//! what else the machine does, so a bound is set on the median only, far above
//! what an idle machine shows; `cargo run --release -p hosted --example
//! accuracy` prints the real errors.

mod servers;

use std::net::TcpStream;
use std::time::Duration;

use echo_instruments::load::Observer;
use echo_instruments::measurement::percentiles::{MEDIAN, percentile};
use echo_instruments::measurement::{Measurement, Sample};
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::signals::Stop;
use hosted::sockets;

use self::servers::{Delaying, LENGTH};

const MILLI: Duration = Duration::from_millis(1);

/// A histogram knows times to three digits.
const DIGITS: f64 = 1e-3;

#[derive(Default)]
struct Notes(Vec<Sample>);

impl Observer for Notes {
    fn look(&mut self, _measurement: &Measurement) {}

    fn message(&mut self, sample: &Sample) {
        self.0.push(*sample);
    }
}

/// The measurement, the round trip of each message, and for how long the server held it.
fn measure(server: Delaying, count: u64, pace: Pace) -> (Measurement, Vec<Sample>, Vec<Duration>) {
    let length = LENGTH as u64;
    let plan = Plan { length, count: Some(count), pace, ..Plan::new() };
    let first = TcpStream::connect(server.address).expect("connected");
    let mut notes = Notes::default();
    let out =
        sockets::measure(&plan, first, &Stop::new().expect("a pipe"), &mut notes).expect("a run");
    let held = server.held();
    assert_eq!((out.tally.echoed(), held.len() as u64), (count, count));
    for (sample, held) in notes.0.iter().zip(&held) {
        assert!(sample.end.expect("echoed") >= *held, "faster than the server: {sample:?}");
    }
    (out, notes.0, held)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) / 2]
}

/// Within three digits, as the histogram knows it.
fn agrees(told: Duration, exact: Duration) -> bool {
    (told.as_secs_f64() / exact.as_secs_f64() - 1.0).abs() <= DIGITS
}

/// The numbers of the report are those of the messages, nothing lost or bent on the way.
fn tells_what_it_saw(out: &Measurement, samples: &[Sample]) {
    let times: Vec<_> = samples.iter().map(|sample| sample.end.expect("echoed")).collect();
    assert_eq!(out.times.slowest(), times.iter().max().copied());
    assert_eq!(out.times.fastest(), times.iter().min().copied());
    let told = percentile(&out.times, MEDIAN).expect("enough");
    assert!(agrees(told, median(times)), "{told:?}");
}

#[test]
fn a_constant_delay_is_measured() {
    for (delay, count) in [(5 * MILLI, 40), (20 * MILLI, 10), (100 * MILLI, 4)] {
        let (out, samples, held) = measure(Delaying::start(move |_| delay), count, Pace::Closed);
        tells_what_it_saw(&out, &samples);
        let told = percentile(&out.times, MEDIAN).expect("enough");
        assert!(out.times.fastest() >= Some(delay));
        // The way there and back: 0.1 ms on an idle machine.
        let rest =
            samples.iter().zip(&held).map(|(sample, held)| sample.end.expect("echoed") - *held);
        assert!(told <= median(held.clone()) + median(rest.collect()) + 100 * MILLI, "{told:?}");
    }
}

#[test]
fn two_delays_are_told_apart() {
    // One in ten takes 20 ms longer: p50 knows nothing of it, p99 nothing else.
    let delay = |number| if number % 10 == 9 { 22 * MILLI } else { 2 * MILLI };
    let (out, samples, held) = measure(Delaying::start(delay), 100, Pace::Closed);
    tells_what_it_saw(&out, &samples);
    let told = |one_in| percentile(&out.times, one_in).expect("enough");
    assert!(told(MEDIAN) >= 2 * MILLI && told(100) >= 22 * MILLI.mul_f64(1.0 - DIGITS));
    let slow = samples.iter().filter(|sample| sample.end.expect("echoed") >= 22 * MILLI).count();
    let slowed = held.iter().filter(|held| **held >= 22 * MILLI).count();
    assert!((10..=slow).contains(&slowed), "{slowed} held, {slow} measured");
}

/// The classic lie of closed loops: a stall of the server delays one message,
/// and all those that would have been sent meanwhile are never asked. A planned
/// rate asks them.
#[test]
fn a_stall_is_felt_by_all_who_were_due() {
    let stall = 500 * MILLI;
    let delay = move |number| if number == 20 { stall } else { Duration::ZERO };
    let per_second = 200.0;
    let (out, samples, _) = measure(Delaying::start(delay), 200, Pace::Rate(per_second));
    tells_what_it_saw(&out, &samples);
    let response = out.response.as_ref().expect("a planned rate has response times");
    assert!(response.slowest() >= Some(stall));

    // Whoever was due within the stall waits for its end, however fast its own echo was: the
    // message that is due `n` slots after the stalled one waits 500 ms - 5 ms * n at least.
    let ended = samples[20].at;
    for (sample, slot) in samples.iter().zip(0_u32..).skip(21) {
        let due = Duration::from_secs_f64(f64::from(slot) / per_second);
        let felt = sample.late + sample.end.expect("echoed");
        assert!(felt + 2 * Duration::from_nanos(1) >= ended.saturating_sub(due), "{sample:?}");
    }
    let felt = samples.iter().filter(|sample| sample.late >= 100 * MILLI).count();
    assert!(felt >= 79, "{felt} of the 80 that were due in the first 400 ms");
    // In service time it is one message.
    let slow = |sample: &&Sample| sample.end.expect("echoed") >= stall;
    assert!(samples.iter().filter(slow).count() >= 1);
}
