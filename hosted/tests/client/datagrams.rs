//! Over UDP: a datagram for each message, and every one that does not come back is told.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Output;
use std::thread::{self, JoinHandle};

use crate::support::{Client, PATIENCE, assert_well, command_to, cue, piped, stderr};
use crate::terminal::Terminal;

/// A server that follows a script of its own.
struct Peer {
    target: String,
    thread: JoinHandle<()>,
}

impl Peer {
    fn start(serve: impl FnOnce(&UdpSocket) + Send + 'static) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let target = socket.local_addr().expect("bound").to_string();
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let thread = thread::spawn(move || serve(&socket));
        Self { target, thread }
    }

    /// Echoes as many datagrams, and checks their bytes.
    fn echoing(datagrams: &'static [&'static [u8]]) -> Self {
        Self::start(|socket| datagrams.iter().for_each(|datagram| echo(socket, datagram)))
    }

    fn client(&self, flags: &[&str], input: &[u8]) -> Output {
        piped(command_to(&self.target, &[&["-u"], flags].concat()), input)
    }

    fn end(self) {
        self.thread.join().expect("all as the script says");
    }
}

/// Receives `datagram`, and returns who sent it.
fn receive(socket: &UdpSocket, datagram: &[u8]) -> SocketAddr {
    let mut buffer = vec![0; 1 << 16];
    let (length, from) = socket.recv_from(&mut buffer).expect("in time");
    assert_eq!(&buffer[..length], datagram);
    from
}

fn echo(socket: &UdpSocket, datagram: &[u8]) {
    socket.send_to(datagram, receive(socket, datagram)).expect("sent");
}

#[test]
fn a_message_is_one_datagram_of_exactly_its_bytes() {
    for (flags, input, datagram) in [
        (&["-m", "hello"][..], "not read\n", &b"hello"[..]),
        (&["-m", ""], "not read\n", b""),
        (&["-m", "exit"], "", b"exit"),
        (&["-m", "two\nlines\n"], "", b"two\nlines\n"),
        (&["-1"], "one\ntwo\n", b"one\n"),
    ] {
        let peer = Peer::start(move |socket| echo(socket, datagram));
        let output = peer.client(flags, input.as_bytes());
        assert_well(&output);
        assert_eq!(output.stdout, datagram);
        peer.end();
    }
}

#[test]
fn a_pipe_comes_back_identical_in_datagrams_of_no_more_than_the_buffer() {
    let peer = Peer::echoing(&[b"0123", b"4567", b"89"]);
    let output = peer.client(&["--buffer", "4"], b"0123456789");
    assert_well(&output);
    assert_eq!(output.stdout, b"0123456789");
    peer.end();
    // What is longer than any datagram is cut, too.
    let peer = Peer::start(|socket| [65_507, 29].iter().for_each(|n| echo(socket, &vec![0; *n])));
    let output = peer.client(&["--buffer", "65536"], &[0; 65_536]);
    assert_well(&output);
    assert!(output.stdout == [0; 65_536]);
    peer.end();
}

#[test]
fn a_lost_datagram_is_told_after_the_time_out_and_the_next_one_is_sent() {
    let (give, sent) = cue();
    let peer = Peer::start(|socket| {
        echo(socket, b"one");
        receive(socket, b"two");
        give();
        echo(socket, b"three");
    });
    let mut client = Client::start_at(&peer.target, &["-u", "--timeout", "3"]);
    client.enter(b"one");
    client.expect(b"one");
    client.enter(b"two");
    sent().expect("it is under way");
    // It is not its turn before the second is given up.
    client.enter(b"three");
    client.expect(b"three");
    client.end_input();
    let output = client.finish();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "note: datagram 2 (3 bytes): nothing came back within 3s\n\
         error: 1 of 3 datagrams did not come back as sent\n"
    );
    peer.end();
}

