//! Echoes as many messages as it is told, in one of the machines and without any I/O. `core/instructions/run` counts the
//! instructions that it takes.

use std::collections::VecDeque;
use std::env;
use std::hint::black_box;
use std::time::Duration;

use echo_core::datagram::{Arrival, Flight, Slot};
use echo_core::{Defect, Endpoint, Faulty, Instant, Odds, Payload, Probe, Rules, Session, Spoiler};

const LIMIT: Option<Duration> = Some(Duration::from_secs(10));

const SEQ: Payload<&[u8]> = Payload::Seq { run: 1, connection: 2 };

fn main() {
    let args: Vec<String> = env::args().collect();
    let [_, machine, length, messages] = &args[..] else { panic!("MACHINE LENGTH MESSAGES") };
    let length = length.parse().expect("a length");
    let messages = messages.parse().expect("a number of messages");
    let message = vec![b'0'; length];
    match &**machine {
        "session" => echo(&message, messages, true, Odds::default()),
        "session-rfc862" => echo(&message, messages, false, Odds::default()),
        "faulty" => echo(&message, messages, true, Odds::default().with(Defect::Flip, 1e-18)),
        "probe-zero" => probe(Payload::Zero, length, messages),
        "probe-seq" => probe(SEQ, length, messages),
        "probe-random" => probe(Payload::Random { seed: 3 }, length, messages),
        "flight-zero" => fly(Payload::Zero, length, messages, [1, 256]),
        "flight-seq" => fly(SEQ, length, messages, [1, 256]),
        "flight-full" => fly(SEQ, length, messages, [1 << 14; 2]),
        other => panic!("no machine {other}"),
    }
}

/// Whole messages in, whole echoes out, with every deadline armed.
fn echo(message: &[u8], messages: u32, exit: bool, odds: Odds) {
    let plain = odds == Odds::default();
    let mut now = Instant::START;
    let mut session = Session::<4096>::new(now, Rules { idle: LIMIT, exit, ..Rules::default() });
    let mut spoiler = Spoiler::new(odds, 1, 0);
    for _ in 0..messages {
        now = now + Duration::from_micros(10);
        if plain {
            pump(&mut session, now, message);
        } else {
            pump(&mut Faulty::new(&mut session, &mut spoiler), now, message);
        }
    }
}

fn pump(end: &mut impl Endpoint, now: Instant, message: &[u8]) {
    end.handle_received(now, black_box(message));
    end.handle_quiet(now);
    end.handle_sent(now, black_box(end.to_send()).len());
    black_box(end.deadline());
}

/// Messages made, sent, and compared with their echoes.
fn probe(payload: Payload<&[u8]>, length: usize, messages: u32) {
    let mut now = Instant::START;
    let mut probe = Probe::new(payload, length as u64, LIMIT, [0; 4096]);
    let mut echo = vec![0; length];
    for message in 0..messages {
        now = now + Duration::from_micros(10);
        probe.begin(now, message.into());
        echo.copy_from_slice(black_box(probe.to_send()));
        probe.handle_sent(now, length);
        probe.handle_received(now, black_box(&echo));
        assert!(matches!(probe.end(), Some(Ok(_))));
    }
}

/// Datagrams of which so many are always in flight, and so many remembered.
fn fly(payload: Payload<&[u8]>, length: usize, messages: u32, [most, slots]: [usize; 2]) {
    let mut now = Instant::START;
    let mut flight = Flight::new(payload, LIMIT, vec![0; length], vec![Slot::NEW; slots]);
    let mut wire = VecDeque::<(usize, Vec<u8>)>::with_capacity(most);
    for _ in 0..most + messages as usize {
        now = now + Duration::from_micros(10);
        let come = if wire.len() == most { wire.pop_front() } else { None };
        let mut echo = if let Some((port, echo)) = come {
            let arrival = flight.handle_datagram(now, port, true, length, black_box(&echo));
            assert!(matches!(arrival, Arrival::Echo { end: Ok(_), .. }));
            echo
        } else {
            vec![0; length]
        };
        assert!(flight.has_room());
        let sent = flight.begin(now, ()).expect("room");
        echo.copy_from_slice(black_box(flight.datagram()));
        wire.push_back((sent.port, echo));
        black_box(flight.deadline());
    }
}
