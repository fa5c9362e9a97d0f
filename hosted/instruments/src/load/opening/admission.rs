//! Decides, on any clock, which connection is begun when.
//!
//! A server takes connections from its backlog, whose length is unknown: 5 or 4096. A SYN that
//! finds it full is silently dropped, and retransmitted a second later. So only a few are begun
//! at once at first, and more as they open; a connection that takes much longer than the others
//! is taken for lost and begun again. After the first loss fewer are begun at once, with a pause
//! between them in which the server can empty its backlog.
//!
//! Call `next` until it returns none, report what has `opened` or `failed`, then call `lost` with
//! the time before that look, and wait until something opens or is `due`.

use std::collections::VecDeque;
use std::time::Duration;

use echo_core::Instant;

/// Which connection is begun when, and when one is lost.
#[derive(Debug)]
pub(super) struct Admission {
    /// The connections to be begun, in their order.
    waiting: VecDeque<usize>,
    /// The connections being opened, and when they were begun, in that order.
    under_way: VecDeque<(usize, Instant)>,
    /// The most connections being opened at once, and after a loss also the most begun in one breath.
    window: usize,
    /// The number of connections that have opened since the window last grew.
    since: usize,
    /// The longest time that opening has taken of late; None before the first is open.
    usual: Option<Duration>,
    /// When one was last found lost: the loss of those begun before is nothing new.
    narrowed: Option<Instant>,
    /// The number of losses since a connection that was begun after the last of them opened.
    in_a_row: u32,
    /// When the present breath began, and how many connections were begun in it.
    breath: (Instant, usize),
}

/// The first window.
const FIRST: usize = 8;

/// The shortest wait of the event queue.
const BREATH: Duration = Duration::from_millis(1);

/// The least time after which an answer is late, even on the fastest network.
const SOON: Duration = Duration::from_millis(5);

/// The time after which the system itself retransmits: nothing is gained by giving up.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

impl Admission {
    pub(super) fn new(connections: impl Iterator<Item = usize>) -> Self {
        Self {
            waiting: connections.collect(),
            under_way: VecDeque::new(),
            window: FIRST,
            since: 0,
            usual: None,
            narrowed: None,
            in_a_row: 0,
            breath: (Instant::START, 0),
        }
    }

    /// The next connection to begin now, if any.
    pub(super) fn next(&mut self, now: Instant) -> Option<usize> {
        if self.may_begin().is_none_or(|from| now < from) {
            return None;
        }
        let key = self.waiting.pop_front()?;
        self.under_way.push_back((key, now));
        if now >= self.breath.0 + BREATH {
            self.breath = (now, 0);
        }
        self.breath.1 += 1;
        Some(key)
    }

    /// Reports that a connection is open.
    pub(super) fn opened(&mut self, key: usize, now: Instant) {
        let Some(begun) = self.remove(key) else { return };
        let took = now.saturating_duration_since(begun);
        let usual = self.usual.unwrap_or_default();
        self.usual = Some(took.max((usual * 7 + took) / 8));
        if self.is_news(begun) {
            self.in_a_row = 0;
        }
        self.since += 1;
        // Once the window was too wide it grows by one each time that all of it has opened.
        if self.narrowed.is_none() || self.since >= self.window {
            self.window += 1;
            self.since = 0;
        }
    }

    /// Reports that a connection cannot be opened: no other is begun.
    pub(super) fn failed(&mut self, key: usize) {
        self.remove(key);
        self.waiting.clear();
    }

    /// A connection that had not opened at `now` and should have: the caller gives it up, and
    /// it is begun again later.
    pub(super) fn lost(&mut self, now: Instant) -> Option<usize> {
        let &(key, begun) = self.under_way.front()?;
        if self.late(begun).is_none_or(|late| now < late) {
            return None;
        }
        self.under_way.pop_front();
        self.waiting.push_back(key);
        if self.is_news(begun) {
            self.window = (self.window.min(self.breath.1) / 2).max(1);
            self.since = 0;
            self.narrowed = Some(now);
            self.in_a_row += 1;
        }
        Some(key)
    }

