//! How a session ends: half-close, one-shot, lingering, time-outs.

use core::time::Duration;

use echo_core::{
    CloseReason, Defect, Endpoint, Faulty, Instant, Intercepted, LINGER, Odds, Rules, SILENCE,
    Session, Spoiler,
};

use crate::line::Line;

const LIMIT: Duration = Duration::from_secs(10);
const NANO: Duration = Duration::from_nanos(1);

fn idle(limit: Duration) -> Rules {
    Rules { idle: Some(limit), ..Rules::default() }
}

fn one_shot(exit: bool) -> Rules {
    Rules { one_shot: true, exit, ..Rules::default() }
}

#[test]
fn half_close_delivers_the_pending_echo_and_then_the_fin() {
    let now = Instant::START;
    let mut session = Session::<64>::new(now, Rules::default());
    session.handle_received(now, b"pending");
    session.handle_eof(now);
    assert_eq!(session.to_send(), b"pending");
    assert!(!session.finished());
    session.handle_sent(now, 6);
    assert_eq!((session.to_send(), session.finished()), (&b"g"[..], false));
    session.handle_sent(now, 1);
    assert!(session.finished());
    assert_eq!(session.end(), Some(CloseReason::Disconnected));
}

#[test]
fn after_the_fin_there_is_no_room() {
    // A driver waits for input while there is room, and on most stacks the end
    // of input stays readable: with room it would spin until the peer reads.
    let now = Instant::START;
    let mut session = Session::<64>::new(now, Rules::default());
    session.handle_received(now, b"pending");
    session.handle_eof(now);
    assert_eq!(session.room(), 0);
}

#[test]
fn idle_ends_at_the_deadline_and_not_a_nanosecond_before() {
    let mut line = Line::<8>::new(idle(LIMIT));
    assert_eq!(line.session.deadline(), Some(line.now + LIMIT));
    line.wait(LIMIT - NANO);
    assert_eq!(line.end(), None);
    line.wait(NANO);
    assert_eq!(line.end(), Some(CloseReason::TimedOut));
}

#[test]
fn receiving_and_sending_each_count_the_limit_anew() {
    let mut now = Instant::START;
    let mut session = Session::<8>::new(now, idle(LIMIT));
    now = now + (LIMIT - NANO);
    session.handle_received(now, b"abc");
    assert_eq!(session.deadline(), Some(now + LIMIT));
    for _ in 0..3 {
        now = now + (LIMIT - NANO);
        session.handle_timeout(now);
        session.handle_sent(now, 1);
        assert_eq!(session.deadline(), Some(now + LIMIT));
    }
    for event in [Session::handle_quiet, Session::handle_timeout] {
        event(&mut session, now + NANO);
        assert_eq!(session.deadline(), Some(now + LIMIT), "nothing moved");
    }
    session.handle_sent(now + NANO, 0);
    session.handle_received(now + NANO, b"");
    assert_eq!(session.deadline(), Some(now + LIMIT), "no byte is not progress");
}

#[test]
fn what_the_peer_takes_counts_the_limit_anew_from_when_it_took_it() {
    let sent = Instant::START;
    let mut session = Session::<8>::new(sent, idle(LIMIT));
    session.handle_received(sent, b"abc");
    session.handle_sent(sent, 3);
    let taken = sent + LIMIT / 2;
    session.handle_delivered(taken);
    assert_eq!(session.deadline(), Some(taken + LIMIT));
    session.handle_delivered(sent);
    assert_eq!(session.deadline(), Some(taken + LIMIT), "a look that is late takes nothing away");
    session.handle_timeout(taken + (LIMIT - NANO));
    assert_eq!(session.end(), None);
    session.handle_timeout(taken + LIMIT);
    assert_eq!(session.end(), Some(CloseReason::TimedOut));
    session.handle_delivered(taken + LIMIT);
    assert_eq!(session.deadline(), None, "over is over");
}

#[test]
fn lingering_lasts_as_long_as_the_tail_is_taken() {
    let mut line = Line::<8>::new(one_shot(false));
    line.say(b"tail").wait(SILENCE);
    for _ in 0..10 {
        line.session.handle_delivered(line.now);
        line.wait(LINGER - NANO).say(b"on and on");
        assert_eq!(line.end(), None);
    }
    line.wait(NANO);
    assert_eq!(line.end(), Some(CloseReason::Answered));
}

#[test]
fn a_time_out_ends_at_once_and_drops_what_nobody_fetched() {
    let mut now = Instant::START;
    let mut session = Session::<8>::new(now, idle(LIMIT));
    session.handle_received(now, b"abc");
    now = now + LIMIT;
    session.handle_timeout(now);
    assert_eq!(session.end(), Some(CloseReason::TimedOut));
    assert_eq!((session.to_send(), session.room(), session.deadline()), (&b""[..], 0, None));
}

