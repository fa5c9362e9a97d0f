//! What Linux knows about a TCP connection: `TCP_INFO`.

use std::os::fd::AsFd;
use std::time::Duration;

/// What the kernel reports about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TcpInfo {
    /// The number of segments that were retransmitted.
    pub(crate) retransmits: u64,
    /// The smoothed round-trip time, as it is now.
    pub(crate) srtt: Duration,
    /// The lowest round-trip time of the last minutes (`net.ipv4.tcp_min_rtt_wlen`), from a
    /// segment to its acknowledgement, if there was one.
    pub(crate) min_rtt: Option<Duration>,
    /// The number of bytes that the peer's TCP has acknowledged so far: it grows as long as it takes any.
    pub(crate) acknowledged: u64,
    /// Whether something, a FIN too, is not acknowledged, or not even sent.
    pub(crate) pending: bool,
    /// How long ago the peer last acknowledged anything, something new or not;
    /// in units of the kernel's clock, up to 10 ms.
    pub(crate) quiet: Duration,
}

/// Reads `TCP_INFO`; `None` where the system does not have it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "no safe crate offers this option of getsockopt")]
pub(crate) fn read(socket: impl AsFd) -> Option<TcpInfo> {
    use std::mem::MaybeUninit;
    use std::os::fd::AsRawFd;

    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as the socket is borrowed; the
    // kernel writes at most `length` bytes, which `info` has.
    let answer = unsafe {
        let into = info.as_mut_ptr().cast();
        let descriptor = socket.as_fd().as_raw_fd();
        libc::getsockopt(descriptor, libc::IPPROTO_TCP, libc::TCP_INFO, into, &mut length)
    };
    if answer != 0 {
        return None;
    }
    // SAFETY: it is made of integers, for which zero is a value; what the
    // kernel did not write still is zero.
    let info = unsafe { info.assume_init() };
    Some(TcpInfo {
        retransmits: info.tcpi_total_retrans.into(),
        srtt: Duration::from_micros(info.tcpi_rtt.into()),
        min_rtt: Some(info.tcpi_min_rtt)
            // The kernel has seen none, or is one that does not report it.
            .filter(|micros| !matches!(*micros, 0 | u32::MAX))
            .map(|micros| Duration::from_micros(micros.into())),
        acknowledged: info.tcpi_bytes_acked,
        pending: info.tcpi_unacked > 0 || info.tcpi_notsent_bytes > 0,
        quiet: Duration::from_millis(info.tcpi_last_ack_recv.into()),
    })
}

/// Other systems do not have it.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn read(_socket: impl AsFd) -> Option<TcpInfo> {
    None
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_has_a_round_trip_time_and_what_the_peer_took() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mut stream = TcpStream::connect(address).expect("connected");
        let new = read(&stream).expect("Linux says");
        assert_eq!(new.retransmits, 0);
        assert!(new.srtt > Duration::ZERO, "{new:?}");

        let (mut peer, _) = listener.accept().expect("accepted");
        assert!(!new.pending, "nothing is under way");
        stream.write_all(&[0; 1000]).expect("sent");
        peer.write_all(b"!").expect("answered");
        // Its segment carries the acknowledgement.
        stream.read_exact(&mut [0]).expect("received");
        let then = read(&stream).expect("Linux says");
        assert_eq!(then.acknowledged - new.acknowledged, 1000);
        assert!(!then.pending);
        assert!(then.min_rtt.is_some_and(|least| least <= new.srtt.max(then.srtt)), "{then:?}");
    }
}