    /// When there is something to do even if nothing opens.
    pub(super) fn due(&self) -> Option<Instant> {
        let late = self.under_way.front().and_then(|(_, begun)| self.late(*begun));
        [late, self.may_begin()].into_iter().flatten().min()
    }

    pub(super) fn is_over(&self) -> bool {
        self.left() == 0
    }

    /// The number of connections that are not open.
    pub(super) fn left(&self) -> usize {
        self.waiting.len() + self.under_way.len()
    }

    /// The instant from which another may begin; None until one opens or is lost.
    fn may_begin(&self) -> Option<Instant> {
        if self.waiting.is_empty() || self.under_way.len() >= self.window {
            return None;
        }
        let Some(narrowed) = self.narrowed else { return Some(Instant::START) };
        let (begun, many) = self.breath;
        let breath = if many < self.window { begun } else { begun + BREATH };
        Some(breath.max(narrowed + self.pause()))
    }

    /// When a connection is taken for lost. Later after losses: the answers may have
    /// become slow, and would never be waited for otherwise.
    fn late(&self, begun: Instant) -> Option<Instant> {
        let patience = SOON + self.usual? * 4 + self.pause();
        (patience < ASKED_AGAIN).then(|| begun + patience)
    }

    /// How long the server is left alone after a loss. Waiting for the first loss was a pause already.
    fn pause(&self) -> Duration {
        let again = self.in_a_row.saturating_sub(1);
        if again == 0 { Duration::ZERO } else { (SOON * (1 << again.min(8))).min(ASKED_AGAIN) }
    }

    /// Whether it was begun after the last loss was found.
    fn is_news(&self, begun: Instant) -> bool {
        self.narrowed.is_none_or(|narrowed| narrowed <= begun)
    }

