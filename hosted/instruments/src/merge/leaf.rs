//! The report of one run, as it was written, and what it tells of the run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use echo_core::{FailureKind, Tally};
use serde_json::Value;

use crate::measurement::together::{Host, Part};
use crate::measurement::within::Within;
use crate::measurement::{Datagrams, Ended, Measurement};
use crate::plan::{Arrivals, Pace, Plan, Protocol};
use crate::report::{self, distribution, effort, file};
use crate::stack::{Kernel, Stops};
use crate::terminal::escape::{Escaped, shown};
use crate::verdict::Misuse;

/// The report of one run.
pub(super) struct Leaf {
    /// Where it comes from.
    file: String,
    /// The label `host`, otherwise the name of the machine; as it is in the report.
    pub(super) name: String,
    pub(super) report: Value,
    pub(super) program: &'static str,
    pub(super) command: &'static str,
    /// The echo server, as the user called it.
    pub(super) target: String,
    pub(super) address: SocketAddr,
    pub(super) connections: u64,
    /// The load, as far as other runs must have the same.
    pub(super) plan: Plan,
    pub(super) host: Host,
}

/// All runs in these files.
///
/// # Errors
///
/// If one cannot be read, or is not of runs that can be merged.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Leaf>> {
    let read = |path: &PathBuf| Ok((shown(path).to_string(), file::read_or_stdin(path)?));
    let reports: Result<Vec<_>> = paths.iter().map(read).collect();
    leaves(reports?.into_iter())
}

/// All runs in these reports, each with where it comes from.
///
/// # Errors
///
/// If one is not whole, or not of a run that can be merged.
pub(super) fn leaves(reports: impl Iterator<Item = (String, Value)>) -> Result<Vec<Leaf>> {
    let mut out = Vec::new();
    for (file, mut report) in reports {
        match report.get_mut("hosts").map(Value::take) {
            Some(Value::Array(hosts)) => {
                for mut host in hosts {
                    if let Some(fields) = host.as_object_mut() {
                        fields.shift_remove("name");
                    }
                    out.push(Leaf::of(file.clone(), host)?);
                }
            }
            _ => out.push(Leaf::of(file, report)?),
        }
    }
    if out.is_empty() {
        bail!("cannot merge nothing: the reports are of no host");
    }
    Ok(out)
}

impl Leaf {
    fn of(file: String, report: Value) -> Result<Self> {
        let refused = |why: &str| Err(Misuse(format!("cannot merge {file}: {why}")).into());
        if !report["search"].is_null() {
            return refused("a search is of many rates; merge runs of one");
        }
        if report.get("runs").is_some() {
            return refused("its runs are one after another (--repeat); merge single runs");
        }
        if report["service_ns"].get("histogram").is_none() {
            return refused(
                "it has no histogram (reports have one since `merge` exists; measure again)",
            );
        }
        let parsed = Parsed(&report);
        parsed.leaf(&file).map_err(|error| anyhow!("cannot merge {file}: {error}"))
    }

    /// Where it comes from, as people are told.
    pub(super) fn called(&self) -> String {
        format!("{} ({})", self.file, self.host.name)
    }
}

/// A report that is read field by field.
struct Parsed<'a>(&'a Value);

