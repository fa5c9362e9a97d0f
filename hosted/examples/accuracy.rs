//! How far from the truth `hosted rate` is: a table for the README.
//!
//! `cargo run --release -p hosted --example accuracy`, on an idle machine. Servers of known behaviour
//! note for how long they held each message; an error is what the report says beyond that. It contains the
//! way there and back, which no instrument can leave out: the first row, without a delay, shows it.

#[path = "../tests/accuracy/servers.rs"]
mod servers;

use std::net::TcpStream;
use std::time::Duration;

use echo_instruments::measurement::Measurement;
use echo_instruments::measurement::percentiles::{MEDIAN, P99, percentile};
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::signals::Stop;
use hosted::sockets;

use servers::{Delaying, LENGTH};

const MILLI: Duration = Duration::from_millis(1);

fn main() -> anyhow::Result<()> {
    println!("| server | number | true | reported | error |");
    println!("|---|---|---|---|---|");
    for (millis, count) in [(0, 20_000), (5, 400), (20, 100), (100, 30)] {
        let delay = MILLI * millis;
        let (out, held) = measure(count, Pace::Closed, move |_| delay)?;
        let name = format!("holds every message {millis} ms");
        row(&name, "p50", rank(&held, 0.5), percentile(&out.times, MEDIAN));
        row(&name, "max", rank(&held, 1.0), out.times.slowest());
    }
    let two = |number| if number % 10 == 9 { 20 * MILLI } else { MILLI };
    let (out, held) = measure(1_000, Pace::Closed, two)?;
    row("1 ms, one in ten 20 ms", "p50", rank(&held, 0.5), percentile(&out.times, MEDIAN));
    row("1 ms, one in ten 20 ms", "p99", rank(&held, 0.99), percentile(&out.times, P99));

    // 1000 a second for 5 s: the 500 that are due in the stall feel 500, 499, 498 ... ms of it.
    let stall = |number| if number == 1_000 { 500 * MILLI } else { Duration::ZERO };
    let (out, _) = measure(5_000, Pace::Rate(1_000.0), stall)?;
    let name = "one stall of 500 ms, 1000 messages/s";
    row(name, "response max", 500 * MILLI, out.felt().slowest());
    row(name, "response p99", 450 * MILLI, percentile(out.felt(), P99));
    row(name, "service max", 500 * MILLI, out.times.slowest());
    let late = out.late.as_ref().and_then(|late| percentile(late, MEDIAN));
    row(name, "sent late p50", Duration::ZERO, late);
    Ok(())
}

fn measure(
    count: u64,
    pace: Pace,
    delay: impl Fn(u64) -> Duration + Send + 'static,
) -> anyhow::Result<(Measurement, Vec<Duration>)> {
    let server = Delaying::start(delay);
    let length = LENGTH as u64;
    let plan = Plan { length, count: Some(count), pace, ..Plan::new() };
    let first = TcpStream::connect(server.address)?;
    first.set_nodelay(true)?;
    let out = sockets::measure(&plan, first, &Stop::new()?, &mut |_: &Measurement| {})?;
    let mut held = server.held();
    held.sort_unstable();
    Ok((out, held))
}

/// The smallest that `share` of the sorted times do not exceed.
fn rank(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() as f64 * share).ceil() as usize).max(1) - 1]
}

fn row(server: &str, number: &str, truth: Duration, told: Option<Duration>) {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let told = told.map_or(f64::NAN, millis);
    let error = told - millis(truth);
    println!("| {server} | {number} | {:.3} ms | {told:.3} ms | {error:+.3} ms |", millis(truth));
}
