//! UDP.

use std::array;
use std::hint::black_box;
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

use anyhow::Result;
use nix::cmsg_space;
use nix::sys::socket::{
    MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, recvmsg, sendmmsg, sendmsg, setsockopt, sockopt,
};

use super::spin;

/// As long as a datagram may be here, and as many as are taken at once.
const LONGEST: usize = 2048;
const BATCH: usize = 32;

/// Receive, send.
pub(super) fn one_by_one() -> Result<()> {
    let socket = bound()?;
    let mut buffer = [0; LONGEST];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        socket.send_to(&buffer[..length], peer)?;
    }
}

/// The same, told the hop limit of each.
pub(super) fn informed() -> Result<()> {
    let socket = bound()?;
    setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?;
    let (mut buffer, mut control) = ([0; LONGEST], cmsg_space!(i32));
    let (socket, none) = (socket.as_raw_fd(), MsgFlags::empty());
    loop {
        let mut slice = [IoSliceMut::new(&mut buffer)];
        let it = recvmsg::<SockaddrIn>(socket, &mut slice, Some(&mut control), none)?;
        black_box(it.cmsgs()?.next());
        let (length, peer) = (it.bytes, it.address);
        sendmsg(socket, &[IoSlice::new(&buffer[..length])], &[], none, peer.as_ref())?;
    }
}

/// The same as the first with as many at once as are there.
pub(super) fn in_batches() -> Result<()> {
    let socket = bound()?;
    let mut buffers = [[0; LONGEST]; BATCH];
    let mut received = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut answers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    loop {
        let (mut count, mut peers, mut lengths) = (0, [None; BATCH], [0; BATCH]);
        let mut slices = buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let wait = MsgFlags::MSG_WAITFORONE;
        for it in recvmmsg(socket.as_raw_fd(), &mut received, slices.iter_mut(), wait, None)? {
            (peers[count], lengths[count]) = (it.address, it.bytes);
            count += 1;
        }
        let slices: [_; BATCH] =
            array::from_fn(|number| [IoSlice::new(&buffers[number][..lengths[number]])]);
        let (slices, none) = (slices[..count].iter(), MsgFlags::empty());
        sendmmsg(socket.as_raw_fd(), &mut answers, slices, &peers[..count], [], none)?;
    }
}

/// A task of tokio.
pub(super) fn task() -> Result<()> {
    let socket = bound()?;
    socket.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        let mut buffer = [0; LONGEST];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).await?;
            socket.send_to(&buffer[..length], peer).await?;
        }
    })
}

/// Polled without sleeping.
pub(super) fn spinning() -> Result<()> {
    let socket = bound()?;
    socket.set_nonblocking(true)?;
    let mut buffer = [0; LONGEST];
    loop {
        let (length, peer) = spin(|| socket.recv_from(&mut buffer))?;
        spin(|| socket.send_to(&buffer[..length], peer))?;
    }
}

fn bound() -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", socket.local_addr()?);
    Ok(socket)
}
