//! Opening the connections of a load, before its clock starts.
//!
//! All at once they would overflow the queue in front of a server's accept, and those that were
//! dropped would be tried again a second later. [`Admission`] decides who is begun when.

mod admission;

use std::io;
use std::time::Duration;

use self::admission::Admission;
use super::lane::Lane;
use super::wait::Wait;
use super::{Observer, TICK};
use crate::clock::Clock;
use crate::signals::Stop;

/// Opens the connection of each lane that has none. After the first that cannot
/// be opened no other is tried: the loop opens them with their first messages,
/// and counts what happens.
pub(super) fn open(
    lanes: &mut [Lane<'_>],
    wait: &mut Wait,
    clock: &Clock,
    limit: Option<Duration>,
    stop: &Stop,
    observer: &mut dyn Observer,
) -> io::Result<()> {
    let mut admission = Admission::new((0..lanes.len()).filter(|key| !lanes[*key].is_open()));
    // When one last became open, or the first was begun.
    let mut moved = clock.now();
    let mut tick = moved + TICK;
    let mut ready = Vec::new();
    while !admission.is_over() {
        while let Some(key) = admission.next(clock.now()) {
            if lanes[key].connect(wait).is_err() {
                admission.failed(key);
            }
        }
        // What is late is late by the time before the look that did not find it open.
        let now = clock.now();
        if limit.is_some_and(|limit| now.saturating_duration_since(moved) > limit)
            || stop.requested()
        {
            break;
        }
        if now >= tick {
            observer.opening(lanes.len() - admission.left(), lanes.len());
            tick = now + TICK;
        }
        wait.ready(lanes, now, admission.due().map_or(tick, |due| due.min(tick)), &mut ready)?;
        for key in ready.drain(..) {
            match lanes[key].opened(wait) {
                Ok(false) => {}
                Ok(true) => {
                    moved = clock.now();
                    admission.opened(key, moved);
                }
                Err(_) => {
                    lanes[key].disconnect(None);
                    admission.failed(key);
                }
            }
        }
        while let Some(key) = admission.lost(now) {
            lanes[key].disconnect(None);
        }
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};
    use std::sync::mpsc;
    use std::thread;

    use socket2::{Domain, Socket, Type};

    use super::super::{Measurement, Plan};
    use super::*;

    /// Lets the server accept as soon as there is progress to be told.
    struct Late(mpsc::Sender<()>);

    impl Observer for Late {
        fn look(&mut self, _measurement: &Measurement) {}

        fn opening(&mut self, _open: usize, _of: usize) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn who_finds_the_queue_full_does_not_wait_for_the_system_to_ask_again() {
        const CONNECTIONS: u16 = 200;
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        socket.listen(5).expect("it listens");
        let listener = TcpListener::from(socket);
        let plan =
            Plan { connections: CONNECTIONS, ..Plan::new(listener.local_addr().expect("bound")) };
        let mut lanes: Vec<_> = (0..CONNECTIONS).map(|key| Lane::new(&plan, key)).collect();
        let mut wait = Wait::new(&plan).expect("an event queue");
        let (sender, told) = mpsc::channel();
        let stop = Stop::new().expect("a pipe");
        thread::spawn(move || {
            told.recv().expect("there is progress");
            listener.incoming().collect::<Vec<_>>()
        });
        let clock = Clock::start();
        open(&mut lanes, &mut wait, &clock, None, &stop, &mut Late(sender)).expect("a queue");
        assert!(lanes.iter().all(Lane::is_open));
        let again = lanes.iter().filter_map(Lane::kernel).map(|kernel| kernel.retransmits);
        // None on a machine that never stands still.
        let again = again.sum::<u64>();
        assert!(again < 10, "{again}");
    }
}
