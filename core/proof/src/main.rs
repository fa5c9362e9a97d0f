//! Proof that `echo-core` needs neither an operating system nor a heap, and
//! cannot panic.
//!
//! A program without std, allocator and libraries that calls all of the core. It
//! is only linked, never run: the panic handler calls a function that nobody
//! defines, so one panic path that the optimiser could not exclude fails the
//! link. `run` builds it, and checks that each of the three features breaks it.

#![no_std]
#![no_main]

mod memory;

use core::fmt::{self, Display, Write};
use core::hint::black_box;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use echo_core::datagram::{Arrival, Fate, Flight, Question, Slot, Unanswered};
use echo_core::script::{Act, Body, Manner, What, Wish};
use echo_core::{
    CloseReason, Defect, Endpoint, ExitScanner, Failure, FailureKind, Faulty, Haste, IdleTimer,
    Instant, Intercepted, Odds, Payload, Probe, Rules, Script, Session, Spoiler, Tally, datagram, random,
};

#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "alloc")]
extern crate alloc;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let now = black_box(Instant::START);
    now_and_then(now);
    answer();
    spoil(now);
    drive(now, &mut Session::<8>::new(now, black_box(Rules::default())));
    drive(now, &mut Session::<1024>::new(now, black_box(Rules::default())));
    let mut session = Session::<8>::new(now, black_box(Rules::default()));
    session.leave(now, black_box(Haste::AtPause));
    drive(now, &mut Intercepted::new(&mut session, Endpoint::handle_received));
    let mut spoiler = Spoiler::<8>::new(faults(), black_box(1), black_box(2));
    spoiler.begin();
    let mut faulty = Faulty::new(&mut session, &mut spoiler);
    faulty.leave(now, black_box(Haste::Now));
    drive(now, &mut faulty);
    let mut planted = black_box(spoiler.planted());
    planted.add(&black_box(planted));
    black_box(planted.of(black_box(Defect::Flip)));
    write_out(&planted);
    let seq = Payload::Seq { run: 1, connection: 2 };
    let (random, marks) = (Payload::Random { seed: 3 }, Payload::Marks { connection: 4 });
    for payload in [Payload::Zero, seq, random, marks, Payload::Bytes(b"bytes")] {
        let payload = black_box(&payload).on(black_box(5));
        let limit = black_box(Some(Duration::from_secs(1)));
        let mut probe = Probe::new(payload, black_box(1000), limit, [0; 256]);
        let mut tally = Tally::default();
        for message in 0..black_box(10) {
            probe.begin(now, message);
            drive(now, &mut probe);
            probe.fail(now, black_box(Failure::Reset));
            if let Some(end) = probe.end() {
                tally.record(&end);
                say(end.as_ref().err());
            }
        }
        count(&tally);
        contents(&payload);
        follow(now, payload);
        fly(now, payload);
    }
    #[cfg(feature = "alloc")]
    black_box(alloc::boxed::Box::new(now));
    #[cfg(feature = "panic")]
    black_box(black_box(&[0; 8])[black_box(8)]);
    loop {
        core::hint::spin_loop();
    }
}

fn drive<E: Endpoint>(now: Instant, endpoint: &mut E) {
    let scratch = [0; 64];
    while endpoint.end().is_none() {
        let endpoint = black_box(&mut *endpoint);
        endpoint.handle_sent(now, black_box(endpoint.to_send().len()));
        endpoint.handle_received(now, black_box(&scratch));
        endpoint.handle_quiet(now);
        endpoint.handle_eof(now);
        endpoint.handle_delivered(now);
        endpoint.handle_timeout(now);
        endpoint.handle_reset(now);
        black_box((endpoint.room(), endpoint.deadline(), endpoint.finished()));
    }
}

/// Every act, in every manner.
fn follow(now: Instant, payload: Payload<&[u8]>) {
    let time = black_box(Duration::from_millis(1));
    let (own, text) = (Body::own(black_box(100)), Body::times(b"text", black_box(3)));
    let size = black_box(7);
    let acts = [
        Act::Say(own),
        Act::Hear(text),
        Act::Echo(own, Manner::AtOnce),
        Act::Echo(own, Manner::Pieces(size)),
        Act::Echo(text, Manner::Steps(size, time)),
        Act::Echo(own, Manner::Deaf(time)),
        Act::Echo(own, Manner::Sips(size, time)),
        Act::Last(own, Manner::For(time)),
        Act::Maybe(black_box(1)),
        Act::Silence(time),
        Act::Wait(time),
        Act::Ask(Wish::Urgent(black_box(1))),
        Act::Fin,
        Act::End,
    ];
    let mut script = Script::new(now, black_box(&acts), payload, Some(time), [0; 64]);
    drive(now, &mut script);
    script.handle_granted(now);
    black_box((script.act(), script.wish(), script.came()));
    script.fail(What::Unfinished);
    if let Some(Err(deviation)) = script.end() {
        write_out(&deviation);
        black_box((deviation.due.as_ref().len(), deviation.came.as_ref().len()));
    }
}

