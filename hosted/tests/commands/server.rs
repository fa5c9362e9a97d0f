//! What a client of `hosted server` sees, and what the server says of it.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use echo_core::{CloseReason, Rules};
use rustix::process::Signal;
use socket2::SockRef;

use crate::support::{Echo, PATIENCE, Program, connect, expect, hosted, ping, rest, run, skip};

#[test]
fn the_word_exit_ends_a_session() {
    for word in ["exit", "exit\n", "exit\r\n"] {
        let echo = Echo::with(Rules::default());
        let mut client = connect(echo.address);
        ping(&mut client, b"hello");
        client.write_all(word.as_bytes()).expect("sent");
        assert_eq!(rest(&client), b"", "{word:?}");
        drop(client);
        assert_eq!(echo.stop().closed(CloseReason::Exit), 1, "{word:?}");
    }
}

#[test]
fn the_word_exit_may_come_in_pieces() {
    let echo = Echo::with(Rules::default());
    let mut client = connect(echo.address);
    ping(&mut client, b"ex");
    client.write_all(b"it\n").expect("sent");
    assert_eq!(rest(&client), b"");
}

#[test]
fn what_only_looks_like_exit_is_echoed() {
    let echo = Echo::with(Rules::default());
    for text in ["exits", " exit", "a\nexit\nb", "exit\nexit\n", "EXIT", "exi"] {
        let mut client = connect(echo.address);
        ping(&mut client, text.as_bytes());
        ping(&mut client, b"still there");
    }
}

#[test]
fn without_the_exit_rule_the_word_is_data() {
    let (_server, address) = Program::server(&["--rfc862"]);
    let mut client = connect(address);
    ping(&mut client, b"exit\n");
    ping(&mut client, b"exit");
}

#[test]
fn who_leaves_with_a_reset_has_left_unless_an_echo_was_pending() {
    let leave = |client: TcpStream| {
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("an option");
    };
    let echo = Echo::with(Rules::default());
    let mut client = connect(echo.address);
    ping(&mut client, b"hello");
    leave(client);
    let totals = echo.stop();
    assert_eq!((totals.closed(CloseReason::Disconnected), totals.broken()), (1, 0));

    let echo = Echo::with(Rules::default());
    let mut client = connect(echo.address);
    ping(&mut client, b"hello");
    client.set_nonblocking(true).expect("an option");
    // Both ways are full.
    while client.write(&[7; 1 << 16]).is_ok() {}
    leave(client);
    let totals = echo.stop();
    assert_eq!((totals.closed(CloseReason::Disconnected), totals.broken()), (0, 1));
}

#[test]
fn a_silent_client_is_left_after_the_time_out() {
    let idle = Some(Duration::from_millis(100));
    let echo = Echo::with(Rules { idle, ..Rules::default() });
    let client = connect(echo.address);
    assert_eq!(rest(&client), b"");
    drop(client);
    assert_eq!(echo.stop().closed(CloseReason::TimedOut), 1);
}

#[test]
fn a_one_shot_server_echoes_one_message_to_each_client() {
    let (mut server, address) = Program::server(&["--one-shot"]);
    for _ in 0..2 {
        let mut client = connect(address);
        client.write_all(b"one message").expect("sent");
        assert_eq!(rest(&client), b"one message");
        drop(client);
        server.stdout_line("answered!");
    }
}

#[test]
fn after_a_half_close_the_rest_of_the_echo_comes_and_then_a_fin() {
    let echo = Echo::with(Rules::default());
    let mut client = connect(echo.address);
    client.write_all(b"the last words").expect("sent");
    client.shutdown(Shutdown::Write).expect("half-closed");
    assert_eq!(rest(&client), b"the last words");
}

#[test]
fn both_families_are_served_by_default() {
    let mut server = Program::start(hosted().args(["server", "--port", "0"]));
    let port = server.address().port();
    ping(&mut connect((Ipv4Addr::LOCALHOST, port).into()), b"over IPv4");
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        ping(&mut connect((Ipv6Addr::LOCALHOST, port).into()), b"over IPv6");
        server.signal(Signal::TERM);
        let said = server.wait().stdout;
        assert!(
            said.starts_with(&format!("Echo server on [::]:{port} (IPv6 and IPv4)\n")),
            "{said}"
        );
        assert!(said.contains("Client 127.0.0.1:") && said.contains("Client [::1]:"), "{said}");
    } else {
        skip("a server on all addresses: no IPv6 on this machine");
    }
}

#[test]
fn a_name_is_listened_on_at_all_its_addresses() {
    let mut server = Program::start(hosted().args(["server", "--ip", "localhost", "--port", "0"]));
    let addresses = server.addresses();
    let resolved = ("localhost", addresses[0].port()).to_socket_addrs().expect("a name");
    // `localhost` has an IPv6 address even where the machine has none.
    for address in resolved.filter(|at| TcpListener::bind((at.ip(), 0)).is_ok()) {
        assert!(addresses.contains(&address), "{address}: {addresses:?}");
        ping(&mut connect(address), address.to_string().as_bytes());
    }
}

