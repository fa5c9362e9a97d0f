//! How far from the truth `hosted rate` is.
//!
//! Servers of known behaviour note for how long they held each message, and an error is what the report says beyond
//! that. It contains the way there and back, which no instrument can leave out: the first row, without a
//! delay, shows it. That there is no other error is tested on virtual time, with the instruments.

#[path = "../../hosted/tests/accuracy/servers.rs"]
mod servers;

use std::time::Duration;

use anyhow::{Context, Result};
use echo_instruments::measurement::Measurement;
use echo_instruments::measurement::percentiles::{MEDIAN, P99, percentile};
use echo_instruments::plan::{Pace, Plan};

use self::servers::{Delaying, LENGTH};
use crate::effort::Effort;
use crate::load::offer;
use crate::process::{CLIENT, pin};
use crate::sheet::{Sheet, Unit};

const MILLI: Duration = Duration::from_millis(1);

/// How many messages are sent to a server, at which pace, and for how long it holds each, by its number among so many.
type Held = (u64, Pace, fn(u64, u64) -> Duration);

const SERVERS: [Held; 6] = [
    (10_000, Pace::Closed, |_, _| Duration::ZERO),
    (200, Pace::Closed, |_, _| 5 * MILLI),
    (50, Pace::Closed, |_, _| 20 * MILLI),
    (20, Pace::Closed, |_, _| 100 * MILLI),
    (1_000, Pace::Closed, |number, _| if number % 10 == 9 { 20 * MILLI } else { MILLI }),
    // 5 s: the 500 that are due in the stall feel 500, 499, 498 ... ms of it.
    (5_000, Pace::Rate(1_000.0), |number, of| {
        if number == of / 5 { stall(of as usize) } else { Duration::ZERO }
    }),
];

/// The stall of a run of so many messages, one each millisecond: of however few, one in ten is due in it.
fn stall(messages: usize) -> Duration {
    MILLI * (messages / 10) as u32
}

/// What of it is known: the server, and what is true, by the sorted times for which it held messages; what is told.
type Known =
    (&'static str, usize, fn(&[Duration]) -> Duration, fn(&Measurement) -> Option<Duration>);

const KNOWN: [Known; 10] = [
    ("holds each message 0 ms: p50", 0, half, |out| percentile(&out.times, MEDIAN)),
    ("each 5 ms: p50", 1, half, |out| percentile(&out.times, MEDIAN)),
    ("each 20 ms: p50", 2, half, |out| percentile(&out.times, MEDIAN)),
    ("each 100 ms: p50", 3, half, |out| percentile(&out.times, MEDIAN)),
    ("1 ms, but one in ten 20 ms: p50", 4, half, |out| percentile(&out.times, MEDIAN)),
    (
        "1 ms, but one in ten 20 ms: p99",
        4,
        |held| rank(held, 0.99),
        |out| percentile(&out.times, P99),
    ),
    (
        "1000 messages/s, of which one in ten is due in one stall: service max",
        5,
        |held| rank(held, 1.0),
        |out| out.times.slowest(),
    ),
    ("the same stall: response max", 5, |held| stall(held.len()), |out| out.felt().slowest()),
    (
        "the same stall: response p99",
        5,
        |held| stall(held.len()) - MILLI * (held.len() / 100) as u32,
        |out| percentile(out.felt(), P99),
    ),
    (
        "the same stall: sent late, p50",
        5,
        |_| Duration::ZERO,
        |out| percentile(out.late.as_ref()?, MEDIAN),
    ),
];

pub(crate) fn run(effort: &Effort) -> Result<String> {
    let columns = [("true", Unit::Time), ("`rate` says", Unit::Time), ("error", Unit::Error)];
    let mut sheet =
        Sheet::new("server, number", KNOWN.map(|(name, ..)| name), &columns).without_ratios();
    pin(CLIENT)?;
    effort.rounds(5, SERVERS.len(), |turns| {
        for &number in turns {
            let (count, pace, delay) = SERVERS[number];
            let count = effort.count(count);
            let server = Delaying::start(move |number| delay(number, count));
            let plan = Plan { length: LENGTH as u64, count: Some(count), pace, ..Plan::new() };
            let out = offer(server.address, &plan)?;
            let mut held = server.held();
            held.sort_unstable();
            for (row, (name, _, truth, told)) in
                KNOWN.into_iter().enumerate().filter(|(_, it)| it.1 == number)
            {
                let [truth, told] = [truth(&held), told(&out).context(name)?];
                let [truth, told] = [truth, told].map(|time| time.as_secs_f64());
                for (column, value) in [truth, told, told - truth].into_iter().enumerate() {
                    sheet.note(row, column, value);
                }
            }
        }
        Ok(())
    })?;
    Ok(format!(
        "### Accuracy\n\nServers of known behaviour note how long they held each message. Both ends are on one processor, where waking up takes the least. The error includes the way there and back, which the first row shows, and \
         in the p99 of the stall fifty of them, because what waited is sent one after another; percentiles have three digits. \
         On virtual time, where nothing else takes any, the tests find no other error.\n\n{sheet}"
    ))
}

/// Half of them are not above it.
fn half(sorted: &[Duration]) -> Duration {
    rank(sorted, 0.5)
}

/// The smallest that `share` of the sorted times do not exceed.
fn rank(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() as f64 * share).ceil() as usize).max(1) - 1]
}
