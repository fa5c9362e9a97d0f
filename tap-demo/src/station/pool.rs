//! The connections of a station: which are in use, and which one is used next.

use std::collections::VecDeque;

use echo_smoltcp::{Client, Connection};

/// All connections, by number. Those that have taken leave longest ago are used first.
pub(super) struct Pool {
    connections: Vec<Connection>,
    free: VecDeque<usize>,
}

impl Pool {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let free = (0..connections.len()).collect();
        Self { connections, free }
    }

    /// A connection whose number came from here.
    pub(super) fn get(&self, number: usize) -> &Connection {
        &self.connections[number]
    }

    /// The same, to be moved on.
    pub(super) fn get_mut(&mut self, number: usize) -> &mut Connection {
        &mut self.connections[number]
    }

    /// Takes the one that was given back first.
    ///
    /// # Panics
    ///
    /// If all are in use: there are more of them than links.
    pub(super) fn take(&mut self) -> usize {
        self.free.pop_front().expect("there are more connections than links")
    }

    pub(super) fn give_back(&mut self, number: usize) {
        self.free.push_back(number);
    }

    /// Whether nobody has anything to say any more.
    pub(super) fn all_closed(&self, client: &Client<'_>) -> bool {
        self.connections.iter().all(|it| client.is_closed(it))
    }
}
