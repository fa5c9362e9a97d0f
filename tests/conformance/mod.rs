//! What every stack must do: one list of cases, each a peer on a real socket.
//!
//! A case asks for a server with certain rules and talks to it. It knows no
//! stack; whoever calls [`run`] says how a server is started on theirs.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use echo_core::Rules;
use socket2::SockRef;

/// Nothing here takes that long; it only keeps a fault from hanging the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// One thing that a server must do.
struct Case {
    name: &'static str,
    rules: Rules,
    check: fn(SocketAddr) -> Result<()>,
}

const PLAIN: Rules = Rules { idle: None, chunk: 1024, one_shot: false, exit: true };

const CASES: &[Case] = &[
    Case { name: "every byte comes back", rules: PLAIN, check: every_byte },
    Case { name: "a message larger than all buffers", rules: PLAIN, check: a_large_message },
    Case {
        name: "one byte at a time",
        rules: Rules { chunk: 1, ..PLAIN },
        check: |server| comes_back(server, &noise(10_000)),
    },
    Case { name: "urgent bytes are bytes", rules: PLAIN, check: urgent_bytes },
    Case { name: "exit ends a session", rules: PLAIN, check: exit_ends },
    Case { name: "exit in company is data", rules: PLAIN, check: exit_in_company },
    Case { name: "a file of exit lines", rules: PLAIN, check: exit_lines },
    Case { name: "a file that ends with exit", rules: PLAIN, check: exit_at_the_end },
    Case { name: "exit alone, then the end", rules: PLAIN, check: exit_alone },
    Case {
        name: "RFC 862 knows no exit",
        rules: Rules { exit: false, ..PLAIN },
        check: |server| comes_back(server, b"exit\n"),
    },
    Case { name: "one shot", rules: Rules { one_shot: true, ..PLAIN }, check: one_shot },
    Case {
        name: "silence is timed out",
        rules: Rules { idle: Some(Duration::from_millis(50)), ..PLAIN },
        check: silence,
    },
    Case { name: "many at once", rules: PLAIN, check: many },
    Case { name: "one who breaks does not break others", rules: PLAIN, check: a_broken_peer },
];

/// Runs all cases; `serve` starts a server with these rules and says where it
/// is, and keeps it until what it returns is dropped.
pub(crate) fn run<S>(mut serve: impl FnMut(Rules) -> Result<(S, SocketAddr)>) {
    let mut failed = Vec::new();
    for case in CASES {
        let outcome = serve(case.rules).and_then(|(_server, address)| (case.check)(address));
        match outcome {
            Ok(()) => println!("ok: {}", case.name),
            Err(error) => failed.push(format!("{}: {error:#}", case.name)),
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} failed:\n{}",
        failed.len(),
        CASES.len(),
        failed.join("\n")
    );
}

fn connect(server: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, PATIENCE).context("connect")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends all and then a FIN, reads all at the same time, and expects the same.
fn comes_back(server: SocketAddr, data: &[u8]) -> Result<()> {
    let stream = connect(server)?;
    let echo = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut echo = Vec::new();
            (&stream).read_to_end(&mut echo).map(|_| echo)
        });
        (&stream).write_all(data).context("send")?;
        stream.shutdown(Shutdown::Write).context("half-close")?;
        reader.join().expect("the reader does not panic").context("read")
    })?;
    ensure!(echo.len() == data.len(), "{} of {} bytes came back", echo.len(), data.len());
    ensure!(echo == data, "other bytes came back");
    Ok(())
}

/// One message and its echo, on a connection that stays.
fn exchange(mut stream: &TcpStream, message: &[u8]) -> Result<()> {
    stream.write_all(message).context("send")?;
    let mut echo = vec![0; message.len()];
    stream.read_exact(&mut echo).context("read the echo")?;
    ensure!(echo == message, "{:?} came back", echo.escape_ascii().to_string());
    Ok(())
}

/// The server sends its FIN and no byte before.
fn ends(mut stream: &TcpStream) -> Result<()> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).context("wait for the end")?;
    ensure!(rest.is_empty(), "{:?} came before the end", rest.escape_ascii().to_string());
    Ok(())
}

/// Bytes without a pattern, always the same.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    echo_core::Payload::Random { seed: 862 }.fill(0, 0, &mut bytes);
    bytes
}

