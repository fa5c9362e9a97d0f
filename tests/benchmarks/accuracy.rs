//! How far from the truth `hosted rate` is: a table for the README.
//!
//! `cargo bench -p benchmarks -- accuracy`, on an idle machine. The same servers of known behaviour
//! are measured twice. On virtual time nothing takes time but they, and an error is the load loop's and the
//! statistics'. In real time they note for how long they held each message, and an error is what the report says
//! beyond that. It contains the way there and back, which no instrument can leave out: the first row, without
//! a delay, shows it.

#[path = "../../hosted/tests/accuracy/servers.rs"]
mod servers;

// The simulation of the instruments' own tests; these need more of it.
#[path = "../../hosted/instruments/tests/simulation/clock.rs"]
mod clock;
#[path = "../../hosted/instruments/tests/simulation/link.rs"]
mod link;
#[path = "../../hosted/instruments/tests/simulation/run.rs"]
#[expect(dead_code)]
mod run;
#[path = "../../hosted/instruments/tests/simulation/server.rs"]
#[expect(dead_code)]
mod server;
#[path = "../../hosted/instruments/tests/simulation/world.rs"]
mod world;

use std::net::TcpStream;
use std::time::Duration;

use echo_instruments::measurement::Measurement;
use echo_instruments::measurement::percentiles::{MEDIAN, P99, percentile};
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::signals::Stop;
use hosted::sockets;

use run::{MILLI, served};
use server::{AT_ONCE, Behaviour};
use servers::{Delaying, LENGTH};
use world::Nature;

pub(crate) fn run() -> anyhow::Result<()> {
    println!("| server | number | true | error on virtual time | in real time | error |");
    println!("|---|---|---|---|---|---|");
    let constant: [(_, _, Delay); 4] = [
        (0, 20_000, |_| Duration::ZERO),
        (5, 400, |_| 5 * MILLI),
        (20, 100, |_| 20 * MILLI),
        (100, 30, |_| 100 * MILLI),
    ];
    for (millis, count, delay) in constant {
        let name = format!("holds every message {millis} ms");
        let table = Table::of(&name, count, CLOSED, delay)?;
        table.row("p50", |held| rank(held, 0.5), |out| percentile(&out.times, MEDIAN));
        table.row("max", |held| rank(held, 1.0), |out| out.times.slowest());
    }
    let two: Delay = |number| if number % 10 == 9 { 20 * MILLI } else { MILLI };
    let table = Table::of("1 ms, one in ten 20 ms", 1_000, CLOSED, two)?;
    table.row("p50", |held| rank(held, 0.5), |out| percentile(&out.times, MEDIAN));
    table.row("p99", |held| rank(held, 0.99), |out| percentile(&out.times, P99));

    // 1000 a second for 5 s: the 500 that are due in the stall feel 500, 499, 498 ... ms of it.
    let stall: Delay = |number| if number == 1_000 { 500 * MILLI } else { Duration::ZERO };
    let name = "one stall of 500 ms, 1000 messages/s";
    let table = Table::of(name, 5_000, Pace::Rate(1_000.0), stall)?;
    table.row("response max", |_| 500 * MILLI, |out| out.felt().slowest());
    table.row("response p99", |_| 450 * MILLI, |out| percentile(out.felt(), P99));
    table.row("service max", |_| 500 * MILLI, |out| out.times.slowest());
    let late = |out: &Measurement| out.late.as_ref().and_then(|late| percentile(late, MEDIAN));
    table.row("sent late p50", |_| Duration::ZERO, late);
    Ok(())
}

/// For how long a server holds each message, by its number.
type Delay = fn(u64) -> Duration;

const CLOSED: Pace = Pace::Closed;

/// One server, measured in both ways.
struct Table<'a> {
    server: &'a str,
    /// On virtual time and in real time: what was measured, and for how long the messages were held, sorted.
    measured: [(Measurement, Vec<Duration>); 2],
}

impl<'a> Table<'a> {
    fn of(server: &'a str, count: u64, pace: Pace, delay: Delay) -> anyhow::Result<Self> {
        let length = LENGTH as u64;
        let plan = Plan { length, count: Some(count), pace, ..Plan::new() };
        let mut measured = [simulated(&plan, count, delay), real(&plan, delay)?];
        measured.iter_mut().for_each(|(_, held)| held.sort_unstable());
        Ok(Self { server, measured })
    }

    fn row(
        &self,
        number: &str,
        truth: impl Fn(&[Duration]) -> Duration,
        told: impl Fn(&Measurement) -> Option<Duration>,
    ) {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let [(_, simulated), (real, error)] = self.measured.each_ref().map(|(out, held)| {
            let told = told(out).map_or(f64::NAN, millis);
            (told, told - millis(truth(held)))
        });
        let truth = millis(truth(&self.measured[1].1));
        let server = self.server;
        println!(
            "| {server} | {number} | {truth:.3} ms | {simulated:+.3} ms | {real:.3} ms | {error:+.3} ms |"
        );
    }
}

fn simulated(plan: &Plan, count: u64, delay: Delay) -> (Measurement, Vec<Duration>) {
    let way = (Duration::ZERO, Duration::ZERO);
    let server = Behaviour { length: LENGTH, service: delay, ..AT_ONCE };
    let out = run::run(Nature { way, ..served(server) }, plan).out;
    (out, (0..count).map(delay).collect())
}

fn real(plan: &Plan, delay: Delay) -> anyhow::Result<(Measurement, Vec<Duration>)> {
    let server = Delaying::start(delay);
    let first = TcpStream::connect(server.address)?;
    first.set_nodelay(true)?;
    let out = sockets::measure(plan, first, &Stop::new()?, &mut |_: &Measurement| {})?;
    Ok((out, server.held()))
}

/// The smallest that `share` of the sorted times do not exceed.
fn rank(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() as f64 * share).ceil() as usize).max(1) - 1]
}
