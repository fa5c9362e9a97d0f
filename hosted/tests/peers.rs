//! What the sockets tell the load loop of peers that do as they are told: what came too late, who
//! closed, what came unasked. What the loop makes of it is tested on virtual time, with the instruments.
//!
//! A peer sleeps only to be later than a limit: on a slow machine it is later still.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use echo_core::Payload;
use echo_core::{Failure, FailureKind};
use echo_instruments::load::Observer;
use echo_instruments::measurement::{Ended, Measurement, Sample};
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::signals::Stop;
use hosted::sockets;
use rustix::net::{SendFlags, send};
use socket2::SockRef;

const MILLI: Duration = Duration::from_millis(1);

/// Longer than anything takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

const LENGTH: usize = 100;

/// Keeps every message.
#[derive(Default)]
struct Notes(Vec<Sample>);

impl Observer for Notes {
    fn look(&mut self, _measurement: &Measurement) {}

    fn message(&mut self, sample: &Sample) {
        self.0.push(*sample);
    }
}

/// Treats each connection, counted from 0, as `treat` says.
fn peer(treat: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        thread::scope(|scope| {
            for (number, stream) in listener.incoming().enumerate() {
                let (mut stream, treat) = (stream.expect("accepted"), &treat);
                stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
                stream.set_nodelay(true).expect("TCP");
                scope.spawn(move || treat(number, &mut stream));
            }
        });
    });
    address
}

/// Reads one message; `None` once the client has left.
fn message(stream: &mut TcpStream) -> Option<[u8; LENGTH]> {
    let mut message = [0; LENGTH];
    stream.read_exact(&mut message).ok().map(|()| message)
}

/// Messages that tell whose they are, to a peer that may spoil them.
fn plan() -> Plan {
    Plan {
        length: LENGTH as u64,
        payload: Payload::Seq { run: 1, connection: 0 },
        limit: Some(PATIENCE),
        keep_going: true,
        ..Plan::new()
    }
}

fn run(address: SocketAddr, plan: &Plan, observer: &mut dyn Observer) -> Measurement {
    let first = TcpStream::connect(address).expect("connected");
    sockets::measure(plan, first, &Stop::new().expect("a pipe"), observer).expect("a run")
}

#[test]
fn an_echo_that_comes_too_late_has_timed_out_however_it_is_waited_for() {
    for (limit, hold) in [(10 * MILLI, 50 * MILLI), (250 * MILLI, 260 * MILLI)] {
        for (connections, spin) in [(1, Duration::ZERO), (1, Duration::MAX), (4, Duration::ZERO)] {
            // Half of it comes in time, and helps nothing.
            let address = peer(move |_, stream| {
                while let Some(message) = message(stream) {
                    let _ = stream.write_all(&message[..50]);
                    thread::sleep(hold);
                    let _ = stream.write_all(&message[50..]);
                }
            });
            let limit = Some(limit);
            let plan = Plan { limit, connections, spin, count: Some(8), ..plan() };
            let mut notes = Notes::default();
            let out = run(address, &plan, &mut notes);
            let what = format!("{limit:?}, {connections} connections, spin {spin:?}");
            assert_eq!((out.tally.echoed(), out.tally.failures()), (0, 8), "{what}");
            assert_eq!(out.tally.failed(FailureKind::TimedOut), 8, "{what}");
            for note in notes.0 {
                let Err(Failure::TimedOut { whole, .. }) = note.end else { panic!("{note:?}") };
                assert!(whole.is_none_or(|whole| whole >= hold), "{what}: {note:?}");
                // And nobody gives up before.
                assert!(Some(note.at) >= limit, "{what}: {note:?}");
            }
        }
    }
}

/// Between two messages of a connection: no machine is so slow that the end of the
/// one before comes later.
const PAUSE: Duration = Duration::from_secs(1);

#[test]
fn a_connection_that_was_closed_while_idle_is_opened_anew_and_no_failure() {
    type Close = fn(&mut TcpStream, &[u8]);
    let closes: [(Close, &str); 2] = [
        (
            |stream, message| {
                // The FIN comes with the echo.
                send(&*stream, message, SendFlags::MORE).expect("sent");
                stream.shutdown(Shutdown::Write).expect("closed");
                let _ = stream.read(&mut [0]);
            },
            "FIN",
        ),
        (
            |stream, message| {
                stream.write_all(message).expect("sent");
                SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).expect("an option");
            },
            "RST",
        ),
    ];
    let modes = [(1, Duration::ZERO), (1, Duration::MAX), (3, Duration::ZERO)];
    thread::scope(|scope| {
        for (close, how) in closes {
            for (connections, spin) in modes {
                scope.spawn(move || {
                    let address = peer(move |_, stream| {
                        let Some(message) = message(stream) else { return };
                        close(stream, &message);
                    });
                    let count = 2 * u64::from(connections);
                    let pace = Pace::Interval(PAUSE);
                    let count = Some(count);
                    let plan = Plan { connections, spin, pace, count, keep_going: false, ..plan() };
                    let out = run(address, &plan, &mut Notes::default());
                    let what = format!("{how}, {connections} connections, spin {spin:?}");
                    let ends = (Some(out.tally.echoed()), out.tally.failures(), out.ended);
                    assert_eq!(ends, (count, 0, Ended::AsPlanned), "{what}: {:?}", out.incidents);
                    assert_eq!(out.closed_while_idle, u64::from(connections), "{what}");
                });
            }
        }
    });
}

/// Tells of each message.
struct Telling(mpsc::Sender<()>);

impl Observer for Telling {
    fn look(&mut self, _measurement: &Measurement) {}

    fn message(&mut self, _sample: &Sample) {
        let _ = self.0.send(());
    }
}

#[test]
fn a_byte_behind_an_echo_is_the_fault_of_the_message_before() {
    for connections in [1, 2] {
        for keep_going in [true, false] {
            let (telling, told) = mpsc::channel();
            let told = Mutex::new(told);
            let address = peer(move |connection, stream| {
                let Some(echo) = message(stream) else { return };
                let _ = stream.write_all(&echo);
                if connection == 0 {
                    // The echo has been seen, and found right.
                    told.lock().expect("no panic").recv_timeout(PATIENCE).expect("an echo");
                    let _ = stream.write_all(b"!");
                }
                while let Some(message) = message(stream) {
                    let _ = stream.write_all(&message);
                }
            });
            let (pace, count) = (Pace::Interval(PAUSE), Some(2 * u64::from(connections)));
            let plan = Plan { connections, pace, count, keep_going, ..plan() };
            let out = run(address, &plan, &mut Telling(telling));
            let what = format!("{connections} connections, {:?}", out.incidents);
            let incident = out.incidents.first().expect("one");
            assert_eq!(incident.failure, Failure::Extra { message: 0, bytes: 1 }, "{what}");
            assert_eq!((incident.connection, out.tally.failures()), (0, 1), "{what}");
            let ended = if keep_going { Ended::AsPlanned } else { Ended::Failed };
            let sent = if keep_going { plan.count } else { Some(connections.into()) };
            assert_eq!((Some(out.tally.messages()), out.ended), (sent, ended), "{what}");
            assert_eq!(out.closed_while_idle, 0, "{what}");
        }
    }
}
