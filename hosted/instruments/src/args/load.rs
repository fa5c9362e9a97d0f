//! The flags that say what load to offer, and what becomes of it: those of `rate` and `fail-rate`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use super::fitting::fits;
use super::time::{interval, run_time, within};
use super::{
    Content, DURATION, LOAD, Label, OUTPUT, PACE, PLANNED, ReportArgs, SpacingArgs, VERDICT,
};
use crate::bound::Condition;
use crate::datagrams;
use crate::plan::{Pace, Plan, Protocol};
use crate::quantity::given::{self, Limit, Rate, Spin, Time, count, length};
use crate::start::StartAt;
use crate::verdict::Misuse;

/// Flags that `rate` and `fail-rate` share: what load to offer.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Stop after N messages
    ///
    /// Stop after this many messages. Without --count and --time, run until Ctrl+C.
    #[arg(short, long, value_name = "N", value_parser = count, help_heading = DURATION)]
    pub count: Option<u64>,

    /// Stop after TIME
    ///
    /// Start no message after this time; those in flight may still be answered. Without --count and
    /// --time, run until Ctrl+C.
    #[arg(short, long, value_name = "TIME", value_parser = run_time, help_heading = DURATION)]
    pub time: Option<Time>,

    /// Leave out the first TIME (warm-up)
    ///
    /// Do not count the messages of this time at the start (warm-up). --time and --count begin at
    /// its end.
    #[arg(short = 'O', long, value_name = "TIME", default_value = "0", help_heading = DURATION)]
    pub omit: Time,

    /// Begin at TIME: 12:00:00, 2030-01-31T12:00:00Z
    ///
    /// Begin at this time, so that several machines begin together: a time of this day in UTC (12:00:00), one of
    /// RFC 3339 (2030-01-31T12:00:00Z, also with an offset), or seconds since 1970 (@1896091200). Over TCP it
    /// connects to the server at once, to see that it is there, and again shortly before the start. It also says how far the kernel
    /// trusts its clock, and how late the start was. Ctrl+C ends the wait with exit code 130.
    #[arg(long, value_name = "TIME", help_heading = DURATION)]
    pub start_at: Option<StartAt>,

    /// Measure K times, over new connections each
    ///
    /// Measure this many times, 1 to 100, each time over connections and local ports of its own, and
    /// report how far the runs differ: two runs of the same thing are not quite alike. --time, --count
    /// and --omit are those of each run, one of the first two is needed; all other numbers, and
    /// --fail-if, are about all runs together.
    #[arg(long, value_name = "K", default_value_t = 1, help_heading = DURATION,
          value_parser = given::within::<u16>(1..=100))]
    pub repeat: u16,

    /// Start a message every TIME on each connection
    ///
    /// Start a message on each connection at this interval, instead of as soon as the last echo is
    /// back. A message that is due while its connection is busy is skipped; --rate sends it late.
    #[arg(short, long, value_name = "TIME", conflicts_with = "rate", value_parser = interval,
          help_heading = PACE)]
    pub interval: Option<Time>,

    /// Start N messages per second, on a schedule
    ///
    /// Open loop: start N messages per second over all connections on a fixed schedule, whatever
    /// comes back. A message that is due while its connection is busy waits. Times are reported
    /// from the send (service) and from when the message was due (response), so that a stall shows
    /// in every message that it delayed.
    #[arg(short = 'R', long, value_name = "N", group = PLANNED, help_heading = PACE)]
    pub rate: Option<Rate>,

    /// How the messages of a planned rate follow each other.
    #[command(flatten)]
    pub spacing: SpacingArgs,

    /// Use N connections
    ///
    /// Use this many connections at once, 1 to 16384, each with one message in flight at most.
    #[arg(short = 'P', long, value_name = "N", default_value_t = 1, help_heading = LOAD,
          value_parser = given::within::<u16>(1..=16384))]
    pub parallel: u16,

    /// Measure UDP: each message is a datagram
    ///
    /// Measure the UDP service. Each message is a datagram, and each connection a local port, or
    /// several in turn where all messages are alike. An echo that is not back after --timeout has failed,
    /// which does not end the run: it is lost, or overdue if it comes later. With --rate any number is in
    /// flight.
    #[arg(short, long, conflicts_with_all = ["crr", "follow"], help_heading = LOAD)]
    pub udp: bool,

    /// Send messages of this length
    ///
    /// The length of a message, up to 1GiB; with --udp 0 to 65507.
    #[arg(short, long, value_name = "BYTES", default_value_t = 1000, value_parser = length,
          help_heading = LOAD)]
    pub length: u64,

    /// Open a connection for each message
    ///
    /// Open a connection for each message (connect, request, response): opening it is part of the
    /// message's time. Each leaves a local port in TIME-WAIT; see --reset.
    #[arg(long, help_heading = LOAD)]
    pub crr: bool,

    /// With --crr, close with a reset: no TIME-WAIT
    ///
    /// Close each connection of --crr with a reset. No local port stays in TIME-WAIT, but the server
    /// sees an abort instead of a close.
    #[arg(long, requires = "crr", help_heading = LOAD)]
    pub reset: bool,

    /// Give up after TIME [default: 10; UDP: 1]
    ///
    /// The time limit for opening a connection and for each round trip. 0 or negative: none; --udp needs one
    /// [default: 10; with --udp 1].
    #[arg(long, value_name = "TIME", help_heading = LOAD)]
    pub timeout: Option<Limit>,

    /// Busy-wait for echoes [for TIME]
    ///
    /// Busy-wait for echoes instead of sleeping: shorter round trips, but a busy processor. With
    /// TIME, sleep after that long.
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = Spin::ALWAYS,
          help_heading = LOAD)]
    pub spin: Option<Spin>,

    /// Say how many messages came back within TIME
    ///
    /// Report the share of all messages that came back within this time, with its confidence interval;
    /// failed messages did not. With --rate it is that of responses. May be repeated.
    #[arg(long, value_name = "TIME", value_parser = within, help_heading = OUTPUT)]
    pub within: Vec<Time>,

    /// Say where the time of a round trip goes (Linux)
    ///
    /// Follow one message in a hundred, or about one every 10 ms if that is more, through the kernel, and divide its
    /// round trip into the time to send it, from kernel to kernel (the way and the peer), and to wake up
    /// and read the echo. The other messages cost what they always cost. For Linux's own TCP only.
    #[arg(long = "where", conflicts_with = "crr", help_heading = OUTPUT)]
    pub follow: bool,

    /// Label the run in its files, like host=north-3
    ///
    /// Add a label, like host=north-3, to the JSON, to the tags of the HdrHistogram log, and as a column to
    /// the rows of messages. `hosted merge` calls a run by its label `host`, otherwise by the name of its
    /// machine. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", help_heading = OUTPUT)]
    pub label: Vec<Label>,

    /// The report.
    #[command(flatten)]
    pub report: ReportArgs,

    /// Write a row for each message to FILE
    ///
    /// Write a row for each message to this file while the run goes on, to FILE.*.part until it is
    /// whole. A row costs some 0.2 µs. With `-` they go to stdout, and the report to stderr.
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub export_csv: Option<PathBuf>,

    /// Exit with 1 if BOUND holds, like 'p99>2ms'
    ///
    /// Exit with 1 if this holds: 'p99>2ms', 'rate<90M', 'messages<5k', 'fail>0.1%', 'unsent>1%',
    /// 'late>1ms', 'within 1ms<99%', limited. May be repeated. Quote it: > and < are the shell's.
    ///
    /// Times are min, avg, max, p50, p75, p90, p95, p99, p99.9, p99.99 and p99.999; with --rate, of the
    /// response, and 'service p99>1ms' bounds the others. Percentiles count failed messages as infinitely
    /// late: a server that drops what would take long is not fast. min, avg and max are of what came back.
    /// `rate` is in bit/s, `messages` is per second, `fail`, `unsent` and `within` are shares, `late` is
    /// the p99 of how late messages were sent. With --udp, `lost`, `overdue`, `cut`, `duplicated`,
    /// `reordered`, `crossed` (on another connection) and `foreign` (from another address) are shares,
    /// too: 'lost>1%'. `limited` holds if this instrument, or its machine, was the limit, and not the
    /// server.
    #[arg(long, value_name = "BOUND", help_heading = VERDICT)]
    pub fail_if: Vec<Condition>,
}

