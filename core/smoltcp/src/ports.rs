//! The local ports of connections, by a rule that needs no table: they are dealt out like
//! cards, so that the remainder of a port names its connection.

/// The dynamic ports, for which no service is registered (RFC 6335).
const COUNT: usize = 1 << 14;
const FIRST: u16 = 49152;

/// The ports of a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    connections: usize,
    /// How many ports each connection has.
    each: usize,
    /// Which of them it uses first.
    start: usize,
}

impl Ports {
    pub(crate) const fn new(connections: usize, seed: u64) -> Self {
        // Where there are fewer ports than connections, the first have one.
        let each = match COUNT.checked_div(connections) {
            None | Some(0) => 1,
            Some(each) => each,
        };
        // The remainder is smaller than the number of ports.
        Self { connections, each, start: (seed % each as u64) as usize }
    }

    /// The next port of a connection. All its ports are used before one is used again.
    pub(crate) fn next(&self, connection: usize, turn: &mut usize) -> Option<u16> {
        let port = connection + self.connections * ((self.start + *turn) % self.each);
        *turn = (*turn + 1) % self.each;
        // The index of a port is below `COUNT`, which is below 2^16.
        (port < COUNT).then(|| FIRST + port as u16)
    }

    /// The connection that may use this port.
    pub(crate) fn user(&self, port: u16) -> Option<usize> {
        let port = usize::from(port.checked_sub(FIRST)?);
        port.checked_rem(self.connections)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_connections_share_a_port_and_all_ports_are_found() {
        for connections in [1, 2, 3, 1000, 4001, 8193, COUNT] {
            let ports = Ports::new(connections, 0xdead_beef);
            let mut seen = BTreeSet::new();
            for connection in 0..connections {
                let mut turn = 0;
                for _ in 0..COUNT / connections {
                    let port = ports.next(connection, &mut turn).expect("there are enough");
                    assert!(port >= FIRST && seen.insert(port), "{port} of {connections}");
                    assert_eq!(ports.user(port), Some(connection), "{port} of {connections}");
                }
                let again = ports.next(connection, &mut turn).expect("there are enough");
                assert!(!seen.insert(again), "all are used before one is used again");
            }
        }
    }

    #[test]
    fn a_seed_chooses_where_it_begins() {
        let first = |seed| Ports::new(10, seed).next(3, &mut 0);
        assert_ne!(first(1), first(2));
        assert_eq!(first(1), first(1));
    }

    #[test]
    fn too_many_connections_and_none_are_no_harm() {
        let ports = Ports::new(COUNT + 5, 7);
        assert_eq!(ports.next(COUNT - 1, &mut 0), Some(u16::MAX));
        assert_eq!(ports.next(COUNT, &mut 0), None);
        assert_eq!(ports.user(u16::MAX), Some(COUNT - 1));
        assert_eq!(Ports::new(0, 7).user(u16::MAX), None);
        assert_eq!(Ports::new(5, 7).user(FIRST - 1), None);
    }
}
