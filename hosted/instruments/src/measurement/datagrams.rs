//! What a network that delivers datagrams as it likes did besides: by itself none of it is a failure.

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
    /// Messages that came back after one that was sent later on the same connection. They are echoed, too.
    pub reordered: u64,
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
        self.reordered += reordered;
        self.crossed += crossed;
        self.foreign += foreign;
        self.dropped_here =
            self.dropped_here.zip(*dropped_here).map(|(mine, theirs)| mine + theirs);
    }
}
