//! The connections of a station, the link that each belongs to, and the order in which free ones
//! are used.

use std::collections::VecDeque;

/// All connections, by number. The one that was closed the longest time ago is used first.
pub(super) struct Pool {
    /// For each connection the link that it belongs to, if any.
    links: Vec<Option<usize>>,
    free: VecDeque<usize>,
}

impl Pool {
    pub(super) fn new(connections: usize) -> Self {
        Self { links: vec![None; connections], free: (0..connections).collect() }
    }

    /// The numbers of those that belong to no link; what was closed may not have come to its end.
    pub(super) fn free(&self) -> impl Iterator<Item = usize> {
        self.free.iter().copied()
    }

    /// The link that this connection belongs to.
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
