//! How a session leaves that is asked to, because its server stops.

use core::time::Duration;

use echo_core::{CloseReason, Endpoint, Haste, Instant, Rules, SILENCE, Session};

use crate::line::Line;

const NANO: Duration = Duration::from_nanos(1);

fn asked(haste: Haste) -> Line<8> {
    let mut line = Line::<8>::new(Rules::default());
    line.say(b"before").wait(SILENCE * 9);
    line.session.leave(line.now, haste);
    line
}

#[test]
fn who_pauses_behind_an_echo_gets_the_fin_then_and_not_before() {
    let mut line = asked(Haste::AtPause);
    line.quiet().wait(SILENCE * 9);
    assert!(!line.session.finished(), "it may begin a message at any time");
    line.say(b" mean").wait(SILENCE - NANO).say(b"while").wait(SILENCE - NANO);
    assert!(!line.session.finished(), "it may go on");
    line.wait(NANO);
    assert!(line.session.finished());
    line.burst(b"too late", 3).eof();
    assert_eq!(
        (line.end(), &line.echo[..]),
        (Some(CloseReason::Drained), &b"before meanwhile"[..])
    );
}

#[test]
fn who_never_pauses_gets_the_fin_behind_the_echo_of_all_that_was_received() {
    let mut session = Session::<8>::new(Instant::START, Rules::default());
    session.leave(Instant::START, Haste::AtPause);
    session.handle_received(Instant::START, b"pending");
    session.handle_quiet(Instant::START);
    session.leave(Instant::START, Haste::Now);
    assert_eq!((session.to_send(), session.finished()), (&b"pending"[..], false));
    session.handle_sent(Instant::START, 7);
    assert!(session.finished());
}

#[test]
fn who_sends_nothing_gets_the_fin_now() {
    let mut line = asked(Haste::Now);
    assert!(line.session.finished());
    line.burst(b"too late", 3).eof();
    assert_eq!((line.end(), &line.echo[..]), (Some(CloseReason::Drained), &b"before"[..]));
}

#[test]
fn what_was_held_back_is_echoed() {
    let mut line = asked(Haste::AtPause);
    line.say(b"exit");
    line.session.leave(line.now, Haste::Now);
    line.quiet().eof();
    assert_eq!((line.end(), &line.echo[..]), (Some(CloseReason::Drained), &b"beforeexit"[..]));
}

#[test]
fn other_ends_are_what_they_were() {
    let mut line = asked(Haste::AtPause);
    line.say(b"exit").wait(SILENCE).eof();
    assert_eq!((line.end(), &line.echo[..]), (Some(CloseReason::Exit), &b"before"[..]));
    line.session.leave(line.now, Haste::Now);
    assert_eq!(line.end(), Some(CloseReason::Exit), "over is over");

    let mut line = asked(Haste::AtPause);
    line.burst(b"exits", 5).eof();
    let due = (Some(CloseReason::Disconnected), &b"beforeexits"[..]);
    assert_eq!((line.end(), &line.echo[..]), due);

    let mut line = Line::<8>::new(Rules { one_shot: true, ..Rules::default() });
    line.say(b"once");
    line.session.leave(line.now, Haste::AtPause);
    line.wait(SILENCE).eof();
    assert_eq!((line.end(), &line.echo[..]), (Some(CloseReason::Answered), &b"once"[..]));
}
