//! How often `hosted compare` alarms where nothing has changed, and how often it finds what has.
//!
//! Each comparison measures anew, first one side and then the other, five short runs each over connections of their
//! own. The server echoes at once, or spins before each echo for a tenth of the round trip. Where the system places them a run is
//! three times as slow as another by chance, and that must not pass for a change. On one processor runs scatter least, so that it
//! shows; with a processor for each end, whose waking takes now more time and now less, a tenth is less than the chance of so short runs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use echo_instruments::compare;
use echo_instruments::load;
use echo_instruments::measurement::Measurement;
use echo_instruments::measurement::percentiles::{MEDIAN, P99, percentile};
use echo_instruments::plan::Plan;
use echo_instruments::report::{self, Subject};
use echo_instruments::signals::Stop;
use hosted::sockets::Sockets;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::Value;

use crate::effort::Effort;
use crate::load::LENGTH;
use crate::process::{CLIENT, SERVER};

/// Runs a side, as the README advises.
const RUNS: u16 = 5;

/// How long a run goes on.
const TIME: Duration = Duration::from_millis(100);

/// The default threshold of `hosted compare`, in per cent.
const THRESHOLD: f64 = 5.0;

/// How long all comparisons take.
const ALL: Duration = Duration::from_secs(70);

pub(crate) fn run(effort: &Effort) -> Result<String> {
    let everywhere = sched_getaffinity(None)?;
    let [one, other] = [CLIENT, SERVER].map(|number| {
        let mut set = CpuSet::new();
        set.set(number);
        set
    });
    let mut text = format!(
        "### `compare`\n\nHow often it alarms, with {RUNS} runs of {} ms on either side, where nothing has changed and where the server was made slower. How small a \
         change it finds depends on how far runs scatter, which the last column tells.\n\n\
         | programs | true change | comparisons | alarms | of one run a side | p50, p99 and rate vary by |\n|---|---|---|---|---|---|\n",
        TIME.as_millis()
    );
    // The comparisons of like programs are many: an alarm among them is rare.
    for (name, places, slower, share) in [
        ("where the system puts them", [everywhere; 2], 0.0, 0.35),
        ("on one processor", [one; 2], 0.0, 0.35),
        ("on one processor", [one; 2], 0.1, 0.2),
        ("on a processor each", [one, other], 0.1, 0.1),
    ] {
        sched_setaffinity(None, &places[1])?;
        let server = Server::start(effort.time(TIME))?;
        sched_setaffinity(None, &places[0])?;
        let end = Instant::now() + effort.time(ALL).mul_f64(share);
        text += &row(effort, name, &server, slower, end)?;
        sched_setaffinity(None, &everywhere)?;
    }
    effort.tell("");
    Ok(text)
}

/// Compares again and again until the time is over.
fn row(effort: &Effort, name: &str, server: &Server, slower: f64, end: Instant) -> Result<String> {
    let first = server.measure()?;
    let usual = percentile(first.felt(), MEDIAN).context("no echo came back")?;
    let (mut count, mut alarms, mut single) = (0, 0, 0);
    let mut all = Vec::new();
    while count == 0 || Instant::now() < end {
        let before = server.measure()?;
        server.spin(usual.mul_f64(slower));
        let after = server.measure()?;
        server.spin(Duration::ZERO);
        let reports = [&before, &after].map(|sum| server.report(sum));
        count += 1;
        alarms += u32::from(alarm(&reports, usize::from(RUNS))?);
        single += u32::from(alarm(&reports, 1)?);
        all.extend(before.runs);
        effort.tell(&format!("{name}, {:+.0} %: {alarms} of {count} alarm", slower * 100.0));
    }
    let micros = |one_in| {
        move |run: &Measurement| percentile(run.felt(), one_in).map(|time| time.as_secs_f64())
    };
    let varies = [
        variation(&all, micros(MEDIAN)),
        variation(&all, micros(P99)),
        variation(&all, Measurement::messages_per_second),
    ];
    Ok(format!(
        "| {name} | {:+.0} % | {count} | {} | {} | {} |\n",
        slower * 100.0,
        told(alarms, count),
        told(single, count),
        varies.map(|share| format!("{:.1} %", share * 100.0)).join(", ")
    ))
}

/// Whether the first runs of both reports pass for worse.
fn alarm(reports: &[Value; 2], runs: usize) -> Result<bool> {
    let sides = reports.each_ref().map(|report| -> Vec<&Value> {
        report["runs"].as_array().into_iter().flatten().take(runs).collect()
    });
    Ok(compare::judge(&sides, THRESHOLD)?.is_alarm())
}

fn told(alarms: u32, count: u32) -> String {
    format!("{alarms} ({:.1} %)", f64::from(alarms) / f64::from(count) * 100.0)
}

/// The deviation from run to run as a share of the mean.
fn variation(runs: &[Measurement], number: impl Fn(&Measurement) -> Option<f64>) -> f64 {
    let values: Vec<_> = runs.iter().filter_map(number).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (n - 1.0)).sqrt() / mean
}

/// The plainest server, which can be made slower.
struct Server {
    address: SocketAddr,
    /// Nanoseconds before each echo.
    spin: Arc<AtomicU64>,
    /// How long a run goes on.
    time: Duration,
}

impl Server {
    fn start(time: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let spin = Arc::new(AtomicU64::new(0));
        let shared = spin.clone();
        // It ends with the program.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                _ = echo(stream, &shared);
            }
        });
        Ok(Self { address, spin, time })
    }

    fn spin(&self, time: Duration) {
        self.spin.store(time.as_nanos() as u64, Ordering::Relaxed);
    }

    fn plan(&self) -> Plan {
        let (length, time) = (LENGTH as u64, Some(self.time));
        // Its beginning is left out.
        Plan { length, time, omit: self.time / 10, repeat: RUNS, ..Plan::new() }
    }

    /// A series of runs.
    fn measure(&self) -> Result<Measurement> {
        let plan = self.plan();
        let first = TcpStream::connect(self.address)?;
        let mut sockets = Sockets::new(&plan, first.into())?;
        Ok(load::repeat(&plan, &mut sockets, &Stop::new()?, &mut |_: &Measurement| {})?)
    }

    fn report(&self, sum: &Measurement) -> Value {
        let plan = self.plan();
        let subject = Subject {
            program: "hosted",
            command: "rate",
            name: String::new(),
            address: self.address,
            sources: Vec::new(),
            payload: "zero".into(),
            labels: &[],
            hosts: None,
            plan: &plan,
        };
        report::json(&subject, sum)
    }
}

fn echo(mut stream: TcpStream, spin: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut message = [0; LENGTH];
    loop {
        stream.read_exact(&mut message)?;
        let until = Instant::now() + Duration::from_nanos(spin.load(Ordering::Relaxed));
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        stream.write_all(&message)?;
    }
}