impl LoadArgs {
    /// The load; with `keep_going` it reopens the connection after a failure.
    ///
    /// # Errors
    ///
    /// If the payload cannot be read, or two results would go to stdout.
    pub fn plan(&self, content: &Content, keep_going: bool) -> Result<Plan> {
        self.report.one_on_stdout(self.export_csv.as_deref())?;
        Label::differ(&self.label)?;
        let pace = self.pace();
        self.each_ends()?;
        let limit = self.limit();
        fits(self.udp, self.length, limit)?;
        Ok(Plan {
            protocol: if self.udp { Protocol::Udp } else { Protocol::Tcp },
            connections: self.parallel,
            payload: content.read(self.length)?,
            length: self.length,
            limit,
            pace,
            arrivals: self.spacing.arrivals(pace)?,
            follows: self.follow,
            per_message: self.crr,
            reset: self.reset,
            omit: self.omit.0,
            spin: self.spin.map_or(Duration::ZERO, |Spin(spin)| spin),
            count: self.count,
            time: self.time.map(|time| time.0),
            repeat: self.repeat,
            keep_going,
            within: self.bounds(),
        })
    }

    /// The time limit of a message. Over UDP it is short: what is lost is sent by nobody again, and holds up a
    /// closed loop for all of it.
    fn limit(&self) -> Option<Duration> {
        let default = if self.udp { datagrams::PATIENCE } else { Duration::from_secs(10) };
        self.timeout.map_or(Some(default), |Limit(limit)| limit)
    }

    /// The times that messages are to come back within, for the report and for conditions.
    fn bounds(&self) -> Vec<Duration> {
        let conditions = self.fail_if.iter().filter_map(Condition::within);
        let mut bounds: Vec<_> = self.within.iter().map(|Time(bound)| *bound).collect();
        for bound in conditions {
            if !bounds.contains(&bound) {
                bounds.push(bound);
            }
        }
        bounds
    }

    fn each_ends(&self) -> Result<()> {
        if self.repeat > 1 && self.time.is_none() && self.count.is_none() {
            bail!(Misuse(
                "--repeat needs --time or --count: without them the first run has no end".into()
            ));
        }
        Ok(())
    }

    fn pace(&self) -> Pace {
        match (self.interval, self.rate) {
            (Some(Time(interval)), _) => Pace::Interval(interval),
            (None, Some(Rate(per_second))) => Pace::Rate(per_second),
            (None, None) => Pace::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        load: LoadArgs,
    }

    #[test]
    fn a_lost_datagram_is_given_up_soon_unless_a_limit_is_given() {
        for (flags, seconds) in [
            (&["rate"][..], Some(10)),
            (&["rate", "-u"], Some(1)),
            (&["rate", "--timeout", "3"], Some(3)),
            (&["rate", "-u", "--timeout", "3"], Some(3)),
            (&["rate", "--timeout=-1"], None),
        ] {
            let Flags { load } = Flags::parse_from(flags);
            let plan = load.plan(&Content::Zero, false).expect("it fits");
            assert_eq!(plan.limit, seconds.map(Duration::from_secs), "{flags:?}");
        }
    }
}
