//! The load to offer: flags are turned into it once, before anything runs. It knows
//! no address and no stack.

mod window;

use std::time::Duration;

use echo_core::Payload;

pub(crate) use self::window::Window;

/// The load to offer.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The protocol over which messages go.
    pub protocol: Protocol,
    /// The number of connections at once, each with one message in flight. Over UDP these are as many local
    /// ports, or groups of ports, and at a planned rate each has several in flight.
    pub connections: u16,
    /// The content of messages, different [on each connection](Payload::on).
    pub payload: Payload<Vec<u8>>,
    /// The number of bytes in a message.
    pub length: u64,
    /// The time limit of a round trip, and of opening a connection.
    pub limit: Option<Duration>,
    /// The rule by which messages start.
    pub pace: Pace,
    /// The distances between messages of a planned rate.
    pub arrivals: Arrivals,
    /// Whether to follow some messages through the kernel.
    pub follows: bool,
    /// Whether to open a connection for each message, as part of it.
    pub per_message: bool,
    /// Whether to end connections with a reset, after which no port stays in TIME-WAIT.
    pub reset: bool,
    /// The length of the warm-up: what starts in it is left out.
    pub omit: Duration,
    /// The number of messages after which to stop.
    pub count: Option<u64>,
    /// The time after which no message starts.
    pub time: Option<Duration>,
    /// How long to busy-wait for echoes before sleeping: the processor is busy, but
    /// need not wake up. `Duration::MAX`: never sleep.
    pub spin: Duration,
    /// How often to carry it out, each time over new connections.
    pub repeat: u16,
    /// Whether to reopen the connection and go on after a failure, instead of stopping.
    pub keep_going: bool,
    /// The times for which to count how many messages came back within them.
    pub within: Vec<Duration>,
}

impl Plan {
    /// One connection, messages of one byte, no limit and no end.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            protocol: Protocol::Tcp,
            connections: 1,
            payload: Payload::Zero,
            length: 1,
            limit: None,
            pace: Pace::Closed,
            arrivals: Arrivals::Even,
            follows: false,
            per_message: false,
            reset: false,
            omit: Duration::ZERO,
            count: None,
            time: None,
            spin: Duration::ZERO,
            repeat: 1,
            keep_going: false,
            within: Vec::new(),
        }
    }

    /// The same load for the run of this number, from 0, in a series. Where messages can be told apart,
    /// those of one run are from those of another: what comes late must not be taken for its own.
    #[must_use]
    pub fn renewed(&self, number: u16) -> Self {
        let payload = match self.payload.clone() {
            Payload::Seq { run, connection } => {
                Payload::Seq { run: run.wrapping_add(number), connection }
            }
            Payload::Random { seed } => Payload::Random { seed: seed.wrapping_add(number.into()) },
            alike => alike,
        };
        let arrivals = match self.arrivals {
            Arrivals::Even => Arrivals::Even,
            Arrivals::Poisson { seed } => {
                Arrivals::Poisson { seed: seed.wrapping_add(number.into()) }
            }
        };
        Self { payload, arrivals, ..self.clone() }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self::new()
    }
}

/// The protocol over which messages go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Each message is a part of a stream of bytes.
    #[default]
    Tcp,
    /// Each message is a datagram.
    Udp,
}

impl Protocol {
    /// Its name in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// The rule by which the next message starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As soon as the one before it on the same connection has ended.
    Closed,
    /// One on each connection in each interval of this length, the connections one after
    /// another; none where the one before it is still in flight.
    Interval(Duration),
    /// This many per second over all connections, whatever comes back. A message
    /// that is due while another is in flight waits for its connection, and
    /// its response time includes that wait.
    Rate(f64),
}

/// How the messages of a planned rate follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// At equal distances.
    Even,
    /// As those of many independent users: at exponential distances, which the seed repeats.
    Poisson {
        /// The seed of the distances.
        seed: u64,
    },
}
