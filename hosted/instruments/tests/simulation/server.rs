//! The peer of a simulation: an echo server whose every behaviour is a value.

use std::collections::VecDeque;
use std::time::Duration;

/// What a server does. All times but its stall are lengths.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behaviour {
    /// Bytes of a message: it is answered when it is whole.
    pub(crate) length: usize,
    /// How long it works on a message, by the number of the message among all.
    pub(crate) service: fn(u64) -> Duration,
    /// Messages of all connections are worked on one after another, and not only those of one.
    pub(crate) shared: bool,
    /// It does nothing from then on, for so long.
    pub(crate) stall: Option<(Duration, Duration)>,
    /// How it takes connections.
    pub(crate) door: Door,
    /// What comes first on a connection, by its number.
    pub(crate) greeting: fn(usize) -> Vec<Item>,
    /// What becomes of a message, by the numbers of the connection and of the message on it.
    pub(crate) answer: fn(usize, u64) -> Answer,
}

/// How connections are taken.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door {
    /// One after another, each in this time; so many may wait, and others are not heard.
    Open { each: Duration, backlog: usize },
    /// Connections are refused.
    Refuses,
    /// Connections are not answered.
    Silent,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    /// Comes before the echo.
    pub(crate) ahead: &'static [u8],
    /// The echo is cut into this many pieces, and the next follows after this time.
    pub(crate) pieces: (usize, Duration),
    /// The rest of the echo is lost.
    pub(crate) bytes: usize,
    /// In this byte a bit is wrong.
    pub(crate) wrong: Option<usize>,
    /// Comes so long behind the echo.
    pub(crate) behind: Option<(Duration, Item)>,
}

pub(crate) const ECHO: Answer = Answer {
    ahead: b"",
    pieces: (1, Duration::ZERO),
    bytes: usize::MAX,
    wrong: None,
    behind: None,
};

/// Echoes in no time.
pub(crate) const AT_ONCE: Behaviour = Behaviour {
    length: 100,
    service: |_| Duration::ZERO,
    shared: false,
    stall: None,
    door: Door::Open { each: Duration::ZERO, backlog: 128 },
    greeting: |_| Vec::new(),
    answer: |_, _| ECHO,
};

/// What comes from a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Opened,
    Refused,
    Byte(u8),
    Fin,
    Reset,
}

/// A connection as its server sees it.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    number: usize,
    /// Of a message that is not whole.
    got: Vec<u8>,
    messages: u64,
    /// When its last message was done.
    free: Duration,
}

/// A server at work.
#[derive(Debug)]
pub(crate) struct Server {
    behaviour: Behaviour,
    /// Connections taken.
    pub(crate) accepted: usize,
    /// When those in the backlog leave it.
    queue: VecDeque<Duration>,
    messages: u64,
    /// When the last message of all was done.
    free: Duration,
}

impl Server {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        Self { behaviour, accepted: 0, queue: VecDeque::new(), messages: 0, free: Duration::ZERO }
    }

    /// Somebody wants to connect. Returns what comes back, if anything does.
    pub(crate) fn knock(&mut self, at: Duration) -> Option<(Vec<Item>, Connection)> {
        let mut connection = Connection::default();
        let Door::Open { each, backlog } = self.behaviour.door else {
            let refuses = matches!(self.behaviour.door, Door::Refuses);
            return refuses.then(|| (vec![Item::Refused], connection));
        };
        self.queue.retain(|leaves| *leaves > at);
        if self.queue.len() >= backlog.max(1) {
            return None;
        }
        let last = self.queue.back().copied().unwrap_or(at);
        connection.free = self.after_stall(last + each);
        self.queue.push_back(connection.free);
        connection.number = self.accepted;
        self.accepted += 1;
        let greeting = (self.behaviour.greeting)(connection.number);
        Some(([vec![Item::Opened], greeting].concat(), connection))
    }

    /// Bytes have come. Returns what it sends because of that, and when.
    pub(crate) fn receive(
        &mut self,
        connection: &mut Connection,
        at: Duration,
        bytes: &[u8],
    ) -> Vec<(Duration, Item)> {
        let Behaviour { length, service, shared, answer, .. } = self.behaviour;
        let mut out = Vec::new();
        connection.got.extend_from_slice(bytes);
        while connection.got.len() >= length {
            let message: Vec<_> = connection.got.drain(..length).collect();
            let free = if shared { self.free.max(connection.free) } else { connection.free };
            let done = self.done(at.max(free), service(self.messages));
            (self.free, connection.free) = (done, done);
            self.messages += 1;
            answer(connection.number, connection.messages).put(message, done, &mut out);
            connection.messages += 1;
        }
        out
    }

    /// When work that begins then is done.
    fn done(&self, from: Duration, work: Duration) -> Duration {
        let from = self.after_stall(from);
        match self.behaviour.stall {
            Some((stall, time)) if from < stall && stall < from + work => from + work + time,
            _ => from + work,
        }
    }

    fn after_stall(&self, at: Duration) -> Duration {
        match self.behaviour.stall {
            Some((from, time)) if (from..from + time).contains(&at) => from + time,
            _ => at,
        }
    }
}

impl Answer {
    fn put(self, mut message: Vec<u8>, done: Duration, out: &mut Vec<(Duration, Item)>) {
        if let Some(byte) = self.wrong {
            message[byte] ^= 1;
        }
        out.extend(self.ahead.iter().map(|byte| (done, Item::Byte(*byte))));
        let (pieces, gap) = self.pieces;
        let size = message.len().div_ceil(pieces);
        let mut at = done;
        for (number, piece) in (0..).zip(message.chunks(size)) {
            at = done + gap * number;
            out.extend(piece.iter().map(|byte| (at, Item::Byte(*byte))));
        }
        out.truncate(self.ahead.len().saturating_add(self.bytes).min(out.len()));
        out.extend(self.behind.map(|(after, item)| (at + after, item)));
    }
}
