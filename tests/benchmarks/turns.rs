//! `hosted rate` and the plainest event loop in turns: on one thread, against one server, each over connections of its own.
//!
//! How fast a server answers many connections wanders by more than what tells the two apart. So neither runs
//! to its end before the other: whenever the load loop lets its observer look, the plainest has a turn as long as the last of
//! the load loop was.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use echo_instruments::descriptors;
use echo_instruments::load::Observer;
use echo_instruments::measurement::Measurement;
use nix::time::ClockId;

use crate::clients::EventLoop;
use crate::load::{observed, plan};

/// What the plainest event loop has, and then `hosted rate`: the messages per second, and the processor time of each in
/// seconds.
pub(crate) fn event_loops(
    address: SocketAddr,
    connections: u16,
    time: Duration,
) -> Result<[[f64; 2]; 2]> {
    descriptors::raise_limit();
    let plainest = EventLoop::open(address, connections)?;
    let begun = Reading::now(0)?;
    let mut turns = Turns { plainest, begun, spent: Vec::new(), failed: None };
    observed(address, &plan(connections, time), &mut turns)?;
    turns.failed.map_or(Ok(()), Err)?;
    // In the first turns all send at once, which is another matter.
    let counted = &turns.spent[usize::from(turns.spent.len() > 1)..];
    let [ours, theirs] = [0, 1].map(|which| {
        let sum = counted.iter().map(|pair| pair[which]);
        let sum = sum.fold(Reading::default(), Reading::and);
        let messages = sum.messages as f64;
        [messages / sum.time.as_secs_f64(), sum.used.as_secs_f64() / messages]
    });
    Ok([theirs, ours])
}

struct Turns {
    plainest: EventLoop,
    /// The present turn of `hosted rate`.
    begun: Reading,
    /// What each turn took of `hosted rate`, and the one of the plainest after it.
    spent: Vec<[Reading; 2]>,
    failed: Option<anyhow::Error>,
}

impl Turns {
    fn take_turns(&mut self, echoed: u64) -> Result<()> {
        let ours = Reading::now(echoed)?.since(self.begun);
        let before = Reading::now(0)?;
        let messages = self.plainest.run(ours.time)?;
        self.spent.push([ours, Reading::now(messages)?.since(before)]);
        self.begun = Reading::now(echoed)?;
        Ok(())
    }
}

impl Observer for Turns {
    fn ready(&mut self) {
        self.failed = Reading::now(0).map(|now| self.begun = now).err();
    }

    fn look(&mut self, so_far: &Measurement) {
        self.failed = self.take_turns(so_far.tally.echoed()).err().or(self.failed.take());
    }
}

/// What a turn took, or all that was before.
#[derive(Clone, Copy, Default)]
struct Reading {
    time: Duration,
    /// The processor time of this thread.
    used: Duration,
    messages: u64,
}

impl Reading {
    fn now(messages: u64) -> Result<Self> {
        let [time, used] = [ClockId::CLOCK_MONOTONIC, ClockId::CLOCK_THREAD_CPUTIME_ID]
            .map(|clock| clock.now().map(Duration::from));
        Ok(Self { time: time?, used: used?, messages })
    }

    fn since(self, before: Self) -> Self {
        let Self { time, used, messages } = self;
        Self {
            time: time - before.time,
            used: used - before.used,
            messages: messages - before.messages,
        }
    }

    fn and(self, other: Self) -> Self {
        let Self { time, used, messages } = self;
        Self {
            time: time + other.time,
            used: used + other.used,
            messages: messages + other.messages,
        }
    }
}
