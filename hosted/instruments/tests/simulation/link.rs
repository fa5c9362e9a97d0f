//! One end of a connection of a simulation.

use std::collections::VecDeque;
use std::time::Duration;

use echo_core::Failure;
use echo_instruments::stack::Unasked;

use super::server::{Connection, Item};

#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) is_open: bool,
    /// What comes from the peer, and when, in that order.
    inbox: VecDeque<(Duration, Item)>,
    /// So much of it has been announced: changes are told once, as by edge-triggered queues.
    told: usize,
    /// When the last thing that was taken had come.
    pub(crate) arrived: Duration,
    pub(crate) peer: Connection,
}

impl Link {
    /// Sends from the peer; nothing overtakes on a connection.
    pub(crate) fn put(&mut self, at: Duration, item: Item) {
        let last = self.inbox.back().map_or(at, |(last, _)| at.max(*last));
        self.inbox.push_back((last, item));
    }

    /// When something comes that has not been announced.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.inbox.get(self.told).map(|(at, _)| *at)
    }

    /// Whether something has come since the last call.
    pub(crate) fn has_news(&mut self, now: Duration) -> bool {
        let before = self.told;
        self.told = self.come(now);
        self.told > before
    }

    /// How much is there.
    fn come(&self, now: Duration) -> usize {
        self.inbox.iter().take_while(|(at, _)| *at <= now).count()
    }

    /// Takes the answer to its being opened, if it has come.
    pub(crate) fn opened(&mut self, now: Duration) -> Result<bool, Failure> {
        match self.inbox.front() {
            Some((at, Item::Refused)) if *at <= now => return Err(Failure::Refused),
            Some((at, Item::Opened)) if *at <= now => self.is_open = true,
            _ => return Ok(false),
        }
        self.take();
        Ok(true)
    }

    fn take(&mut self) {
        self.arrived = self.inbox.pop_front().map_or(self.arrived, |(at, _)| at);
        self.told = self.told.saturating_sub(1);
    }

    /// Reads what has come; `None` is the peer's FIN.
    pub(crate) fn read(&mut self, now: Duration, most: usize) -> Result<Option<Vec<u8>>, Failure> {
        let mut bytes = Vec::new();
        for _ in 0..self.come(now).min(most) {
            match self.inbox.front() {
                Some((_, Item::Byte(byte))) => bytes.push(*byte),
                Some((_, Item::Fin)) if bytes.is_empty() => return Ok(None),
                Some((_, Item::Reset)) if bytes.is_empty() => return Err(Failure::Reset),
                _ => break,
            }
            self.take();
        }
        Ok(Some(bytes))
    }

    /// What is to be read, without reading it.
    pub(crate) fn unasked(&self, now: Duration) -> Option<Unasked> {
        let mut come = self.inbox.iter().take(self.come(now)).map(|(_, item)| item);
        match come.by_ref().take_while(|item| matches!(item, Item::Byte(_))).count() {
            0 if self.come(now) == 0 => None,
            0 => Some(Unasked::Closed),
            bytes => Some(Unasked::Bytes(bytes as u64)),
        }
    }
}
