//! What Linux tells of a TCP connection.

use std::time::Duration;

use mio::net::TcpStream;

use super::measurement::Kernel;

/// Asks for `TCP_INFO`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "no safe crate offers this option of getsockopt")]
pub(super) fn read(stream: &TcpStream) -> Option<Kernel> {
    use std::mem::MaybeUninit;
    use std::os::fd::AsRawFd;

    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as the stream is borrowed; the
    // kernel writes at most `length` bytes, which `info` has.
    let answer = unsafe {
        let into = info.as_mut_ptr().cast();
        libc::getsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, into, &mut length)
    };
    if answer != 0 {
        return None;
    }
    // SAFETY: it is made of integers, for which zero is a value; what the
    // kernel did not write still is zero.
    let info = unsafe { info.assume_init() };
    Some(Kernel {
        retransmits: info.tcpi_total_retrans.into(),
        srtt: Duration::from_micros(info.tcpi_rtt.into()),
    })
}

/// Other systems do not tell.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn read(_stream: &TcpStream) -> Option<Kernel> {
    None
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_new_connection_has_a_round_trip_time_and_no_retransmits() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stream = std::net::TcpStream::connect(address).expect("connected");
        let kernel = read(&TcpStream::from_std(stream)).expect("Linux tells");
        assert_eq!(kernel.retransmits, 0);
        assert!(kernel.srtt > Duration::ZERO, "{kernel:?}");
    }
}
