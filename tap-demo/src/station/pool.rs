//! The connections of a station: which link has which, and which one is used next.

use std::collections::VecDeque;

/// All connections, by number. Those that were closed longest ago are used first.
pub(super) struct Pool {
    /// The link that has each, if one has.
    links: Vec<Option<usize>>,
    free: VecDeque<usize>,
}

impl Pool {
    pub(super) fn new(connections: usize) -> Self {
        Self { links: vec![None; connections], free: (0..connections).collect() }
    }

    /// The numbers of all.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.links.len()
    }

    /// The link that has this connection.
    pub(super) fn link(&self, number: usize) -> Option<usize> {
        self.links[number]
    }

    /// Takes the one that was given back first, for this link.
    ///
    /// # Panics
    ///
    /// If all are in use: there are more of them than links.
    pub(super) fn take(&mut self, link: usize) -> usize {
        let number = self.free.pop_front().expect("there are more connections than links");
        self.links[number] = Some(link);
        number
    }

    pub(super) fn give_back(&mut self, number: usize) {
        self.links[number] = None;
        self.free.push_back(number);
    }
}