    fn remove(&mut self, key: usize) -> Option<Instant> {
        let place = self.under_way.iter().position(|(other, _)| *other == key)?;
        self.under_way.remove(place).map(|(_, begun)| begun)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const MICRO: Duration = Duration::from_micros(1);
    const MILLI: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    /// A server as Linux has it, on virtual time.
    struct World {
        /// From the request to the answer.
        way: fn(Instant) -> Duration,
        /// Connections that wait to be accepted.
        backlog: u64,
        /// The server accepts one each so often, from that time on.
        accepts: (Duration, Duration),
    }

    const QUICK: World = World {
        way: |_| 50 * MICRO,
        backlog: 128,
        accepts: (Duration::from_micros(20), Duration::ZERO),
    };

    /// What became of an admission.
    #[derive(Debug)]
    struct Opened {
        took: Duration,
        given_up: u32,
        most_under_way: usize,
    }

    impl World {
        /// Opens so many connections; the system repeats a request that was not answered.
        fn open(&self, connections: usize) -> Opened {
            const BEGINNING: Duration = Duration::from_micros(10);
            let mut admission = Admission::new(0..connections);
            let mut out = Opened { took: Duration::ZERO, given_up: 0, most_under_way: 0 };
            let mut now = Instant::START;
            // Requests by when they arrive; answers by when they come.
            let (mut requests, mut answers) = (BTreeSet::new(), BTreeSet::new());
            let (mut queue, mut accepted) = (0_u64, 0);
            let mut steps = 0..1_000_000;
            while !admission.is_over() {
                steps.next().expect("it comes to an end");
                while let Some(key) = admission.next(now) {
                    out.most_under_way = out.most_under_way.max(admission.under_way.len());
                    requests.insert((now + (self.way)(now) / 2, key));
                    now = now + BEGINNING;
                }
                let looked = now;
                let first = requests.first().into_iter().chain(answers.first()).map(|(at, _)| *at);
                now = now.max(first.chain(admission.due()).min().expect("something is due"));
                while let Some((at, key)) = come(&mut requests, now) {
                    let open_for = at.saturating_duration_since(Instant::START + self.accepts.1);
                    let could = (open_for.as_nanos() / self.accepts.0.as_nanos()) as u64;
                    let taken = could.saturating_sub(accepted).min(queue);
                    (queue, accepted) = (queue - taken, could.max(accepted));
                    if queue <= self.backlog {
                        queue += 1;
                        answers.insert((at + (self.way)(at) / 2, key));
                    } else {
                        requests.insert((at + SECOND, key));
                    }
                }
                while let Some((_, key)) = come(&mut answers, now) {
                    admission.opened(key, now);
                }
                while let Some(key) = admission.lost(looked) {
                    out.given_up += 1;
                    requests.retain(|(_, other)| *other != key);
                    answers.retain(|(_, other)| *other != key);
                }
            }
            out.took = now.saturating_duration_since(Instant::START);
            out
        }
    }

    /// What has come by now.
    fn come(from: &mut BTreeSet<(Instant, usize)>, now: Instant) -> Option<(Instant, usize)> {
        let first = *from.first()?;
        if first.0 <= now { from.pop_first() } else { None }
    }

    #[test]
    fn a_server_that_keeps_up_is_not_held_back() {
        let opened = World { backlog: 4_096, ..QUICK }.open(1_000);
        assert_eq!(opened.given_up, 0, "{opened:?}");
        assert!(opened.took < 30 * MILLI, "{opened:?}");
    }

    #[test]
    fn no_queue_is_too_short() {
        for (backlog, limit) in [(0, 400 * MILLI), (5, 200 * MILLI), (128, 60 * MILLI)] {
            let accepts = (30 * MICRO, Duration::ZERO);
            let opened = World { backlog, accepts, ..QUICK }.open(1_000);
            // The server alone needs 30 ms.
            assert!(opened.took < limit, "{backlog}: {opened:?}");
            assert!(opened.given_up < 500, "{backlog}: {opened:?}");
        }
    }

    #[test]
    fn a_server_that_comes_late_is_not_stormed() {
        let opened = World { accepts: (20 * MICRO, 3 * SECOND), ..QUICK }.open(1_000);
        assert!(opened.took < 3 * SECOND + 1_500 * MILLI, "{opened:?}");
        assert!(opened.given_up < 300, "{opened:?}");
    }

    #[test]
    fn a_long_way_is_no_loss() {
        let opened = World { way: |_| 300 * MILLI, backlog: 4_096, ..QUICK }.open(1_000);
        assert_eq!(opened.given_up, 0, "{opened:?}");
        assert!(opened.took < 10 * 300 * MILLI, "{opened:?}");
        assert!(opened.most_under_way > 200, "{opened:?}");
    }

    #[test]
    fn a_way_that_becomes_long_is_waited_for() {
        let way = |now: Instant| {
            if now < Instant::START + MILLI / 5 { 50 * MICRO } else { 400 * MILLI }
        };
        let opened = World { way, backlog: 4_096, ..QUICK }.open(100);
        // The window grows by one each time that all of it has come the long way.
        assert!(opened.took < 8 * SECOND, "{opened:?}");
    }

    #[test]
    fn after_a_failure_no_other_is_begun() {
        let mut admission = Admission::new(0..100);
        let now = Instant::START;
        let begun: Vec<_> = std::iter::from_fn(|| admission.next(now)).collect();
        assert_eq!(begun, (0..FIRST).collect::<Vec<_>>());
        admission.failed(3);
        admission.opened(0, now + MICRO);
        assert_eq!((admission.next(now + MICRO), admission.left()), (None, FIRST - 2));
        begun.iter().for_each(|key| admission.opened(*key, now + MICRO));
        assert!(admission.is_over());
    }
}