#[test]
fn who_does_not_fetch_the_echo_times_out_while_it_drains() {
    let mut now = Instant::START;
    let mut session = Session::<8>::new(now, idle(LIMIT));
    session.handle_received(now, b"abc");
    session.handle_eof(now);
    now = now + (LIMIT - NANO);
    session.handle_timeout(now);
    assert_eq!(session.end(), None);
    session.handle_timeout(now + NANO);
    assert_eq!(session.end(), Some(CloseReason::TimedOut));
}

#[test]
fn a_driver_that_is_late_for_both_limits_finds_no_deadline_in_the_past() {
    let mut now = Instant::START;
    let mut session = Session::<8>::new(now, idle(SILENCE));
    session.handle_received(now, b"a");
    session.handle_quiet(now);
    session.handle_received(now, b"exit");
    session.handle_quiet(now);
    now = now + SILENCE * 2;
    session.handle_timeout(now);
    assert!(session.deadline().is_none_or(|deadline| deadline > now));
}

#[test]
fn one_shot_answers_one_message_and_closes() {
    for exit in [false, true] {
        let mut line = Line::<8>::new(one_shot(exit));
        line.quiet().wait(SILENCE * 9);
        assert!(!line.session.finished(), "no message yet");
        line.say(b"in ").wait(SILENCE - NANO).say(b"pieces").wait(SILENCE - NANO);
        assert!(!line.session.finished(), "more of it may follow");
        line.wait(NANO);
        assert!(line.session.finished());
        line.burst(b"one more", 3).eof();
        assert_eq!((line.end(), &line.echo[..]), (Some(CloseReason::Answered), &b"in pieces"[..]));
    }
}

#[test]
fn one_shot_answers_the_beginning_of_the_word_too() {
    for message in [&b"e"[..], b"ex", b"exi", b"exit\r"] {
        let mut line = Line::<8>::new(one_shot(true));
        line.say(message).wait(SILENCE).eof();
        assert_eq!((line.end(), &line.echo[..]), (Some(CloseReason::Answered), message));
    }
}

#[test]
fn lingering_discards_input_until_the_fin() {
    let mut line = Line::<8>::new(Rules::default());
    line.say(b"exit").wait(SILENCE);
    assert_eq!(line.session.deadline(), Some(line.now + LINGER));
    line.say(b"the peer goes on").wait(LINGER - NANO).say(b"and on");
    assert_eq!(line.end(), None);
    line.eof();
    assert_eq!((line.end(), &line.echo[..]), (Some(CloseReason::Exit), &b""[..]));
}

#[test]
fn lingering_has_a_limit() {
    let mut line = Line::<8>::new(Rules::default());
    line.say(b"exit").wait(SILENCE).wait(LINGER - NANO).say(b"on and on");
    assert_eq!(line.end(), None);
    line.wait(NANO);
    assert_eq!(line.end(), Some(CloseReason::Exit));
}

#[test]
fn the_idle_limit_does_not_cut_the_lingering() {
    let mut line = Line::<8>::new(idle(SILENCE));
    line.say(b"exit").wait(SILENCE).wait(LINGER - NANO);
    assert_eq!(line.end(), None);
    line.wait(NANO);
    assert_eq!(line.end(), Some(CloseReason::Exit));
}

#[test]
fn with_nothing_pending_a_reset_is_a_way_to_leave() {
    let left = |line: &mut Line<8>| {
        let mut spoiler = Spoiler::new(Odds::default(), 1, 0);
        let mut faulty = Faulty::new(&mut line.session, &mut spoiler);
        Intercepted::new(&mut faulty, Endpoint::handle_received).handle_reset(line.now);
        line.end()
    };
    let line = || Line::<8>::new(Rules::default());
    assert_eq!(left(&mut line()), Some(CloseReason::Disconnected));
    assert_eq!(left(line().say(b"hello")), Some(CloseReason::Disconnected));
    assert_eq!(left(line().say(b"exit").wait(SILENCE)), Some(CloseReason::Exit));
    assert_eq!(left(line().say(b"exit")), None, "it was not yet a message");

    let mut session = Session::<8>::new(Instant::START, Rules::default());
    session.handle_received(Instant::START, b"pending");
    session.handle_reset(Instant::START);
    assert_eq!((session.end(), session.to_send()), (None, &b"pending"[..]));
    session.handle_eof(Instant::START);
    session.handle_reset(Instant::START);
    assert_eq!(session.end(), None, "its FIN was no leave to drop the rest");

    let odds = Odds::default().with(Defect::Hold, 1.0).holding(LIMIT);
    let (mut session, mut spoiler) =
        (Session::<8>::new(Instant::START, Rules::default()), Spoiler::new(odds, 1, 0));
    let mut faulty = Faulty::new(&mut session, &mut spoiler);
    faulty.handle_received(Instant::START, b"held");
    faulty.handle_reset(Instant::START);
    assert_eq!(faulty.end(), None, "what is held back is pending");
}
