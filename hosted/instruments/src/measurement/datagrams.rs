//! What a network that delivers datagrams as it likes did besides: by itself none of it is a failure.

use crate::plan::{Plan, Protocol, Window};

/// Datagrams that arrived and are not the one echo of a message in flight, and messages whose order was changed.
///
/// They are about messages that are measured; what cannot be known to belong to one counts if it arrived after the
/// warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Datagrams {
    /// Echoes of messages that had timed out. Their times are in no other number.
    pub late: u64,
    /// Echoes of messages that had come back already.
    pub duplicated: u64,
    /// Messages that came back after one that was sent later on the same connection; they are echoed, too. None if that
    /// is not known, because several are in flight and each has a local port of its own.
    pub reordered: Option<u64>,
    /// Echoes that came on another connection than that of their message. That one may have been lost.
    pub crossed: u64,
    /// Datagrams from another address, or that nobody here has sent.
    pub foreign: u64,
    /// Datagrams that had come, and that this machine dropped for want of room, where the system tells. They are of any
    /// of these sorts, or echoes of messages that count as lost.
    pub dropped_here: Option<u64>,
}

/// What a datagram is that ends no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stray {
    Late,
    Duplicate,
    Crossed,
    Foreign,
}

impl Datagrams {
    /// Nothing yet, of what is known of a load like this.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let reordered = Window::of(plan).shows_order().then_some(0);
        (plan.protocol == Protocol::Udp).then(|| Self { reordered, ..Self::default() })
    }

    /// Counts what came besides.
    pub(crate) fn record(&mut self, stray: Stray) {
        *match stray {
            Stray::Late => &mut self.late,
            Stray::Duplicate => &mut self.duplicated,
            Stray::Crossed => &mut self.crossed,
            Stray::Foreign => &mut self.foreign,
        } += 1;
    }

    /// Adds the counts of another run.
    pub(super) fn add(&mut self, other: &Self) {
        // A new count is not forgotten here.
        let Self { late, duplicated, reordered, crossed, foreign, dropped_here } = other;
        self.late += late;
        self.duplicated += duplicated;
        self.crossed += crossed;
        self.foreign += foreign;
        for (mine, theirs) in
            [(&mut self.reordered, reordered), (&mut self.dropped_here, dropped_here)]
        {
            *mine = mine.zip(*theirs).map(|(mine, theirs)| mine + theirs);
        }
    }
}
