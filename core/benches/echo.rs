//! What the rules cost: the time of one echo of 1000 bytes in each machine,
//! without any I/O. `cargo bench -p echo-core`

use std::time::Duration;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use echo_core::{Defect, Endpoint, Faulty, Instant, Odds, Payload, Probe, Rules, Session, Spoiler};

const LENGTH: usize = 1000;
const LIMIT: Option<Duration> = Some(Duration::from_secs(10));
const SEQ: Payload = Payload::Seq { run: 1, connection: 2 };

fn main() {
    divan::main();
}

/// A whole message in, a whole echo out, with every deadline armed.
#[divan::bench(args = [true, false])]
fn session(bencher: Bencher<'_, '_>, exit: bool) {
    let mut now = Instant::START;
    let mut session = Session::<4096>::new(now, Rules { idle: LIMIT, exit, ..Rules::default() });
    let message = [b'0'; LENGTH];
    bencher.counter(BytesCount::new(LENGTH)).bench_local(|| {
        now = now + Duration::from_micros(10);
        session.handle_received(now, black_box(&message));
        session.handle_quiet(now);
        session.handle_sent(now, black_box(session.to_send()).len());
        session.deadline()
    });
}

/// The same where faults are planted, and none is in these messages.
#[divan::bench(args = [None, Some(Defect::Flip), Some(Defect::Stale)])]
fn faulty(bencher: Bencher<'_, '_>, rare: Option<Defect>) {
    let odds = rare.map_or(Odds::default(), |defect| Odds::default().with(defect, 1e-18));
    let mut now = Instant::START;
    let mut session =
        Session::<4096>::new(now, Rules { idle: LIMIT, exit: true, ..Rules::default() });
    let mut spoiler = Spoiler::new(odds, 1, 0);
    let message = [b'0'; LENGTH];
    bencher.counter(BytesCount::new(LENGTH)).bench_local(|| {
        now = now + Duration::from_micros(10);
        let mut faulty = Faulty::new(&mut session, &mut spoiler);
        faulty.handle_received(now, black_box(&message));
        faulty.handle_quiet(now);
        faulty.handle_sent(now, black_box(faulty.to_send()).len());
        faulty.deadline()
    });
}

/// A message made, sent, and compared with its echo.
#[divan::bench(args = [Payload::Zero, SEQ, Payload::Random { seed: 3 }, Payload::Bytes(b"some text")])]
fn probe(bencher: Bencher<'_, '_>, payload: Payload) {
    let mut now = Instant::START;
    let mut probe = Probe::new(payload, LENGTH as u64, LIMIT, [0; 4096]);
    let mut message = 0;
    let mut echo = [0; LENGTH];
    bencher.counter(BytesCount::new(LENGTH)).bench_local(|| {
        now = now + Duration::from_micros(10);
        message += 1;
        probe.begin(now, message);
        echo.copy_from_slice(black_box(probe.to_send()));
        probe.handle_sent(now, LENGTH);
        probe.handle_received(now, black_box(&echo));
        assert!(matches!(probe.end(), Some(Ok(_))));
    });
}
