//! What the echo of a datagram costs the server: `hosted server --udp` beside the least that can be
//! done, one datagram at a time and many at once.
//!
//! `cargo bench -p benchmarks -- datagrams` starts each as a process of its own on the first
//! processor, keeps so many datagrams under way from the second, takes turns, and prints medians.
//! The processor time is the server's, as the kernel accounts it. With `100ms` behind it a round takes
//! that long instead of a second.

use std::array;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use echo_instruments::quantity;
use echo_instruments::quantity::given::Time;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};

use crate::process::{Server, median, pin};

const ROUNDS: usize = 5;

/// As long as a datagram may be here, and as many as the minimal server takes at once.
const LONGEST: usize = 2048;
const BATCH: usize = 32;

/// With one of these words the program is a minimal server.
pub(crate) const SINGLE: &str = "minimal datagrams";
pub(crate) const MANY: &str = "minimal datagrams in batches";

pub(crate) fn run(words: &[String]) -> Result<()> {
    let given = words.iter().find_map(|argument| argument.parse().ok());
    let Time(round) = given.unwrap_or(Time(Duration::from_secs(1)));
    println!("UDP over loopback; server on processor 0, load on processor 1");
    println!(
        "{:>6}  {:>9}  {:<20}{:>12}{:>18}",
        "bytes", "under way", "server", "echoes/s", "server CPU/echo"
    );
    let flags = ["hosted", "server", "--udp", "--ip", "127.0.0.1", "--port", "0", "--quiet"];
    let servers = [
        ("recvfrom, sendto", Server::start(&[SINGLE])?),
        ("recvmmsg, sendmmsg", Server::start(&[MANY])?),
        ("hosted server --udp", Server::start(&flags)?),
    ];
    pin(1);
    for length in [64, 1000] {
        for window in [1, 64] {
            let mut results = [const { Vec::new() }; 3];
            for _ in 0..ROUNDS {
                for ((_, server), results) in servers.iter().zip(&mut results) {
                    results.push(measure(server, length, window, round)?);
                }
            }
            for ((name, _), results) in servers.iter().zip(results) {
                let cpu = Duration::from_secs_f64(median(&results, |sample| sample.cpu));
                let (cpu, rate) =
                    (quantity::duration(cpu), quantity::amount(median(&results, |it| it.rate)));
                println!("{length:>6}  {window:>9}  {name:<20}{rate:>12}{cpu:>18}");
            }
        }
    }
    Ok(())
}

/// Echoes per second, seconds.
struct Sample {
    rate: f64,
    cpu: f64,
}

fn measure(server: &Server, length: usize, window: usize, round: Duration) -> Result<Sample> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(server.address)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let (datagram, mut buffer) = (vec![7; length], [0; LONGEST]);
    let (before, start) = (server.cpu_seconds()?, Instant::now());
    let (mut echoed, mut lost) = (0_u32, 0_usize);
    while start.elapsed() < round {
        for _ in 0..window {
            socket.send(&datagram)?;
        }
        for left in (0..window).rev() {
            match socket.recv(&mut buffer) {
                Ok(n) => {
                    ensure!(n == length, "{n} bytes came back of {length}");
                    echoed += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    lost += left + 1;
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    let (took, used) = (start.elapsed(), server.cpu_seconds()? - before);
    ensure!(echoed > 0 && lost <= 10 * window, "{lost} were lost, {echoed} came back");
    Ok(Sample { rate: f64::from(echoed) / took.as_secs_f64(), cpu: used / f64::from(echoed) })
}

fn bound() -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", socket.local_addr()?);
    Ok(socket)
}

/// The least that an echo server can do: receive, send.
pub(crate) fn one_by_one() -> Result<()> {
    let socket = bound()?;
    let mut buffer = [0; LONGEST];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        socket.send_to(&buffer[..length], peer)?;
    }
}

/// The same with as many at once as are there.
pub(crate) fn in_batches() -> Result<()> {
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
