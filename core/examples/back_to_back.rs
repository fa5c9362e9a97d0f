//! A lesson in sans-I/O: a client and a server talk without a socket, a thread
//! or a clock. What the one wants to send is handed to the other; time passes
//! when we say so.
//!
//! `cargo run -p echo-core --example back_to_back`

use std::time::Duration;

use echo_core::{Endpoint, Instant, Payload, Probe, Rules, Session};

fn main() {
    let mut now = Instant::START;
    // Small buffers, to see a message go through in pieces.
    let mut session = Session::<16>::new(now, Rules::default());
    let mut probe =
        Probe::new(Payload::Bytes(b"hello, hello! "), 42, Some(Duration::from_secs(1)), [0; 12]);

    probe.begin(now, 0);
    while probe.end().is_none() {
        carry("client", &mut probe, "server", &mut session, now);
        now = now + Duration::from_millis(10);
        carry("server", &mut session, "client", &mut probe, now);
        now = now + Duration::from_millis(10);
    }
    match probe.end() {
        Some(Ok(took)) => println!("the whole echo was back after {took:?}"),
        Some(Err(failure)) => println!("no echo: {failure}"),
        None => unreachable!("the loop ends with the message"),
    }

    // `exit` is a command only if silence follows. Nobody needs to sleep for it.
    session.handle_received(now, b"exit\n");
    session.handle_quiet(now);
    while session.end().is_none() {
        now = session.deadline().expect("it waits for silence, then for our FIN");
        session.handle_timeout(now);
        let (finished, end) = (session.finished(), session.end());
        println!("{:>5} ms  finished: {finished}, end: {end:?}", now.since_start().as_millis());
    }
}

/// Hands over as much as the receiver has room for.
fn carry(
    from: &str,
    sender: &mut impl Endpoint,
    to: &str,
    receiver: &mut impl Endpoint,
    now: Instant,
) {
    let n = receiver.handle_received(now, sender.to_send());
    if n > 0 {
        let text = String::from_utf8_lossy(&sender.to_send()[..n]).into_owned();
        println!("{:>5} ms  {from} -> {to}: {text:?}", now.since_start().as_millis());
    }
    sender.handle_sent(now, n);
    receiver.handle_quiet(now);
}
