//! The load loop over sockets, against a real server on the loopback: each value of a plan does what it says.
//! What needs no socket to be decided is tested on virtual time, with the instruments.
//!
//! Nothing here depends on how fast the machine is: counts are exact, times are compared with each other.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use echo_instruments::load::{self, Observer};
use echo_instruments::measurement::{Ended, Measurement, Sample};
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::signals::Stop;
use echo_instruments::stack::Driver;

use echo_core::Rules;
use hosted::address::connect;
use hosted::server::Local;
use hosted::sockets::{self, Sockets};
use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, SockRef, Socket, Type};

/// Keeps every message.
#[derive(Default)]
struct Notes(Vec<Sample>);

impl Observer for Notes {
    fn look(&mut self, _measurement: &Measurement) {}

    fn message(&mut self, sample: &Sample) {
        self.0.push(*sample);
    }
}

/// Carries out what `change` makes of a plan of 100 messages to a server of its own.
fn run(change: impl FnOnce(Plan) -> Plan) -> (Measurement, Vec<Sample>, u64) {
    let server = Local::with(Rules { exit: false, ..Rules::default() }).expect("a server");
    let plan = change(Plan { length: 100, count: Some(100), ..Plan::new() });
    let first = connect(&[server.address()], None).expect("connected");
    let mut notes = Notes::default();
    let out =
        sockets::measure(&plan, first, &Stop::new().expect("a pipe"), &mut notes).expect("a run");
    let totals = server.stop().expect("served");
    (out, notes.0, totals.connections())
}

const MILLI: Duration = Duration::from_millis(1);

#[test]
fn every_kind_of_wait_counts_to_the_message() {
    for connections in [1, 7] {
        for spin in [Duration::ZERO, MILLI, Duration::MAX] {
            for pace in [Pace::Closed, Pace::Interval(MILLI), Pace::Rate(5_000.0)] {
                let (out, notes, _) = run(|plan| Plan { connections, spin, pace, ..plan });
                let what = format!("{connections} connections, spin {spin:?}, {pace:?}");
                assert_eq!((out.tally.echoed(), out.tally.failures()), (100, 0), "{what}");
                assert_eq!((notes.len(), out.times.len()), (100, 100), "{what}");
                assert_eq!(out.ended, Ended::AsPlanned, "{what}");
                assert!(notes.is_sorted_by_key(|note| note.at), "{what}");
            }
        }
    }
}

#[test]
fn no_message_starts_before_it_is_due() {
    for pace in [Pace::Interval(20 * MILLI), Pace::Rate(50.0)] {
        let (out, notes, _) = run(|plan| Plan { pace, count: Some(6), ..plan });
        for (note, due) in notes.iter().zip(0..) {
            let took = note.end.expect("echoed");
            let sent = note.at - took;
            // An interval leaves out, so a slow machine may send later, but on the grid.
            assert!(sent >= 20 * MILLI * due, "{note:?}");
            if matches!(pace, Pace::Rate(_)) {
                assert_eq!(sent - note.late, 20 * MILLI * due, "{note:?}");
            }
        }
        assert!(out.elapsed >= 100 * MILLI);
        assert_eq!(out.late.map(|late| late.len()), Some(6));
    }
}

#[test]
fn a_connection_per_message_opens_one_for_each() {
    for connections in [1, 5] {
        let (out, notes, accepted) = run(|plan| Plan { per_message: true, connections, ..plan });
        assert_eq!((out.tally.echoed(), out.tally.failures()), (100, 0));
        // The first was opened to see whether anybody is there; it is the first message's.
        assert_eq!(accepted, 100);
        for note in &notes {
            assert!(note.connecting < Some(note.end.expect("echoed")), "{note:?}");
            assert!(note.connecting > Some(Duration::ZERO), "{note:?}");
        }
        assert_eq!(out.connecting.map(|times| times.len()), Some(100));
    }
}

