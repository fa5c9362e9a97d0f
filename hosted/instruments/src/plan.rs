//! What load to offer: flags become this once, before anything runs. It knows
//! no address and no stack.

use std::time::Duration;

use echo_core::Payload;

/// What load to offer.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Connections at once, each with one message under way.
    pub connections: u16,
    /// What messages contain: [on each connection](Payload::on) its own.
    pub payload: Payload<Vec<u8>>,
    /// Bytes of a message.
    pub length: u64,
    /// How long a round trip, or opening a connection, may take.
    pub limit: Option<Duration>,
    /// When messages start.
    pub pace: Pace,
    /// Open a connection for each message, as part of it.
    pub per_message: bool,
    /// End connections by a reset, after which no port rests in TIME-WAIT.
    pub reset: bool,
    /// Leave out what starts in this time before the measurement.
    pub omit: Duration,
    /// Stop after this many messages.
    pub count: Option<u64>,
    /// Start no message after this time.
    pub time: Option<Duration>,
    /// Look for echoes without sleeping, for this long: the processor is busy, but
    /// need not wake up. `Duration::MAX`: never sleep.
    pub spin: Duration,
    /// After a failure, open the connection anew and go on; otherwise stop.
    pub keep_going: bool,
}

impl Plan {
    /// One connection, messages of one byte, no limit and no end.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connections: 1,
            payload: Payload::Zero,
            length: 1,
            limit: None,
            pace: Pace::Closed,
            per_message: false,
            reset: false,
            omit: Duration::ZERO,
            count: None,
            time: None,
            spin: Duration::ZERO,
            keep_going: false,
        }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self::new()
    }
}

/// When the next message starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As soon as the one before it on the same connection has ended.
    Closed,
    /// On each connection one in each of these times, the connections one after
    /// another; none where the one before it is still under way.
    Interval(Duration),
    /// So many a second over all connections, whatever comes back. A message
    /// that is due while another is under way waits for its connection, and
    /// its response time includes that wait.
    Rate(f64),
}
