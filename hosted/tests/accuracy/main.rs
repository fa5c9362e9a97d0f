//! Whether the sockets tell the truth, against servers of known behaviour. That the numbers of a
//! report follow from what they tell is tested on virtual time, with the instruments.
//!
//! A round trip can never be shorter than the server held the message: that is
//! asserted strictly, for every message. How much longer it may be depends on
//! what else the machine does, so a bound is set on the median only, far above
//! what an idle machine shows; `cargo bench -p benchmarks --
//! accuracy` prints the real errors.

mod servers;

use std::net::TcpStream;
use std::time::Duration;

use echo_instruments::load::Observer;
use echo_instruments::measurement::percentiles::{MEDIAN, percentile};
use echo_instruments::measurement::{Measurement, Sample};
use echo_instruments::plan::Plan;
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
fn measure(server: Delaying, count: u64) -> (Measurement, Vec<Sample>, Vec<Duration>) {
    let length = LENGTH as u64;
    let plan = Plan { length, count: Some(count), ..Plan::new() };
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
        let (out, samples, held) = measure(Delaying::start(move |_| delay), count);
        tells_what_it_saw(&out, &samples);
        let told = percentile(&out.times, MEDIAN).expect("enough");
        assert!(out.times.fastest() >= Some(delay));
        // The way there and back: 0.1 ms on an idle machine.
        let rest =
            samples.iter().zip(&held).map(|(sample, held)| sample.end.expect("echoed") - *held);
        assert!(told <= median(held.clone()) + median(rest.collect()) + 100 * MILLI, "{told:?}");
    }
}