fn every_byte(server: SocketAddr) -> Result<()> {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let stream = connect(server)?;
    for _ in 0..3 {
        exchange(&stream, &all)?;
    }
    for byte in &all {
        exchange(&stream, &[*byte])?;
    }
    Ok(())
}

fn a_large_message(server: SocketAddr) -> Result<()> {
    comes_back(server, &noise(2 << 20))
}

/// However the segments are cut, and also right before the end.
fn urgent_bytes(server: SocketAddr) -> Result<()> {
    let stream = connect(server)?;
    let mut echo = [0; 12];
    for round in 0..50 {
        (&stream).write_all(b"before").context("send")?;
        SockRef::from(&stream).send_out_of_band(b"!").context("send an urgent byte")?;
        (&stream).write_all(b"after").context("send")?;
        (&stream).read_exact(&mut echo).with_context(|| format!("read echo {round}"))?;
        let text = echo.escape_ascii().to_string();
        ensure!(text == "before!after", "{text} came back in round {round}");
    }
    SockRef::from(&stream).send_out_of_band(b"last").context("send urgent bytes")?;
    stream.shutdown(Shutdown::Write).context("half-close")?;
    let mut tail = Vec::new();
    (&stream).read_to_end(&mut tail).context("read the tail")?;
    ensure!(tail == b"last", "the tail is {:?}", tail.escape_ascii().to_string());
    Ok(())
}

fn exit_ends(server: SocketAddr) -> Result<()> {
    for word in ["exit", "exit\n", "exit\r\n"] {
        let stream = connect(server)?;
        exchange(&stream, b"hello")?;
        (&stream).write_all(word.as_bytes())?;
        ends(&stream).with_context(|| format!("after {word:?}"))?;
    }
    Ok(())
}

fn exit_in_company(server: SocketAddr) -> Result<()> {
    let stream = connect(server)?;
    for message in ["exits", " exit", "a\nexit\nb", "exit\n\n", "EXIT", "e", "ex", "exi"] {
        exchange(&stream, message.as_bytes()).with_context(|| format!("{message:?}"))?;
        // A message of its own starts here, and it is no part of the word.
        exchange(&stream, b"-")?;
    }
    Ok(())
}

fn exit_lines(server: SocketAddr) -> Result<()> {
    comes_back(server, &b"exit\n".repeat(20_000))
}

fn exit_at_the_end(server: SocketAddr) -> Result<()> {
    let stream = connect(server)?;
    // The echo is read first, so that the word is sure to come alone; the FIN comes with it.
    exchange(&stream, &noise(1024))?;
    last_words(&stream, b"exit")?;
    let mut tail = Vec::new();
    (&stream).read_to_end(&mut tail).context("read the tail")?;
    ensure!(tail == b"exit", "the tail is {:?}", tail.escape_ascii().to_string());
    Ok(())
}

fn exit_alone(server: SocketAddr) -> Result<()> {
    let stream = connect(server)?;
    last_words(&stream, b"exit\n")?;
    ends(&stream)
}

/// Sends the bytes and the FIN in one segment: no pause lies between, however busy the machine.
fn last_words(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    SockRef::from(stream).set_tcp_cork(true)?;
    stream.write_all(bytes)?;
    stream.shutdown(Shutdown::Write)
}

fn one_shot(server: SocketAddr) -> Result<()> {
    let stream = connect(server)?;
    exchange(&stream, b"once")?;
    ends(&stream)
}

fn silence(server: SocketAddr) -> Result<()> {
    ends(&connect(server)?)
}

fn many(server: SocketAddr) -> Result<()> {
    let streams = (0..64).map(|_| connect(server)).collect::<Result<Vec<_>>>()?;
    for round in 0..3_u8 {
        for (number, stream) in streams.iter().enumerate() {
            exchange(stream, &[round; 100]).with_context(|| format!("connection {number}"))?;
        }
    }
    Ok(())
}

fn a_broken_peer(server: SocketAddr) -> Result<()> {
    let well = connect(server)?;
    exchange(&well, b"before")?;
    for _ in 0..10 {
        let stream = connect(server)?;
        (&stream).write_all(&noise(10_000))?;
        // Closing at once sends a reset instead of a FIN.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        drop(stream);
        exchange(&well, b"between")?;
    }
    exchange(&well, b"after")
}
