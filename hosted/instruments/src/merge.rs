//! Reports of several machines, added to one.
//!
//! `leaf` reads what a report tells of a run, `settings` refuses runs that are not of one kind, `report` makes the object
//! of the sum. Text, figure and verdict are those of any run. What the sum is made of stays in it, whole: a merge of
//! merges is that of all their reports, in whatever order.

mod leaf;
mod report;
mod settings;
#[cfg(test)]
mod tests;

use std::io;

use anyhow::{Context, Result};
use serde_json::Value;

use self::leaf::Leaf;
use crate::args::MergeArgs;
use crate::exports::{Exports, Picture};
use crate::measurement::Measurement;
use crate::measurement::together::Together;
use crate::plan::{Pace, Plan};
use crate::quantity;
use crate::report::{Hosts, Layout, Subject, header, text};
use crate::terminal::notes::{note, remark};
use crate::terminal::{streams, width};
use crate::trial::crossed;
use crate::verdict::{Misuse, Verdict};

/// The share of the longest run that all should share.
const ENOUGH: f64 = 0.9;

/// Merges reports, prints the sum and writes its files.
///
/// # Errors
///
/// If a report cannot be read, runs are unlike, or something cannot be written.
pub fn run(args: &MergeArgs) -> Result<Verdict> {
    args.check()?;
    let figure = args.output.as_deref().map(|path| Picture { path, wanted: true });
    let exports = Exports::at(figure, &args.report, None)?;
    let merged = Merged::of(leaf::read(&args.reports)?)?;
    let plan = merged.plan();
    let misfit = args.fail_if.iter().find_map(|condition| condition.misfit(&plan));
    if let Some(misfit) = misfit {
        return Err(Misuse(misfit).into());
    }
    merged.notes().iter().for_each(|text| note(text));
    let subject = merged.subject(&plan);
    let elsewhere = args.report.exports_to_stdout(None);
    let print = |text: &str| match elsewhere {
        true => {
            remark(text);
            Ok(())
        }
        false => streams::print(format!("{text}\n")).context("cannot write to stdout"),
    };
    let sum = &merged.sum;
    let width = if elsewhere { width(io::stderr()) } else { width(io::stdout()) };
    let layout = Layout { width, histogram: args.report.histogram };
    print(&match args.report.json {
        true => format!("{:#}", merged.report()),
        false => format!("{}\n{}", header(&subject, layout), text(&subject, sum, layout)),
    })?;
    let crossed = crossed(&args.fail_if, sum, plan.length);
    let drawn = exports.write(&subject, sum, None, || merged.report())?;
    if let Some(path) = drawn.filter(|_| !args.report.json) {
        print(&format!("figure {}", crate::terminal::escape::shown(&path)))?;
    }
    Ok(if crossed { Verdict::Failed } else { Verdict::Well })
}

/// The object of the sum of these reports.
///
/// # Errors
///
/// If one of them is not whole, or they are of runs that are not alike.
pub fn merge(reports: Vec<Value>) -> Result<Value> {
    let named = (1..).zip(reports).map(|(number, report)| (format!("report {number}"), report));
    Ok(Merged::of(leaf::leaves(named)?)?.report())
}

/// Reports and their sum.
struct Merged {
    /// In the order of their starts.
    leaves: Vec<Leaf>,
    sum: Measurement,
}

impl Merged {
    fn of(mut leaves: Vec<Leaf>) -> Result<Self> {
        settings::check(&leaves)?;
        // Whatever the order of the files, the sum is the same.
        leaves.sort_by_cached_key(|leaf| (leaf.host.run.started, leaf.report.to_string()));
        let started = leaves[0].host.run.started;
        let mut sum = leaves[0].host.run.clone();
        let bounds = sum.within.iter().map(|within| within.bound);
        let in_all = |bound: &_| {
            leaves.iter().all(|leaf| leaf.host.run.within.iter().any(|one| one.bound == *bound))
        };
        let bounds: Vec<_> = bounds.filter(in_all).collect();
        for leaf in &mut leaves {
            let run = &mut leaf.host.run;
            let of = |bound| run.within.iter().find(|within| within.bound == bound).copied();
            run.within = bounds.iter().filter_map(|bound| of(*bound)).collect();
            leaf.host.after = run.started.duration_since(started).unwrap_or_default();
        }
        sum.within.clone_from(&leaves[0].host.run.within);
        for Leaf { host, .. } in &leaves[1..] {
            sum.add(&host.run, host.after);
        }
        let hosts = leaves.iter().map(|leaf| leaf.host.clone()).collect();
        sum.together = Some(Box::new(Together { hosts }));
        Ok(Self { leaves, sum })
    }

    fn together(&self) -> &Together {
        self.sum.together.as_deref().expect("made of several")
    }

    /// The load of all.
    fn plan(&self) -> Plan {
        let first = &self.leaves[0].plan;
        let pace = match first.pace {
            Pace::Rate(each) => Pace::Rate(each * self.leaves.len() as f64),
            pace => pace,
        };
        Plan { pace, ..first.clone() }
    }

    fn subject<'p>(&self, plan: &'p Plan) -> Subject<'p> {
        let first = &self.leaves[0];
        let mut names: Vec<&str> = Vec::new();
        for leaf in &self.leaves {
            if !names.contains(&&*leaf.target) {
                names.push(&leaf.target);
            }
        }
        Subject {
            program: first.program,
            command: first.command,
            name: names.join(" and "),
            address: first.address,
            sources: Vec::new(),
            payload: first.report["config"]["payload"].as_str().unwrap_or_default().to_owned(),
            labels: &[],
            hosts: Some(Hosts {
                count: self.leaves.len() as u64,
                connections: self.leaves.iter().map(|leaf| leaf.connections).sum(),
                one_address: self.leaves.iter().all(|leaf| leaf.address == first.address),
            }),
            plan,
        }
    }

    /// The object for programs.
    fn report(&self) -> Value {
        let plan = self.plan();
        report::report(&self.leaves, &self.subject(&plan), &self.sum)
    }

    /// What a reader of the sum has to know.
    fn notes(&self) -> Vec<String> {
        let mut notes = settings::notes(&self.leaves);
        let cut: Vec<_> = self
            .leaves
            .iter()
            .filter(|leaf| leaf.report["complete"] != true)
            .map(Leaf::called)
            .collect();
        if !cut.is_empty() {
            notes.push(format!("note: cut short: {}", cut.join(", ")));
        }
        let (time, share) = self.together().overlap();
        if time.is_zero() {
            notes.push(
                "note: the runs have no time in common: there is no rate of all, and no time was measured under the \
                 load of all"
                    .into(),
            );
        } else if share < ENOUGH {
            notes.push(format!(
                "note: the runs share only {}, {} of the longest: the rate is of that time, but all other numbers are \
                 also of messages that met a smaller load (--start-at starts runs together)",
                quantity::duration(time),
                quantity::share(share)
            ));
        }
        notes
    }
}
