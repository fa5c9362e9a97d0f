//! Peers beside which a server must not run all the time.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::program::{PATIENCE, Program};

/// It waits, whatever its peers do: one that says nothing, one that reads nothing, one that reads
/// nothing and has sent its FIN, and one that has had all that it will get.
pub(crate) fn it_sleeps_beside(program: &Program) {
    let _silent = connect(program.address);
    let _stuck = fill(connect(program.address));
    let half_closed = fill(connect(program.address));
    half_closed.shutdown(Shutdown::Write).expect("a connection");
    let mut told = connect(program.address);
    told.write_all(b"exit").expect("a connection");
    assert_eq!(told.read(&mut [0]).expect("its FIN"), 0);
    let before = wanted(&program.child);
    let start = Instant::now();
    thread::sleep(Duration::from_millis(500));
    let passed = start.elapsed();
    let wanted = wanted(&program.child) - before;
    assert!(wanted < passed / 2, "it wanted to run for {wanted:?} of {passed:?}");
}

/// For how long it ran, or would have run if there were processors enough.
fn wanted(child: &Child) -> Duration {
    let path = format!("/proc/{}/schedstat", child.id());
    let stat = fs::read_to_string(path).expect("the kernel keeps such statistics");
    let times = stat.split(' ').take(2).map(|time| time.parse::<u64>().expect("nanoseconds"));
    Duration::from_nanos(times.sum())
}

pub(crate) fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&server, PATIENCE).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    stream
}

/// Writes until nothing more is taken; that is soon, where memory is bounded.
pub(crate) fn fill(mut stream: TcpStream) -> TcpStream {
    let socket = SockRef::from(&stream);
    socket.set_send_buffer_size(1 << 16).expect("a size");
    socket.set_recv_buffer_size(1 << 16).expect("a size");
    stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a time");
    let block = [7; 1 << 14];
    let full = (0..1024).find_map(|_| stream.write_all(&block).err());
    let error = full.expect("16 MiB were taken, and none was read");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    stream
}
