//! Memory for the buffers of sockets, which is taken once, before anything begins.

use std::hint::black_box;

use echo_instruments::quantity::{bytes, counted};
use echo_instruments::verdict::Misuse;
use echo_smoltcp::smoltcp::socket::udp::PacketMetadata;

use crate::plan::Socket;

/// The bytes received, and those to be sent, of many sockets.
pub(crate) struct Rings {
    receive: Vec<u8>,
    send: Vec<u8>,
    sizes: [usize; 2],
}

impl Rings {
    /// Memory for so many sockets.
    ///
    /// # Errors
    ///
    /// If there is not so much: the flags ask for too much.
    pub(crate) fn new(socket: &Socket, sockets: usize) -> Result<Self, Misuse> {
        let sizes @ [receive, send] = [socket.receive, socket.send];
        match (many(0, receive, sockets), many(0, send, sockets)) {
            (Some(receive), Some(send)) => Ok(Self { receive, send, sizes }),
            _ => Err(no_memory(
                sockets,
                &format!(
                    "buffers of {} and {} (--rx-buffer, --tx-buffer)",
                    bytes(receive as u64),
                    bytes(send as u64)
                ),
            )),
        }
    }

    /// Those of each socket.
    pub(crate) fn each(&mut self) -> impl Iterator<Item = (&mut [u8], &mut [u8])> {
        let [receive, send] = self.sizes;
        self.receive.chunks_exact_mut(receive).zip(self.send.chunks_exact_mut(send))
    }
}

/// For each of so many sockets the places of the datagrams in both of its buffers.
///
/// # Errors
///
/// If there is not so much memory.
pub(crate) fn places(socket: &Socket, sockets: usize) -> Result<Vec<[PacketMetadata; 2]>, Misuse> {
    let Socket { datagrams, .. } = *socket;
    many([PacketMetadata::EMPTY; 2], datagrams, sockets).ok_or_else(|| {
        let datagrams = counted(datagrams as u64, "datagram");
        no_memory(sockets, &format!("room for {datagrams} (--datagrams)"))
    })
}

/// So many of each of so many, or None where `vec!` would end the program. Like there, zeros are no memory before they
/// are overwritten.
fn many<T: Clone>(one: T, each: usize, sockets: usize) -> Option<Vec<T>> {
    let len = each.checked_mul(sockets)?;
    let mut tried = Vec::<T>::new();
    tried.try_reserve_exact(len).ok()?;
    // Or the compiler may leave out what nobody uses.
    drop(black_box(tried));
    Some(vec![one; len])
}

fn no_memory(sockets: usize, what: &str) -> Misuse {
    let sockets = counted(sockets as u64, "socket");
    Misuse(format!("this machine has no memory for {sockets} with {what}: ask for less, or fewer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(receive: usize, send: usize) -> Socket {
        Socket { receive, send, nagle: false, ack_delay: None, datagrams: 1 << 30 }
    }

    #[test]
    fn each_socket_has_its_own() {
        let mut rings = Rings::new(&socket(3, 2), 4).expect("a few bytes");
        assert!(rings.each().all(|(receive, send)| (receive, send) == (&mut [0; 3], &mut [0; 2])));
        assert_eq!(rings.each().count(), 4);
    }

    #[test]
    fn more_than_there_is_is_a_wrong_command_line() {
        for (receive, send, sockets) in [(1 << 30, 64, 1 << 24), (64, 1 << 30, usize::MAX)] {
            let Misuse(said) =
                Rings::new(&socket(receive, send), sockets).err().expect("no machine");
            assert!(said.contains("with buffers of ") && said.contains("--tx-buffer"), "{said}");
        }
        let Misuse(said) = places(&socket(64, 64), 1 << 24).expect_err("no machine");
        assert!(said.contains("room for 1 073 741 824 datagrams (--datagrams)"), "{said}");
    }
}
