//! The list of cases of UDP, over any sockets.

use std::net::SocketAddr;

use clap::Parser;
use echo_instruments::args::CheckArgs;
use echo_instruments::check::datagrams::{Check, Server, Unconnected, reach};
use echo_instruments::check::{Outcome, Record};
use echo_instruments::signals::Stop;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    args: CheckArgs<()>,
}

/// Carries out the cases of UDP that these flags choose, with the server at this address.
pub(crate) fn carry_out(
    flags: &str,
    server: SocketAddr,
    sockets: &mut impl Unconnected,
) -> Vec<Record> {
    let words = ["check", "--udp", "--json"].into_iter().chain(flags.split_whitespace());
    let Flags { args } = Flags::parse_from(words);
    let stop = Stop::new().expect("a descriptor");
    let mut check = Check::new(&args, &stop).expect("cases");
    let address = reach(sockets, &[server], args.timeout.0, &stop).expect("somebody answers");
    let server = Server::new(address, &args).expect("addresses");
    check.run(&server, sockets).expect("nothing breaks");
    check.records().to_vec()
}

/// All cases of UDP, our own rules too, but those that cannot be carried out here.
pub(crate) fn all_pass(
    flags: &str,
    cannot: &[&str],
    server: SocketAddr,
    sockets: &mut impl Unconnected,
) {
    let records = carry_out(&format!("--ours --timeout 60 {flags}"), server, sockets);
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
