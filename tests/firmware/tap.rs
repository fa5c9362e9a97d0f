//! Over a TAP, where the kernel is the client.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use echo_cases::Needs;

use crate::image::{Board, LM3S6965, MICROVM};
use crate::machine::{Machine, SOON, Wire};
use crate::namespace::{assert_inside, run_inside};
use crate::raw::ping;
use crate::tests::{no_message_fails, the_list_passes};

/// For all tests inside, on a busy machine.
const LIMIT: Duration = Duration::from_secs(600);

#[test]
fn on_a_tap() {
    // What is missing is told here; nobody sees what is printed inside.
    if BOARDS.into_iter().filter_map(Board::image).count() > 0 {
        run_inside("the firmware on a TAP", LIMIT);
    }
}

const BOARDS: [&Board; 2] = [&LM3S6965, &MICROVM];

/// An interface of the namespace.
fn tap() -> Wire {
    assert_inside();
    for arguments in [
        "tuntap add dev tap0 mode tap",
        "address add 192.168.69.100/24 dev tap0",
        "-6 address add fdaa::100/64 dev tap0 nodad",
        "link set tap0 up",
    ] {
        let done = Command::new("ip").args(arguments.split(' ')).output().expect("ip is there");
        assert!(done.status.success(), "ip {arguments}: {done:?}");
    }
    Wire::Tap("tap0")
}

/// As a socket of both families has it.
fn mapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(_) => address,
    }
}

fn passes(board: &Board, wire: Wire) {
    let Some(machine) = Machine::start(board, Needs::Echo.rules(), wire) else { return };
    let v4 = Ipv4Addr::new(192, 168, 69, 1);
    assert!(ping(v4, b"are you there?") && ping(v4, &[7; 1472]));
    if board.ipv6 {
        let v6: SocketAddr = "[fdaa::1]:2333".parse().expect("an address");
        TcpStream::connect_timeout(&v6, SOON).expect("it serves both");
        let socket = UdpSocket::bind("[::]:0").expect("a port");
        socket.set_read_timeout(Some(SOON)).expect("not zero");
        for server in [v6, machine.address] {
            let to = SocketAddr::new(mapped(server.ip()), server.port());
            socket.send_to(&[7; 1000], to).expect("there is a way");
            let mut echo = [0; 1500];
            assert_eq!(socket.recv_from(&mut echo).expect("an echo"), (1000, to));
            assert_eq!(echo[..1000], [7; 1000]);
        }
    }
    machine.stop();
    the_list_passes(board, wire);
    no_message_fails(board, wire);
}

#[test]
#[ignore = "runs in a namespace of `on_a_tap`"]
fn the_cortex_m3_passes() {
    passes(&LM3S6965, tap());
}

#[test]
#[ignore = "runs in a namespace of `on_a_tap`"]
fn the_microvm_passes() {
    passes(&MICROVM, tap());
}