#[test]
fn an_echo_with_an_urgent_byte_is_an_echo() {
    for (connections, per_message) in [(1, false), (3, false), (1, true)] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let serve = move |mut stream: TcpStream| -> std::io::Result<()> {
            let mut message = [0; 100];
            loop {
                stream.read_exact(&mut message)?;
                stream.write_all(&message[..40])?;
                SockRef::from(&stream).send_out_of_band(&message[40..41])?;
                stream.write_all(&message[41..])?;
            }
        };
        // Whoever leaves ends the thread that served it.
        let serve = move |stream| thread::spawn(move || serve(stream));
        thread::spawn(move || listener.incoming().flatten().map(serve).for_each(drop));
        let limit = Some(Duration::from_secs(60));
        let count = Some(30);
        let plan = Plan { connections, per_message, limit, length: 100, count, ..Plan::new() };
        let first = TcpStream::connect(address).expect("connected");
        let stop = Stop::new().expect("a pipe");
        let out = sockets::measure(&plan, first, &stop, &mut Notes::default()).expect("a run");
        let what = format!("{connections} connections, one per message: {per_message}");
        assert_eq!((out.tally.echoed(), out.tally.failures()), (30, 0), "{what}");
    }
}

#[test]
fn all_connections_are_open_before_the_first_message() {
    const CONNECTIONS: u16 = 100;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    // Nobody is answered until all are there.
    let server = thread::spawn(move || {
        let accept = || listener.accept().expect("a client").0;
        let streams: Vec<_> = (0..CONNECTIONS).map(|_| accept()).collect();
        let mut first = &streams[0];
        let mut message = [0];
        first.read_exact(&mut message).and_then(|()| first.write_all(&message))
    });
    let connections = CONNECTIONS;
    let limit = Some(Duration::from_secs(60));
    let plan = Plan { connections, limit, count: Some(1), ..Plan::new() };
    let first = TcpStream::connect(address).expect("connected");
    let stop = Stop::new().expect("a pipe");
    let out = sockets::measure(&plan, first, &stop, &mut Notes::default()).expect("a run");
    assert_eq!(out.tally.echoed(), 1);
    server.join().expect("no panic").expect("echoed");
}

#[test]
fn who_still_waits_at_the_end_is_told_of() {
    for pace in [Pace::Closed, Pace::Rate(1e6)] {
        // The system accepts; nobody answers.
        let deaf = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = deaf.local_addr().expect("bound");
        let plan = Plan { connections: 2, pace, ..Plan::new() };
        let first = TcpStream::connect(address).expect("the system accepts");
        let stop = Stop::new().expect("a pipe");
        let mut look = |so_far: &Measurement| {
            if so_far.elapsed >= 500 * MILLI {
                stop.request();
            }
        };
        let before = clock_gettime(ClockId::ThreadCPUTime);
        let out = sockets::measure(&plan, first, &stop, &mut look).expect("a run");
        let after = clock_gettime(ClockId::ThreadCPUTime);
        assert_eq!((out.tally.messages(), out.under_way.len()), (0, 2));
        assert!(out.longest_wait() >= Some(400 * MILLI), "{:?}", out.under_way);
        // While all connections are busy it sleeps, whatever is due.
        let busy = Duration::try_from(after - before).expect("time goes on");
        assert!(busy < out.elapsed / 2, "{busy:?}");
    }
}

