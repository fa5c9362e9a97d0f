//! What a board must do, over any wire.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Instant;

use echo_cases::Needs;
use echo_core::{Payload, Rules};
use echo_instruments::check::Outcome;
use echo_instruments::load::Observer;
use echo_instruments::measurement::{Measurement, Sample};
use echo_instruments::plan::Plan;
use echo_instruments::signals::Stop;
use hosted::address::connect;
use hosted::sockets::measure;

use crate::image::{Board, LM3S6965, MICROVM};
use crate::list;
use crate::machine::{Machine, SOON, Wire};
use crate::sockets::over_sockets;

/// The connections that a board has room for.
const CONNECTIONS: u16 = 4;

/// The list, our own rules too. A case is left out for what it takes: 24 connections at once.
pub(crate) fn the_list_passes(board: &Board, wire: Wire) {
    if board.image().is_none() {
        return;
    }
    let flags = "--ours --timeout 60 --skip many-at-once";
    let records = list::carry_out(flags, |needs, check| {
        let machine = Machine::start(board, needs.rules(), wire).expect("an image");
        over_sockets(needs, machine.address, check);
        machine.stop();
    });
    let wrong: Vec<_> =
        records.iter().filter(|record| !matches!(record.outcome, Outcome::Pass(_))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(records.len() + 1, echo_cases::cases().count());
}

/// Not one of 10^5 messages fails, and 8 MiB come back on one connection as they were sent.
pub(crate) fn no_message_fails(board: &Board, wire: Wire) {
    let Some(machine) = Machine::start(board, Needs::Echo.rules(), wire) else { return };
    let small = Plan { connections: CONNECTIONS, length: 32, count: Some(100_000), ..plan() };
    let large = Plan { length: 8 << 20, count: Some(1), ..plan() };
    for plan in [small, large] {
        let first = connect(&[machine.address], Some(SOON)).expect("it listens");
        let stop = Stop::new().expect("a descriptor");
        let out = measure(&plan, first, &stop, &mut Nobody).expect("sockets can be waited for");
        assert_eq!((Some(out.tally.echoed()), out.tally.failures()), (plan.count, 0));
    }
    machine.stop();
}

fn plan() -> Plan {
    let payload = Payload::Seq { run: 1, connection: 0 };
    Plan { payload, limit: Some(SOON), keep_going: true, ..Plan::new() }
}

struct Nobody;

impl Observer for Nobody {
    fn look(&mut self, _: &Measurement) {}

    fn message(&mut self, _: &Sample) {}
}

/// One more than there is room for is served once another has left.
fn a_fifth_connection_waits(board: &Board, wire: Wire) {
    // A slow machine takes its time.
    let rules = Rules { idle: None, ..Rules::default() };
    let Some(mut machine) = Machine::start(board, rules, wire) else { return };
    let mut four: Vec<_> = (0..CONNECTIONS).map(|_| stream(machine.address)).collect();
    four.iter_mut().for_each(exchange);
    let (address, (sender, served)) = (machine.address, mpsc::channel());
    thread::spawn(move || {
        let mut fifth = stream(address);
        exchange(&mut fifth);
        sender.send(()).expect("somebody waits for it");
    });
    let late = Instant::now() + SOON;
    while machine.turned_away() == 0 {
        assert!(Instant::now() < late, "it does not knock");
    }
    four.iter_mut().for_each(exchange);
    assert_eq!(served.try_recv(), Err(TryRecvError::Empty));
    four.pop();
    served.recv_timeout(SOON).expect("it is served now");
    four.iter_mut().for_each(exchange);
    machine.stop();
}

fn stream(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, SOON).expect("it listens");
    stream.set_read_timeout(Some(SOON)).expect("not zero");
    stream
}

fn exchange(stream: &mut TcpStream) {
    let mut echo = [0; 5];
    stream.write_all(b"hello").expect("a connection");
    stream.read_exact(&mut echo).expect("the echo");
    assert_eq!(&echo, b"hello");
}

/// What is told instead of a start.
fn wrong_settings_are_named(board: &Board) {
    for (settings, said) in
        [("port=0", "not a setting: port=0"), ("ip=224.0.0.1/4", "224.0.0.1 is not")]
    {
        let Some(mut machine) = Machine::boot(board, settings, Wire::User, said) else { return };
        machine.ended();
    }
}

/// On each board, over user networking.
macro_rules! on {
    ($name:ident, $board:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn passes_the_list() {
                the_list_passes($board, Wire::User);
            }

            #[test]
            fn fails_no_message() {
                no_message_fails($board, Wire::User);
            }

            #[test]
            fn lets_a_fifth_connection_wait() {
                a_fifth_connection_waits($board, Wire::User);
            }

            #[test]
            fn names_wrong_settings() {
                wrong_settings_are_named($board);
            }
        }
    };
}

on!(lm3s6965, &LM3S6965);
on!(microvm, &MICROVM);