#[test]
fn where_nobody_answers_the_hint_says_what_may_be_the_matter() {
    let peer = Peer::start(|socket| _ = receive(socket, b"hello"));
    let output = peer.client(&["-m", "hello", "--timeout", "50ms"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "note: datagram 1 (5 bytes): nothing came back within 50ms\n\
         error: 1 of 1 datagram did not come back as sent (is a UDP echo server listening there, \
         and does every firewall let it answer?)\n"
    );
    peer.end();
}

#[test]
fn whatever_is_not_the_echo_is_told() {
    let (give, sent) = cue();
    let peer = Peer::start(|socket| {
        let from = receive(socket, b"one");
        give();
        // While the second is under way, everything else comes first.
        receive(socket, b"two");
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        other.send_to(b"\x1b[2Jtwo", from).expect("sent");
        socket.send_to(b"one", from).expect("sent");
        socket.send_to(b"two", from).expect("sent");
        receive(socket, b"three");
        socket.send_to(b"two", from).expect("sent");
        socket.send_to(b"thr", from).expect("sent");
    });
    let mut client = Client::start_at(&peer.target, &["-u", "--timeout", "3"]);
    client.enter(b"one");
    sent().expect("it is under way");
    client.enter(b"two");
    client.expect(b"two");
    client.enter(b"three");
    client.expect(b"thr");
    client.end_input();
    let output = client.finish();
    let said = stderr(&output);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 6, "{said}");
    assert_eq!(lines[0], "note: datagram 1 (3 bytes): nothing came back within 3s");
    let foreign = "note: 7 bytes (\"\\x1b[2Jtwo\") came from 127.0.0.1:";
    assert!(lines[1].starts_with(foreign) && lines[1].ends_with(", which was not asked"), "{said}");
    assert_eq!(lines[2], "note: datagram 1 (3 bytes) came back after it was given up");
    assert_eq!(lines[3], "note: datagram 2 (3 bytes) came back once more");
    assert_eq!(lines[4], "note: datagram 3 (5 bytes) came back changed, as 3 bytes");
    assert_eq!(lines[5], "error: 2 of 3 datagrams did not come back as sent");
    assert_eq!(output.status.code(), Some(1));
    peer.end();
}

#[test]
#[cfg(target_os = "linux")]
fn where_nobody_listens_it_says_so() {
    // It hears only one peer, so that nobody listens to others.
    let bound = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    bound.connect((Ipv4Addr::LOCALHOST, 9)).expect("a route");
    let target = bound.local_addr().expect("bound").to_string();
    let output = piped(command_to(&target, &["-u", "-m", "hello"]), b"");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        stderr(&output),
        format!(
            "error: cannot send to {target}: connection refused (is an echo server listening \
             there? `hosted server --udp --port PORT` starts one)\n"
        )
    );
}

#[test]
fn a_line_that_does_not_fit_into_a_datagram_is_refused() {
    let peer = Peer::start(|_| {});
    let output = peer.client(&["-1"], &[b'x'; 65_508]);
    assert_eq!(output.status.code(), Some(3));
    let why =
        format!("error: cannot send to {}: message too long (65507 bytes at most)\n", peer.target);
    assert_eq!(stderr(&output), why);
    peer.end();
}

#[test]
fn who_types_sees_each_echo_and_what_is_lost_and_leaves_with_exit() {
    let peer = Peer::start(|socket| {
        echo(socket, b"hello");
        echo(socket, b"");
        receive(socket, b"lost");
        echo(socket, b"again");
    });
    let mut terminal = Terminal::dumb_of(command_to(&peer.target, &["--udp", "--timeout", "3"]));
    terminal.expect("To server < ");
    terminal.enter("hello\n");
    terminal.expect("From server > hello\r\nTo server < ");
    terminal.enter("\n");
    terminal.expect("From server > \r\nTo server < ");
    terminal.enter("lost\n");
    terminal.expect("note: datagram 3 (4 bytes): nothing came back within 3s\r\nTo server < ");
    terminal.enter("again\n");
    terminal.expect("From server > again\r\nTo server < ");
    terminal.enter("exit\n");
    assert_eq!(terminal.finish(), (Some(0), "exit\r\n".into()));
    peer.end();
}