#[test]
fn a_measurement_starts_after_its_warm_up() {
    let omit = 300 * MILLI;
    let before = SystemTime::now();
    let (out, _, _) = run(|plan| Plan { omit, ..plan });
    assert!(out.started >= before + omit);
    assert!(out.started + out.elapsed <= SystemTime::now());
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_sent_again_in_the_warm_up_is_left_out() {
    // On a machine that stands still now and then what is meant for the warm-up may come too late.
    let mut tries = (0..5).map(|_| sent_again(Duration::from_secs(2)));
    let in_warm_up = tries.find(|(_, in_warm_up)| *in_warm_up).expect("enough tries");
    assert_eq!(in_warm_up.0, 0);
    let (again, in_warm_up) = sent_again(Duration::ZERO);
    assert!(again > 0 && !in_warm_up);
}

/// The first message is lost until it was sent again at least once. Returns what the
/// measurement says of that, and whether all of it was over in the warm-up.
#[cfg(target_os = "linux")]
fn sent_again(omit: Duration) -> (u64, bool) {
    use socket2::{SockFilter, SockRef};

    /// `ret #0` of the classic BPF: take no byte of any segment.
    const NOTHING: [SockFilter; 1] = [SockFilter::new(0x06, 0, 0, 0)];
    /// The first retransmission of Linux comes after 200 ms.
    const LOOKS: u32 = 3;

    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let first = TcpStream::connect(address).expect("connected");
    let (stream, _) = listener.accept().expect("connected");
    let socket = SockRef::from(&stream);
    socket.attach_filter(&NOTHING).expect("a filter");
    let plan = Plan { omit, count: Some(1), limit: None, ..Plan::new() };
    let stop = Stop::new().expect("a pipe");
    let (mut looks, mut in_warm_up) = (0, false);
    let mut look = |so_far: &Measurement| {
        looks += 1;
        if looks == LOOKS {
            socket.detach_filter().expect("there is one");
        }
        in_warm_up |= so_far.elapsed.is_zero() && so_far.omitted > 0;
    };
    let out = thread::scope(|scope| {
        scope.spawn(|| {
            let mut message = [0];
            while (&stream).read_exact(&mut message).is_ok() {
                (&stream).write_all(&message).expect("echoed");
            }
        });
        sockets::measure(&plan, first, &stop, &mut look).expect("a run")
    });
    (out.kernel.expect("Linux tells").retransmits, in_warm_up)
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn who_finds_the_queue_full_does_not_wait_for_the_system_to_ask_again() {
    /// Lets the server accept as soon as there is progress to report.
    struct Late(mpsc::Sender<()>);

    impl Observer for Late {
        fn look(&mut self, _measurement: &Measurement) {}

        fn opening(&mut self, _open: usize, _of: usize) {
            let _ = self.0.send(());
        }
    }

    const CONNECTIONS: u16 = 200;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    socket.listen(5).expect("it listens");
    let listener = TcpListener::from(socket);
    let first = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
    let (sender, told) = mpsc::channel();
    thread::spawn(move || {
        told.recv().expect("there is progress");
        let echo = |stream: TcpStream| std::io::copy(&mut &stream, &mut &stream);
        listener.incoming().flatten().for_each(|stream| _ = thread::spawn(move || echo(stream)));
    });
    // One message on each: it is sent where all are open.
    let count = Some(CONNECTIONS.into());
    let plan = Plan { connections: CONNECTIONS, count, ..Plan::new() };
    let mut sockets = Sockets::new(&plan, first.into()).expect("an event queue");
    let stop = Stop::new().expect("a pipe");
    let out = load::run(&plan, &mut sockets, &stop, &mut Late(sender)).expect("a queue");
    assert_eq!(out.tally.echoed(), u64::from(CONNECTIONS));
    // None on a machine that never stands still.
    let again = out.kernel.expect("Linux tells").retransmits;
    assert!(again < 10, "{again}");
}

#[test]
fn each_run_over_the_same_stack_has_connections_of_its_own() {
    for (connections, per_message) in [(1, false), (3, false), (2, true)] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (sender, ports) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                sender.send(stream.peer_addr().expect("connected").port()).expect("it is read");
                thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        let plan = Plan { connections, per_message, count: Some(30), ..Plan::new() };
        let first = TcpStream::connect(address).expect("connected");
        let mut sockets = Sockets::new(&plan, first.into()).expect("an event queue");
        let stop = Stop::new().expect("a pipe");
        let mut seen = HashSet::new();
        for number in 0..3 {
            let plan = plan.renewed(number);
            let out = load::run(&plan, &mut sockets, &stop, &mut |_: &Measurement| {});
            assert_eq!(out.expect("a queue").tally.echoed(), 30, "run {number}");
            assert!((0..connections.into()).all(|link| sockets.kernel(link).is_none()), "closed");
            let opened = if per_message { 30 } else { connections.into() };
            for port in ports.iter().take(opened) {
                assert!(seen.insert(port), "{port} again in run {number}");
            }
        }
        assert!(ports.try_recv().is_err(), "no other was opened");
    }
}