#[test]
fn the_first_lines_say_how_it_serves() {
    let flags = ["--timeout", "90", "--buffer", "1", "--listen", "5", "--one-shot", "--rfc862"];
    let (server, address) = Program::server(&flags);
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let port = address.port();
    let said = ended.stdout.replace(&port.to_string(), "PORT");
    insta::assert_snapshot!(said);
}

#[test]
fn who_comes_and_goes_is_told() {
    let (mut server, address) = Program::server(&["--timeout", "5s"]);
    let leave = |server: &mut Program, word: &[u8], how: &str| {
        let mut client = connect(address);
        let name = client.local_addr().expect("connected");
        server.stdout_line(&format!("Client {name} connected!"));
        ping(&mut client, b"secret");
        client.write_all(word).expect("sent");
        if how != "timeout" {
            client.shutdown(Shutdown::Write).expect("half-closed");
        }
        rest(&client);
        server.stdout_line(&format!("Client {name} {how}!"));
    };
    leave(&mut server, b"", "disconnected");
    leave(&mut server, b"", "timeout");
    server.signal(Signal::TERM);
    let ended = server.wait();
    let totals = "--- echo server statistics ---\n\
                  2 connections, 12 bytes echoed: 1 disconnected, 1 timeout\n";
    assert!(ended.stdout.ends_with(totals), "{}", ended.stdout);
    assert!(!ended.stdout.contains("secret"), "{}", ended.stdout);
}

#[test]
fn exit_is_told() {
    let (mut server, address) = Program::server(&[]);
    let mut client = connect(address);
    client.write_all(b"exit\n").expect("sent");
    assert_eq!(rest(&client), b"");
    drop(client);
    server.stdout_line("exit!");
}

#[test]
fn messages_are_shown_escaped_when_asked_for() {
    let (mut server, address) = Program::server(&["-v"]);
    let mut client = connect(address);
    ping(&mut client, b"\x1b[2J gr\xc3\xbcn\xff\n");
    let line = server.stdout_line("sent");
    assert!(line.ends_with(r"sent: \x1b[2J grün\xff\n"), "{line}");
}

#[test]
fn a_quiet_server_says_nothing_of_clients() {
    let (server, address) = Program::server(&["--quiet"]);
    ping(&mut connect(address), b"hello");
    server.signal(Signal::TERM);
    let said = server.wait().stdout;
    assert!(!said.contains("Client") && said.contains("1 connection, 5 bytes echoed"), "{said}");
}

#[test]
fn a_port_in_use_is_refused_with_a_way_out() {
    let (_server, address) = Program::server(&[]);
    let port = address.port().to_string();
    let ended = run(&["server", "--ip", "127.0.0.1", "--port", &port]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
    let way_out = "(is another server running? choose another with --port)";
    let error = format!("error: cannot listen on {address}: address already in use {way_out}\n");
    assert_eq!(ended.stderr, error);
}

#[test]
fn any_message_length_passes_any_buffer() {
    for buffer in ["1", "7", "1024", "65536"] {
        let (_server, address) = Program::server(&["--buffer", buffer]);
        let mut client = connect(address);
        for length in [1, 2, 6, 7, 8, 1023, 1024, 1025, 5000] {
            let message = vec![b'0'; length];
            client.write_all(&message).expect("sent");
            expect(&mut client, &message);
        }
    }
}

#[test]
fn a_server_answers_at_the_address_it_names() {
    let (_server, address) = Program::server(&[]);
    assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
    ping(&mut connect(address), b"hello");
}

/// Whether the thread that serves sleeps, and the ticks of processor time that it has used.
#[cfg(target_os = "linux")]
fn worker(server: &Program) -> (bool, u64) {
    let id = server.id();
    let stat = std::fs::read_to_string(format!("/proc/{id}/task/{id}/stat")).expect("it runs");
    let fields: Vec<_> = stat.rsplit(')').next().expect("its name").split_whitespace().collect();
    let ticks = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number"));
    (fields[0] == "S", ticks.sum())
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_that_spins_uses_its_processor_and_sleeps_only_after_its_time() {
    for (flags, sleeps) in [(&["--spin"][..], false), (&["--spin", "1ms"], true), (&[], true)] {
        let (server, address) = Program::server(flags);
        let mut client = connect(address);
        ping(&mut client, b"hello");
        let end = std::time::Instant::now() + PATIENCE;
        loop {
            let (asleep, ticks) = worker(&server);
            // It must have used the time: a thread that waits for the machine is not asleep either.
            if if sleeps { asleep } else { ticks >= 20 } {
                break;
            }
            assert!(std::time::Instant::now() < end, "{flags:?}: asleep {asleep}, {ticks} ticks");
            std::thread::yield_now();
        }
        ping(&mut client, b"still there");
    }
}
