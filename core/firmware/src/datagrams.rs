//! UDP, on a board that has room for it.

#![forbid(unsafe_code)]

use echo_smoltcp::Server;
#[cfg(target_arch = "x86_64")]
use echo_smoltcp::{
    Datagrams,
    smoltcp::{
        iface::SocketStorage,
        socket::udp::{PacketBuffer, PacketMetadata},
    },
};
#[cfg(target_arch = "x86_64")]
use static_cell::{ConstStaticCell, StaticCell};

use crate::board::SESSION;

/// The longest datagram in a frame.
#[cfg(target_arch = "x86_64")]
const LONGEST: usize = 1472;

/// As many as wait while the controller has no room.
#[cfg(target_arch = "x86_64")]
const WAITING: usize = 4;

/// The same server, which echoes datagrams, too.
#[cfg(target_arch = "x86_64")]
pub(crate) fn lend(server: Server<'static, 'static, SESSION>) -> Server<'static, 'static, SESSION> {
    static STORAGE: StaticCell<[SocketStorage<'static>; 2]> = StaticCell::new();
    static ONE: ConstStaticCell<[PacketMetadata; 1]> =
        ConstStaticCell::new([PacketMetadata::EMPTY]);
    static SEVERAL: ConstStaticCell<[PacketMetadata; WAITING]> =
        ConstStaticCell::new([PacketMetadata::EMPTY; WAITING]);
    static RECEIVE: ConstStaticCell<[u8; LONGEST]> = ConstStaticCell::new([0; LONGEST]);
    static SEND: ConstStaticCell<[u8; WAITING * LONGEST]> =
        ConstStaticCell::new([0; WAITING * LONGEST]);
    static DATAGRAMS: StaticCell<Datagrams<'static>> = StaticCell::new();

    let receive = PacketBuffer::new(&mut ONE.take()[..], &mut RECEIVE.take()[..]);
    let send = PacketBuffer::new(&mut SEVERAL.take()[..], &mut SEND.take()[..]);
    let storage = STORAGE.init([SocketStorage::EMPTY, SocketStorage::EMPTY]);
    server.lend(DATAGRAMS.init(Datagrams::new(storage, receive, send)))
}

/// The same server: with UDP, this board's image would have 4880 bytes more, and more than the 40 KiB
/// that it is to fit into.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn lend(server: Server<'static, 'static, SESSION>) -> Server<'static, 'static, SESSION> {
    server
}
