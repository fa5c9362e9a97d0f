//! How a connection ends.

use std::cell::RefCell;
use std::task::Poll;

use echo_async::{Broken, Pump, Turn};
use echo_core::{
    CloseReason, Defect, Endpoint, Faulty, Instant, LINGER, Odds, Payload, Probe, Rules, SILENCE,
    Session, Spoiler,
};
use embedded_io_async::ErrorKind;

use crate::wire::{Watch, Wire};
use crate::{Driven, drive};

fn session() -> Session<64> {
    Session::new(Instant::START, Rules::default())
}

#[test]
fn finished_is_told_before_over_even_if_both_are_known_at_once() {
    let watch = Watch::default();
    for input in [&[][..], &[&b"hello"[..]]] {
        let wire = RefCell::new(Wire { fin: true, ..Wire::new(input) });
        let (mut session, mut scratch) = (session(), [0; 64]);
        let mut pump = Pump::new(&watch, &mut scratch);
        assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Ready(Ok(Turn::Finished)));
        let over = Turn::Over(CloseReason::Disconnected);
        assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Ready(Ok(over)));
        assert_eq!(wire.borrow().output, input.concat());
    }
}

#[test]
fn finished_is_told_once_and_over_when_the_peer_has_left() {
    let (watch, mut scratch) = (Watch::default(), [0; 64]);
    let (wire, mut session) = (RefCell::new(Wire::new(&[b"exit"])), session());
    let mut pump = Pump::new(&watch, &mut scratch);
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    watch.now.set(Instant::START + SILENCE);
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Ready(Ok(Turn::Finished)));
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    wire.borrow_mut().fin = true;
    let over = Poll::Ready(Ok(Turn::Over(CloseReason::Exit)));
    assert_eq!(drive(&mut pump, &wire, &mut session), over);
    assert_eq!(drive(&mut pump, &wire, &mut session), over, "it is inert");
}

#[test]
fn a_peer_that_never_pauses_does_not_outrun_the_end() {
    let (watch, mut scratch) = (Watch { look: LINGER / 1000, ..Watch::default() }, [0; 64]);
    let (wire, mut session) = (RefCell::new(Wire::new(&[b"exit"])), session());
    let mut pump = Pump::new(&watch, &mut scratch);
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    let silent = session.deadline().expect("a word is held back");
    watch.now.set(silent);
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Ready(Ok(Turn::Finished)));
    wire.borrow_mut().endless = true;
    let over = Poll::Ready(Ok(Turn::Over(CloseReason::Exit)));
    assert_eq!(drive(&mut pump, &wire, &mut session), over);
    let took = watch.now.get().saturating_duration_since(silent);
    assert!(took >= LINGER && took < LINGER * 11 / 10, "{took:?}");
}

#[test]
fn a_reset_has_no_fin_before_it() {
    let (watch, mut scratch) = (Watch::default(), [0; 64]);
    let (wire, mut session) = (RefCell::new(Wire::new(&[b"hello"])), session());
    let mut spoiler = Spoiler::new(Odds::default().with(Defect::Reset, 1.0), 1, 0);
    let mut faulty = Faulty::new(&mut session, &mut spoiler);
    let mut pump = Pump::new(&watch, &mut scratch);
    let over = Turn::Over(CloseReason::Reset);
    assert_eq!(drive(&mut pump, &wire, &mut faulty), Poll::Ready(Ok(over)));
}

/// What becomes of an echo whose next read and write fail like this.
fn broken_by(errors: [Option<ErrorKind>; 2]) -> Driven<CloseReason> {
    let (watch, mut scratch) = (Watch::default(), [0; 64]);
    let (wire, mut session) = (RefCell::new(Wire::new(&[b"hello"])), session());
    wire.borrow_mut().errors = errors;
    drive(&mut Pump::new(&watch, &mut scratch), &wire, &mut session)
}

#[test]
fn the_half_that_fails_is_told() {
    let [reset, lost] = [ErrorKind::ConnectionReset, ErrorKind::TimedOut];
    assert_eq!(broken_by([Some(lost), None]), Poll::Ready(Err(Broken::Read(lost))));
    assert_eq!(broken_by([None, Some(reset)]), Poll::Ready(Err(Broken::Write(reset))));
    let broken = broken_by([None, Some(ErrorKind::WriteZero)]);
    assert_eq!(broken, Poll::Ready(Err(Broken::WroteNothing)));
    let told = Broken::Read(lost).to_string();
    assert!(told.starts_with("cannot read from the peer: "), "{told}");
}

#[test]
fn with_nothing_pending_a_reset_is_the_end_and_nothing_is_shut() {
    let reset = ErrorKind::ConnectionReset;
    for (space, said) in
        [(usize::MAX, Ok(Turn::Over(CloseReason::Disconnected))), (2, Err(Broken::Read(reset)))]
    {
        let (watch, mut scratch) = (Watch::default(), [0; 64]);
        let (wire, mut session) = (RefCell::new(Wire::new(&[b"hello"])), session());
        wire.borrow_mut().space = space;
        let mut pump = Pump::new(&watch, &mut scratch);
        assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
        wire.borrow_mut().errors[0] = Some(reset);
        assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Ready(said));
    }
}

#[test]
fn a_reset_after_the_last_byte_is_the_end() {
    let (watch, mut scratch) = (Watch::default(), [0; 64]);
    let (wire, mut session) = (RefCell::new(Wire::new(&[b"exit"])), session());
    let mut pump = Pump::new(&watch, &mut scratch);
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    watch.now.set(Instant::START + SILENCE);
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Ready(Ok(Turn::Finished)));
    wire.borrow_mut().errors[0] = Some(ErrorKind::ConnectionReset);
    let over = Turn::Over(CloseReason::Exit);
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Ready(Ok(over)));
}

#[test]
fn after_the_end_of_a_message_a_probe_goes_on() {
    let (watch, mut scratch) = (Watch::default(), [0; 64]);
    let wire = RefCell::new(Wire { answer: b"hello".into(), ..Wire::new(&[]) });
    let mut probe = Probe::new(Payload::Bytes(b"hello"), 5, None, [0; 8]);
    let mut pump = Pump::new(&watch, &mut scratch);
    for message in 0..3 {
        probe.begin(Instant::START, message);
        wire.borrow_mut().answer = b"hello".into();
        let over = drive(&mut pump, &wire, &mut probe);
        assert!(matches!(over, Poll::Ready(Ok(Turn::Over(Ok(_))))), "{over:?}");
    }
    assert!(!probe.finished());
    assert_eq!(wire.borrow().output, b"hellohellohello");
}

#[test]
#[should_panic(expected = "the scratch is empty")]
fn nothing_can_be_read_into_nothing() {
    let _ = Pump::new(&Watch::default(), &mut []);
}
