//! How many datagrams of a load may be in flight at once, and from how many local ports.

use super::{Pace, Plan, Protocol};

/// The most messages in flight of all connections together. What is due beyond that waits, and is late.
const IN_FLIGHT: usize = 1 << 17;

/// The most local ports of all connections together, where each has no more than one message in flight.
const PORTS: usize = 256;

/// The least numbers of messages that a connection remembers, and of the ports that it takes in turn.
const REMEMBERED: usize = 256;
const IN_TURN: usize = 16;
const FEWEST: usize = 4;

/// What one connection of a load over datagrams has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// The most messages in flight.
    pub(crate) most: usize,
    /// The number of messages that are remembered, with those in flight.
    pub(crate) messages: usize,
    /// The number of local ports.
    pub(crate) ports: usize,
}

impl Window {
    /// Whether the order in which messages come back is known: what has come to several ports is
    /// received in the order of the ports.
    pub(crate) const fn shows_order(&self) -> bool {
        self.ports == 1 || self.most == 1
    }

    /// Where the content tells the message, any number is in flight on one port. Where it does not, ports take turns
    /// with one message each.
    pub(crate) fn of(plan: &Plan) -> Self {
        let connections = usize::from(plan.connections.max(1));
        let scheduled = scheduled(plan).map(|most| most.min(IN_FLIGHT / connections).max(1));
        if plan.payload.tells(plan.length) {
            let most = scheduled.unwrap_or(1);
            return Self { most, messages: most.max(REMEMBERED), ports: 1 };
        }
        let wanted = scheduled.unwrap_or(0).max(IN_TURN);
        let ports = wanted.min((PORTS / connections).max(FEWEST));
        Self { most: scheduled.map_or(1, |most| most.min(ports)), messages: ports, ports }
    }
}

/// How many messages of one connection of a planned rate are in flight if none comes back: all that are due within the
/// limit, and as many more as random arrivals hardly ever exceed.
fn scheduled(plan: &Plan) -> Option<usize> {
    let Pace::Rate(per_second) = plan.pace else { return None };
    let Some(limit) = plan.limit else { return Some(usize::MAX) };
    let mean = per_second * limit.as_secs_f64() / f64::from(plan.connections.max(1));
    Some((mean + 6.0 * mean.sqrt() + 8.0) as usize)
}

impl Plan {
    /// The number of links that a run uses: its connections, or over UDP its local ports.
    #[must_use]
    pub fn links(&self) -> usize {
        let connections = usize::from(self.connections.max(1));
        match self.protocol {
            Protocol::Tcp => connections,
            Protocol::Udp => connections * Window::of(self).ports,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use echo_core::Payload;

    use super::*;

    const SEQ: Payload<Vec<u8>> = Payload::Seq { run: 1, connection: 0 };

    fn window(payload: &Payload<Vec<u8>>, pace: Pace, connections: u16) -> (usize, usize, usize) {
        let (payload, limit) = (payload.clone(), Some(Duration::from_secs(1)));
        let plan = Plan {
            protocol: Protocol::Udp,
            payload,
            length: 8,
            pace,
            connections,
            limit,
            ..Plan::new()
        };
        let Window { most, messages, ports } = Window::of(&plan);
        assert_eq!(plan.links(), ports * usize::from(connections));
        (most, messages, ports)
    }

    #[test]
    fn content_that_tells_its_message_needs_one_port() {
        assert_eq!(window(&SEQ, Pace::Closed, 1), (1, 256, 1));
        assert_eq!(window(&SEQ, Pace::Interval(Duration::from_secs(1)), 1), (1, 256, 1));
        // Of 10 000 per second all that are sent within the limit of a second.
        assert_eq!(window(&SEQ, Pace::Rate(10_000.0), 1), (10_608, 10_608, 1));
        assert_eq!(window(&SEQ, Pace::Rate(10_000.0), 100), (168, 256, 1));
        assert_eq!(window(&SEQ, Pace::Rate(1e9), 1), (1 << 17, 1 << 17, 1));
    }

    #[test]
    fn where_all_are_alike_ports_take_turns() {
        let zero = Payload::Zero;
        assert_eq!(window(&zero, Pace::Closed, 1), (1, 16, 16));
        assert_eq!(window(&zero, Pace::Closed, 1_000), (1, 4, 4));
        assert_eq!(window(&zero, Pace::Rate(10.0), 1), (36, 36, 36));
        assert_eq!(window(&zero, Pace::Rate(10_000.0), 1), (256, 256, 256));
    }
}
