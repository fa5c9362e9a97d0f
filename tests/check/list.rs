//! The list of cases, over any stack.

use std::net::SocketAddr;

use clap::Parser;
use echo_cases::Needs;
use echo_instruments::args::CheckArgs;
use echo_instruments::check::datagrams::{self, Server, Unconnected, reach};
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

/// Carries out the cases of UDP that these flags choose, with the server at this address.
pub(crate) fn carry_out_udp(
    flags: &str,
    server: SocketAddr,
    sockets: &mut impl Unconnected,
) -> Vec<Record> {
    let words = ["check", "--udp", "--json"].into_iter().chain(flags.split_whitespace());
    let Flags { args } = Flags::parse_from(words);
    let stop = Stop::new().expect("a descriptor");
    let mut check = datagrams::Check::new(&args, &stop).expect("cases");
    let address = reach(sockets, &[server], args.timeout.0, &stop).expect("somebody answers");
    let server = Server::new(address, &args).expect("addresses");
    check.run(&server, sockets).expect("nothing breaks");
    check.records().to_vec()
}

/// All cases of UDP, our own rules too, but those that cannot be carried out here.
pub(crate) fn all_pass_udp(
    flags: &str,
    cannot: &[&str],
    server: SocketAddr,
    sockets: &mut impl Unconnected,
) {
    let records = carry_out_udp(&format!("--ours --timeout 60 {flags}"), server, sockets);
    let wrong: Vec<_> = records
        .iter()
        .filter(|it| match it.outcome {
            Outcome::Pass(_) => false,
            Outcome::Skip(_) => !cannot.contains(&it.name),
            Outcome::Fail(_) => true,
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(records.len(), echo_cases::datagrams::cases().count());
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
