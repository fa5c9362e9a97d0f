//! How many datagrams Linux has dropped that had arrived at a socket: `SO_MEMINFO`.

use std::os::fd::AsFd;

/// The number since the socket was made; `None` where the system does not tell.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe crate offers this option of getsockopt")]
pub(crate) fn read(socket: impl AsFd) -> Option<u64> {
    use std::os::fd::AsRawFd;

    const DROPS: usize = libc::SK_MEMINFO_DROPS as usize;
    let mut info = [0_u32; DROPS + 1];
    let mut length = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the descriptor is open as long as the socket is borrowed; the
    // kernel writes at most `length` bytes, which `info` has.
    let answer = unsafe {
        let into = info.as_mut_ptr().cast();
        let descriptor = socket.as_fd().as_raw_fd();
        libc::getsockopt(descriptor, libc::SOL_SOCKET, libc::SO_MEMINFO, into, &mut length)
    };
    let whole = answer == 0 && length as usize == size_of_val(&info);
    whole.then(|| info[DROPS].into())
}

/// Other systems do not.
#[cfg(not(target_os = "linux"))]
pub(crate) fn read(_socket: impl AsFd) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::UdpSocket;

    use socket2::SockRef;

    use super::*;

    #[test]
    fn what_finds_no_room_is_counted() {
        let [socket, client] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a port"));
        client.connect(socket.local_addr().expect("bound")).expect("an address");
        SockRef::from(&socket).set_recv_buffer_size(4096).expect("an option");
        client.send(&[0; 100]).expect("sent");
        assert_eq!(read(&socket), Some(0));
        (0..99).for_each(|_| assert!(client.send(&[0; 100]).is_ok()));
        socket.set_nonblocking(true).expect("an option");
        let received = (0..100).filter(|_| socket.recv(&mut [0; 100]).is_ok()).count() as u64;
        assert!((1..100).contains(&received), "{received}");
        assert_eq!(read(&socket), Some(100 - received));
    }
}
