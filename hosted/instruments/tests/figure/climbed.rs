//! Searches that are made up: what a server of a known capacity would have answered.

use std::time::{Duration, SystemTime};

use echo_core::Failure;
use echo_instruments::figure::{Format, encode_search};
use echo_instruments::measurement::times::Times;
use echo_instruments::measurement::{Ended, Measurement, Sample};
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::report::Subject;
use echo_instruments::search::{Goal, Hunt};

/// A server that answers in 60 µs where nothing waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server {
    /// Messages per second that it can answer.
    pub(crate) capacity: f64,
    /// Above this rate it answers one in so many messages with a failure.
    pub(crate) fails: Option<f64>,
    /// The number of the step that somebody disturbs.
    pub(crate) disturbed: Option<usize>,
    /// The number of the step that the user breaks off.
    pub(crate) stopped: Option<usize>,
}

pub(crate) const FAST: Server =
    Server { capacity: 43_000.0, fails: None, disturbed: None, stopped: None };

/// The figure of a search for this goal.
pub(crate) fn figure(server: Server, goal: &str, format: Format, scale: f32) -> Vec<u8> {
    let goal: Goal = goal.parse().expect("a goal");
    let plan = Plan { length: 64, connections: 16, ..Plan::new() };
    let subject = Subject {
        program: "hosted",
        command: "rate",
        name: "192.0.2.7:2333".to_owned(),
        address: ([192, 0, 2, 7], 2333).into(),
        sources: Vec::new(),
        payload: "zero".to_owned(),
        labels: &[],
        hosts: None,
        plan: &plan,
    };
    let mut hunt = Hunt::new(&goal, &plan);
    while let Some(step) = hunt.next() {
        let run = server.answer(&step, hunt.steps().len());
        hunt.tell(step, run);
        assert!(hunt.steps().len() < 60, "no end is in sight");
    }
    encode_search(&subject, &hunt, format, scale).expect("a figure")
}

impl Server {
    fn answer(self, plan: &Plan, number: usize) -> Measurement {
        let (Pace::Rate(rate), Some(time)) = (plan.pace, plan.time) else { panic!("{plan:?}") };
        let mut run = Measurement { response: Some(Times::new()), ..Measurement::new() };
        run.started = SystemTime::UNIX_EPOCH;
        run.elapsed = time;
        let load = rate / self.capacity;
        // A thousand stand for all.
        let sent = (rate * time.as_secs_f64() / load.max(1.0)) as u32;
        let shown = sent.min(2_000);
        let disturbed = self.disturbed == Some(number);
        for n in 0..shown {
            let share = (f64::from(n) + 0.5) / f64::from(shown);
            let wait = if load < 1.0 {
                // Exponential, as of a queue, in an order that looks like none.
                let mixed = (f64::from(n) * 0.618_033_988_75).fract();
                -(1.0 - mixed).ln() * 8e-6 / (1.0 - load) * if disturbed { 200.0 } else { 1.0 }
            } else {
                time.as_secs_f64() * share * (1.0 - 1.0 / load)
            };
            let at = time.mul_f64(share);
            let late = Duration::from_secs_f64(wait);
            let sample = Sample::new(at + late, 0, Ok(Duration::from_micros(60)));
            run.record(&Sample { late, ..sample });
        }
        if load > 1.0 {
            run.unsent = (rate * time.as_secs_f64()) as u64 - u64::from(sent);
            // As many as are shown of those that were sent.
            run.unsent = run.unsent * u64::from(shown) / u64::from(sent.max(1));
        }
        if self.fails.is_some_and(|fails| rate > fails) {
            run.record(&Sample::new(time, 0, Err(Failure::Reset)));
            run.ended = Ended::Failed;
        }
        if self.stopped == Some(number) {
            run.ended = Ended::Stopped;
        }
        run
    }
}
