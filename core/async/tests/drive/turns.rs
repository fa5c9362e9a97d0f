//! The order in which things happen.

use std::cell::RefCell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use echo_async::{Pump, Turn};
use echo_core::{
    CloseReason, Endpoint, Failure, Instant, Intercepted, Payload, Probe, Rules, SILENCE, Session,
};

use crate::drive;
use crate::wire::{Half, Watch, Wire};

const SECOND: Duration = Duration::from_secs(1);

fn session() -> Session<64> {
    Session::new(Instant::START, Rules::default())
}

/// The peer is as fast as the wire: its answer is there before anything else is looked at.
#[test]
fn an_answer_to_the_echo_is_another_message() {
    let (watch, mut scratch) = (Watch::default(), [0; 64]);
    let wire = RefCell::new(Wire { answer: b"exit".into(), ..Wire::new(&[b"hello"]) });
    let (mut session, mut pump) = (session(), Pump::new(&watch, &mut scratch));
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    assert_eq!(wire.borrow().output, b"hello");
    watch.now.set(Instant::START + SILENCE);
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Ready(Ok(Turn::Finished)));
    wire.borrow_mut().fin = true;
    let over = Turn::Over(CloseReason::Exit);
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Ready(Ok(over)));
}

/// Reads that fill the scratch say nothing about what comes next; that there is nothing does.
#[test]
fn a_message_may_end_with_a_read_that_was_full() {
    let (watch, mut scratch) = (Watch::default(), [0; 4]);
    let wire = RefCell::new(Wire { answer: b"exit".into(), ..Wire::new(&[b"four"]) });
    let (mut session, mut pump) = (session(), Pump::new(&watch, &mut scratch));
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    assert_eq!(wire.borrow().output, b"fourexit", "glued: nobody saw a pause between them");
    wire.borrow_mut().input.push_back(b"exit".into());
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    assert_eq!(wire.borrow().output, b"fourexit", "held back");
}

/// Otherwise there would be less room, a shorter read, and a pause that was none.
#[test]
fn after_a_wait_it_writes_before_it_reads() {
    let (watch, mut scratch) = (Watch::default(), [0; 16]);
    let wire = RefCell::new(Wire { space: 0, ..Wire::new(&[&[0; 15], b"exit"]) });
    let mut session = Session::<32>::new(Instant::START, Rules::default());
    let mut pump = Pump::new(&watch, &mut scratch);
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    wire.borrow_mut().space = 1;
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    wire.borrow_mut().space = 1000;
    wire.borrow_mut().input.extend([b"sixteen or more!".to_vec(), b"exit".to_vec()]);
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    assert!(wire.borrow().output.ends_with(b"exitsixteen or more!exit"));
}

/// It is woken late: both the silence is over and more has come.
#[test]
fn bytes_beat_the_clock_while_there_is_something_to_write() {
    let (watch, mut scratch) = (Watch::default(), [0; 64]);
    let wire = RefCell::new(Wire::new(&[b"hello", b"exit"]));
    wire.borrow_mut().space = 2;
    let (mut session, mut pump) = (session(), Pump::new(&watch, &mut scratch));
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    assert_eq!(session.to_send(), b"llo");
    watch.now.set(Instant::START + SECOND);
    wire.borrow_mut().input.push_back(b"ing".into());
    wire.borrow_mut().space = 100;
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    assert_eq!(wire.borrow().output, b"helloexiting");
}

#[test]
fn who_sends_without_end_keeps_nobody_from_the_clock_or_from_reading() {
    let (watch, mut scratch) = (Watch { look: SECOND / 100, ..Watch::default() }, [0; 64]);
    let wire = RefCell::new(Wire::new(&[]));
    let mut probe = Probe::new(Payload::Zero, u64::MAX, Some(SECOND), [0; 64]);
    let mut pump = Pump::new(&watch, &mut scratch);
    probe.begin(Instant::START, 0);
    let over = drive(&mut pump, &wire, &mut probe);
    let late = Failure::TimedOut { received: 0, length: u64::MAX, whole: None };
    assert_eq!(over, Poll::Ready(Ok(Turn::Over(Err(late)))));

    probe.begin(watch.now.get(), 1);
    wire.borrow_mut().fin = true;
    let over = drive(&mut pump, &wire, &mut probe);
    let closed = Failure::ClosedEarly { received: 0, length: u64::MAX };
    assert_eq!(over, Poll::Ready(Ok(Turn::Over(Err(closed)))));
}

#[test]
fn a_stack_that_is_never_exhausted_leaves_others_their_turn() {
    let (watch, mut scratch) = (Watch::default(), [0; 64]);
    let wire = RefCell::new(Wire { endless: true, ..Wire::new(&[]) });
    let mut reads = 0;
    let mut session = session();
    let mut counted = Intercepted::new(&mut session, |session, now, bytes| {
        reads += 1;
        session.handle_received(now, bytes)
    });
    let mut pump = Pump::new(&watch, &mut scratch);
    let (mut reader, mut writer) = (Half(&wire), Half(&wire));
    {
        let mut driven = pin!(pump.drive(&mut reader, &mut writer, &mut counted));
        for _ in 0..3 {
            assert!(driven.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }
    assert!((3..=3 * 32).contains(&reads), "{reads}");
    assert!(wire.borrow().output.len() >= (reads - 1) * 64);
}

#[test]
fn what_there_is_no_room_for_is_not_read() {
    let (watch, mut scratch) = (Watch::default(), [0; 64]);
    let wire = RefCell::new(Wire { endless: true, space: 0, ..Wire::new(&[]) });
    let (mut session, mut pump) = (session(), Pump::new(&watch, &mut scratch));
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    assert_eq!((session.to_send().len(), session.room()), (64, 0));
    wire.borrow_mut().space = 64;
    assert_eq!(drive(&mut pump, &wire, &mut session), Poll::Pending);
    assert_eq!((session.to_send().len(), wire.borrow().output.len()), (64, 64));
}