impl Parsed<'_> {
    fn at(&self, place: &str) -> &Value {
        self.0.pointer(place).unwrap_or(&Value::Null)
    }

    fn count(&self, place: &str) -> Result<u64> {
        let count = self.at(place).as_u64().filter(|count| *count <= LARGEST);
        count.ok_or_else(|| anyhow!("it has no {place} that is a count"))
    }

    fn text(&self, place: &str) -> Result<&str> {
        self.at(place).as_str().ok_or_else(|| anyhow!("it has no {place} that is a text"))
    }

    fn seconds(&self, place: &str) -> Result<Duration> {
        let seconds = self.at(place).as_f64();
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let time = time.filter(|time| *time <= LONGEST);
        time.ok_or_else(|| anyhow!("it has no {place} that is a time"))
    }

    fn nanos(&self, place: &str) -> Result<Duration> {
        let nanos = self.at(place).as_u64().map(Duration::from_nanos);
        nanos.ok_or_else(|| anyhow!("it has no {place} that is a time"))
    }

    /// What is read there, unless there is nothing.
    fn optional<T>(&self, place: &str, read: impl FnOnce(&str) -> Result<T>) -> Result<Option<T>> {
        if self.at(place).is_null() { Ok(None) } else { read(place).map(Some) }
    }

    fn leaf(&self, file: &str) -> Result<Leaf> {
        let known = |place, all: &[&'static str]| {
            let name = self.text(place)?;
            let found = all.iter().find(|one| **one == name).copied();
            found.ok_or_else(|| anyhow!("it is of another {place}"))
        };
        let name = self.at("/labels/host").as_str().map_or_else(|| self.text("/host"), Ok)?;
        let ip = self.text("/target/ip")?;
        let ip = ip.split('%').next().unwrap_or_default().parse();
        let ip = ip.map_err(|_| anyhow!("it has no /target/ip that is an address"))?;
        let port = self.count("/target/port")? as u16;
        Ok(Leaf {
            file: file.to_owned(),
            name: name.to_owned(),
            report: self.0.clone(),
            program: known("/tool", &["hosted", "tap-demo"])?,
            command: known("/command", &["rate", "fail-rate"])?,
            target: Escaped(self.text("/target/name")?.as_bytes()).to_string(),
            address: SocketAddr::new(ip, port),
            connections: self.count("/config/connections")?,
            plan: self.plan()?,
            host: Host {
                name: Escaped(name.as_bytes()).to_string(),
                after: Duration::ZERO,
                run: self.run()?,
                rate: self.at("/messages_per_s").as_f64(),
                limits: self.optional("/self/limited_by", |place| self.limits(place))?,
                wrong: self.wrong()?,
                course: self.course(),
            },
        })
    }

    fn plan(&self) -> Result<Plan> {
        let pace = match self.text("/config/pace")? {
            "closed" => Pace::Closed,
            "interval" => Pace::Interval(self.seconds("/config/interval_s")?),
            _ => {
                let rate = self.at("/config/rate_per_s").as_f64();
                Pace::Rate(rate.ok_or_else(|| anyhow!("it has no /config/rate_per_s"))?)
            }
        };
        let poisson = self.at("/config/arrivals") == "poisson";
        Ok(Plan {
            protocol: self.protocol(),
            length: self.count("/config/message_bytes")?,
            limit: self.optional("/config/timeout_s", |place| self.seconds(place))?,
            arrivals: if poisson { Arrivals::Poisson { seed: 0 } } else { Arrivals::Even },
            per_message: self.at("/config/connection_per_message") == true,
            reset: self.at("/config/reset") == true,
            omit: self.seconds("/config/omit_s")?,
            pace,
            ..Plan::new()
        })
    }

    fn protocol(&self) -> Protocol {
        if self.at("/target/protocol") == Protocol::Udp.as_str() {
            Protocol::Udp
        } else {
            Protocol::Tcp
        }
    }

    fn run(&self) -> Result<Measurement> {
        let times = |place: &str| {
            distribution::read(self.at(place)).map_err(|error| anyhow!("{place}: {error}"))
        };
        let started = humantime::parse_rfc3339(self.text("/started")?);
        let waiting = self.count("/under_way/messages")?;
        let longest = self.optional("/under_way/longest_ns", |place| self.nanos(place))?;
        // Reports that are older than a kind of failure have none of it.
        let failed = |kind| {
            self.optional(&format!("/failed/{}", report::key(kind)), |place| self.count(place))
        };
        let failed: Result<Vec<_>> = FailureKind::ALL.into_iter().map(failed).collect();
        let failed = failed?;
        let failed = |kind: FailureKind| failed[kind as usize].unwrap_or_default();
        let mut out = Measurement {
            started: started.map_err(|_| anyhow!("it has no /started that is a time"))?,
            elapsed: self.seconds("/elapsed_s")?,
            ended: if self.at("/complete") == true { Ended::AsPlanned } else { Ended::Stopped },
            tally: Tally::of(self.count("/echoed")?, failed),
            datagrams: match self.protocol() {
                Protocol::Tcp => None,
                Protocol::Udp => Some(self.datagrams()?),
            },
            // The longest of them and their number are all that is ever told.
            under_way: vec![longest.unwrap_or_default(); waiting.min(MOST) as usize],
            closed_while_idle: self.count("/closed_while_idle")?,
            interrupted: self.count("/interrupted/messages")?,
            stops: Stops {
                times: self.count("/interrupted/stops")?,
                total: self.nanos("/interrupted/stopped_ns")?,
            },
            times: times("/service_ns")?,
            response: self.optional("/response_ns", times)?,
            late: self.optional("/late_ns", times)?,
            connecting: self.optional("/connect_ns", times)?,
            unsent: self.count("/unsent")?,
            omitted: self.count("/omitted")?,
            kernel: self.optional("/tcp_info", |_| self.kernel())?,
            ..Measurement::new()
        };
        if out.sent() != self.count("/sent")? {
            bail!("its counts contradict each other");
        }
        let within = self.at("/within").as_array().into_iter().flatten().map(|within| {
            let number = |key| Parsed(within).count(key);
            let bound = Parsed(within).nanos("/bound_ns")?;
            Ok(Within::known_as(bound, number("/messages")?, &out))
        });
        out.within = within.collect::<Result<_>>()?;
        Ok(out)
    }

    /// Those that are lost are the others of those that timed out.
    fn datagrams(&self) -> Result<Datagrams> {
        Ok(Datagrams {
            late: self.count("/datagrams/overdue")?,
            duplicated: self.count("/datagrams/duplicated")?,
            reordered: self.optional("/datagrams/reordered", |place| self.count(place))?,
            crossed: self.count("/datagrams/crossed")?,
            foreign: self.count("/datagrams/foreign")?,
            dropped_here: self.optional("/datagrams/dropped_here", |place| self.count(place))?,
        })
    }

    fn kernel(&self) -> Result<Kernel> {
        let micros = |place: &str| self.count(place).map(Duration::from_micros);
        Ok(Kernel {
            retransmits: self.count("/tcp_info/retransmits")?,
            srtt: micros("/tcp_info/srtt_us")?,
            min_rtt: self.optional("/tcp_info/min_rtt_us", micros)?,
        })
    }

    fn limits(&self, place: &str) -> Result<Vec<crate::measurement::effort::Limit>> {
        let names = self.at(place).as_array().into_iter().flatten();
        let limits = names.map(|name| name.as_str().and_then(effort::named));
        limits.map(|limit| limit.ok_or_else(|| anyhow!("{place} has an unknown limit"))).collect()
    }

    fn wrong(&self) -> Result<Vec<(String, u64)>> {
        let sorts = self.at("/wrong").as_array().into_iter().flatten();
        let sort = |sort| {
            let what = Escaped(Parsed(sort).text("/what")?.as_bytes()).to_string();
            Ok((what, Parsed(sort).count("/messages")?))
        };
        sorts.map(sort).collect()
    }

    /// Parts without a rate, which are of no length, are none.
    fn course(&self) -> Vec<Part> {
        let intervals = self.at("/intervals").as_array().into_iter().flatten();
        let part = |interval: &Value| {
            let number = |key: &str| interval[key].as_f64();
            Some(Part {
                time: [number("start_s")?, number("end_s")?],
                rate: number("messages_per_s")?,
                failed: interval["failed"].as_u64()? > 0,
                percentiles: [number("p50_ns"), number("p99_ns")],
            })
        };
        intervals.filter_map(part).collect()
    }
}

/// The largest count: up to it all readers of JSON are exact, and sums of many fit.
const LARGEST: u64 = 1 << 53;

/// The longest run, which is a century.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// No run has so many messages in flight at its end.
const MOST: u64 = 1 << 20;
