//! The list of cases, over any stack.

use clap::Parser;
use echo_cases::Needs;
use echo_instruments::args::CheckArgs;
use echo_instruments::check::{Check, Outcome, Record};
use echo_instruments::signals::Stop;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    args: CheckArgs<()>,
}

/// Carries out the cases that these flags choose: `over` lets the check run over a stack that
/// reaches such a server.
pub(crate) fn carry_out(flags: &str, mut over: impl FnMut(Needs, &mut Check<'_>)) -> Vec<Record> {
    // No line is printed.
    let words = ["check", "--json"].into_iter().chain(flags.split_whitespace());
    let Flags { args } = Flags::parse_from(words);
    let stop = Stop::new().expect("a descriptor");
    let mut check = Check::new(&args, &stop).expect("cases").unpaced();
    for needs in check.servers() {
        over(needs, &mut check);
    }
    check.records().to_vec()
}

/// All cases, our own rules too. All pass but those that the stack cannot carry out.
pub(crate) fn all_pass(cannot: &[&str], over: impl FnMut(Needs, &mut Check<'_>)) {
    let records = carry_out("--ours --timeout 60", over);
    let wrong: Vec<_> = records
        .iter()
        .filter(|record| match record.outcome {
            Outcome::Pass(_) => cannot.contains(&record.name),
            Outcome::Skip(_) => !cannot.contains(&record.name),
            Outcome::Fail(_) => true,
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(records.len(), echo_cases::cases().count());
}