fn now_and_then(now: Instant) {
    let later = black_box(now + black_box(Duration::from_secs(1)));
    black_box((later.checked_add(Duration::MAX), later.saturating_duration_since(now)));
    black_box(random::next(&mut random::after(black_box(1), black_box(2))));
    let mut timer = IdleTimer::new(black_box(None));
    timer.restart(now);
    black_box((timer.deadline(), timer.expired(later)));
    timer.stop();
    let mut scanner = ExitScanner::new();
    black_box(scanner.receive(black_box(b"exit")));
    black_box((scanner.held(), scanner.holds_word(), scanner.quiet(), scanner.end()));
    black_box((CloseReason::ALL, Instant::new(black_box(Duration::ZERO)).since_start()));
}

fn answer() {
    let (v4, v6) = (black_box(Ipv4Addr::LOCALHOST), black_box(Ipv6Addr::LOCALHOST));
    for ip in [v4.into(), v6.into()] {
        let question = Question { from: (ip, 7).into(), to: Some(ip), hops: Some(64) };
        if let Some(reason) = black_box(question).unanswered(black_box(Some(7))) {
            write_out(&reason);
        }
    }
    black_box(Unanswered::ALL);
}

fn spoil(now: Instant) {
    let mut spoiler = datagram::Spoiler::new(faults(), black_box(1));
    let mut answer = [0; 100];
    let length = black_box(100);
    if let Some(answer) = answer.get_mut(..length) {
        let (fate, released) = spoiler.spoil(now, black_box(2), answer);
        black_box((fate == Fate::Lost, released));
    }
    black_box((spoiler.deadline(), spoiler.handle_timeout(now), spoiler.planted()));
}

fn faults() -> Odds {
    let all = Defect::ALL
        .into_iter()
        .fold(Odds::default(), |odds, defect| odds.with(black_box(defect), black_box(0.1)));
    all.holding(black_box(Duration::from_secs(1)))
}

fn contents(payload: &Payload<&[u8]>) {
    let mut bytes = [0; 100];
    payload.fill(black_box(1), black_box(2), &mut bytes);
    black_box(payload.mismatch(black_box(1), black_box(2), &bytes));
    black_box(payload.fault(black_box(1), black_box(2), &bytes));
}

/// Datagrams, of both sorts of content: a message of a byte does not tell which it is.
fn fly(now: Instant, payload: Payload<&[u8]>) {
    fly_in(now, payload, [0; 256]);
    fly_in(now, payload, [0; 1]);
}

fn fly_in<const LENGTH: usize>(now: Instant, payload: Payload<&[u8]>, window: [u8; LENGTH]) {
    let limit = black_box(Some(Duration::from_secs(1)));
    let mut flight = Flight::new(payload, limit, window, [Slot::NEW; 8]);
    for _ in 0..black_box(10) {
        let flight = black_box(&mut flight);
        black_box((flight.has_room(), flight.in_flight(), flight.deadline()));
        if let Some(sent) = flight.begin(now, black_box(7_u8)) {
            black_box((sent, flight.datagram().len(), flight.under_way().count()));
        }
        let (port, length) = (black_box(3), black_box(100));
        let bytes = black_box([0; 100]);
        let arrival = flight.handle_datagram(now, port, black_box(true), length, &bytes);
        if let Arrival::Echo { end, .. } = arrival {
            say(end.as_ref().err());
        }
        black_box(flight.handle_timeout(black_box(now)));
        black_box(flight.handle_report(black_box(port), &bytes));
        flight.withdraw();
    }
}

fn say(failure: Option<&Failure>) {
    if let Some(failure) = failure {
        write_out(failure);
        write_out(&failure.kind());
        if let Failure::Differs(difference) = failure {
            black_box(difference.fault.as_str());
        }
    }
    write_out(&black_box(CloseReason::Exit));
}

fn write_out(words: &impl Display) {
    struct Paper;

    impl Write for Paper {
        fn write_str(&mut self, words: &str) -> fmt::Result {
            black_box(words);
            Ok(())
        }
    }

    black_box(write!(Paper, "{words}").is_ok());
}

fn count(tally: &Tally) {
    let mut total = black_box(Tally::default());
    total.add(tally);
    black_box((total.messages(), total.echoed(), total.failures(), total.fail_rate()));
    black_box((total.failed(black_box(FailureKind::Reset)), tally.recent(black_box(10))));
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn echo_core_can_panic() -> !;
    }
    // SAFETY: never called; it does not exist.
    unsafe { echo_core_can_panic() }
}
