//! Where both ends of a connection run, if they are on one machine.

use echo_instruments::stack::Placement;
use mio::net::TcpStream;

/// Whether the processor that last received for this socket, which is the one that sent if both ends are on this
/// machine, is the one that this thread runs on. None if the peer is elsewhere, or the system does not say.
#[cfg(target_os = "linux")]
pub(super) fn placement(stream: &TcpStream) -> Option<Placement> {
    use rustix::thread::sched_getcpu;
    use socket2::SockRef;

    let (here, peer) = (stream.local_addr().ok()?, stream.peer_addr().ok()?);
    if here.ip() != peer.ip() && !peer.ip().is_loopback() {
        return None;
    }
    let received = SockRef::from(stream).cpu_affinity().ok()?;
    // It is -1 as long as nothing has been received.
    let received = i32::try_from(received).ok()?;
    Some(if usize::try_from(received) == Ok(sched_getcpu()) {
        Placement::Together
    } else {
        Placement::Apart
    })
}

/// Other systems do not say.
#[cfg(not(target_os = "linux"))]
pub(super) fn placement(_stream: &TcpStream) -> Option<Placement> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener};

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    use super::*;

    /// The processor on which the peer sends is the one that is seen: on one both are together, on two apart.
    #[test]
    fn both_ends_are_seen_where_they_run() {
        let allowed = sched_getaffinity(None).expect("a set");
        let all: Vec<_> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        let run_on = |cpu: usize| {
            let mut set = CpuSet::new();
            set.set(cpu);
            sched_setaffinity(None, &set).expect("one that is allowed");
        };
        for (sends, looks) in [(all[0], all[0]), (all[0], all[all.len() - 1])] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let stream = std::net::TcpStream::connect(listener.local_addr().expect("bound"));
            let stream = stream.expect("connected");
            let (mut peer, _) = listener.accept().expect("accepted");
            // Only this thread moves: others run where they like.
            run_on(sends);
            peer.write_all(b"!").expect("sent");
            stream.peek(&mut [0]).expect("received");
            run_on(looks);
            let placement = placement(&TcpStream::from_std(stream));
            let truth = if sends == looks { Placement::Together } else { Placement::Apart };
            // Where the system steers packets (RPS), another processor receives.
            let steered = std::fs::read_to_string("/sys/class/net/lo/queues/rx-0/rps_cpus");
            let steered = steered.is_ok_and(|cpus| !cpus.trim_matches(['0', ',', '\n']).is_empty());
            assert!(placement == Some(truth) || steered, "{sends} and {looks}: {placement:?}");
        }
    }
}
