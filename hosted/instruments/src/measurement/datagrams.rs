//! What a network that delivers datagrams as it likes did besides: by itself none of it is a failure.

use echo_core::{Failure, FailureKind};

use super::Measurement;
use crate::plan::{Plan, Protocol, Window};

/// Datagrams that arrived and are not the one echo of a message in flight, and messages whose order was changed.
///
/// They are about messages that are measured; what cannot be known to belong to one counts if it arrived after the
/// warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Datagrams {
    /// Echoes of messages that had timed out. Their times are in no other number.
    pub late: u64,
    /// Echoes of messages that had come back already.
    pub duplicated: u64,
    /// Messages that came back after one that was sent later on the same connection; they are echoed, too. None if that
    /// is not known, because several are in flight and each has a local port of its own.
    pub reordered: Option<u64>,
    /// Echoes that came on another connection than that of their message. That one may have been lost.
    pub crossed: u64,
    /// Datagrams from another address, or that nobody here has sent.
    pub foreign: u64,
    /// Datagrams that had come, and that this machine dropped for want of room, where the system tells. They are of any
    /// of these sorts, or echoes of messages that count as lost.
    pub dropped_here: Option<u64>,
}

/// What a datagram is that ends no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stray {
    Late,
    Duplicate,
    Crossed,
    Foreign,
}

impl Datagrams {
    /// Nothing yet, of what is known of a load like this.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let reordered = Window::of(plan).shows_order().then_some(0);
        (plan.protocol == Protocol::Udp).then(|| Self { reordered, ..Self::default() })
    }

    /// Counts what came besides.
    pub(crate) fn record(&mut self, stray: Stray) {
        *match stray {
            Stray::Late => &mut self.late,
            Stray::Duplicate => &mut self.duplicated,
            Stray::Crossed => &mut self.crossed,
            Stray::Foreign => &mut self.foreign,
        } += 1;
    }

    /// Adds the counts of another run.
    pub(super) fn add(&mut self, other: &Self) {
        // A new count is not forgotten here.
        let Self { late, duplicated, reordered, crossed, foreign, dropped_here } = other;
        self.late += late;
        self.duplicated += duplicated;
        self.crossed += crossed;
        self.foreign += foreign;
        for (mine, theirs) in
            [(&mut self.reordered, reordered), (&mut self.dropped_here, dropped_here)]
        {
            *mine = mine.zip(*theirs).map(|(mine, theirs)| mine + theirs);
        }
    }
}

impl Measurement {
    /// Why nobody can be there, in words: the network has said so, and nothing has come from anybody.
    pub(crate) fn nobody(&self) -> Option<String> {
        use FailureKind::{Full, Local, Refused, TimedOut, TooLong, Unreachable};
        let Datagrams { late, duplicated, crossed, foreign, .. } = self.datagrams?;
        let failed = |kind| self.tally.failed(kind);
        let alone = [Full, Local, Refused, TimedOut, TooLong, Unreachable].map(failed);
        if alone.iter().sum::<u64>() < self.tally.messages()
            || late + duplicated + crossed + foreign > 0
        {
            return None;
        }
        let said = [Failure::Refused, Failure::Unreachable];
        let why = said.into_iter().find(|failure| failed(failure.kind()) > 0)?;
        let icmp = self.incidents.iter().find(|it| it.failure == why).and_then(|it| it.icmp);
        Some(icmp.map_or_else(|| why.to_string(), |icmp| icmp.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::icmp::Icmp;
    use crate::made_up::MadeUp;

    #[test]
    fn nobody_is_there_where_the_network_says_so_and_nothing_comes() {
        let lost = Failure::TimedOut { received: 0, length: 1, whole: None };
        let cut = Failure::Cut { message: 1, received: 1, length: 2 };
        let plan = Plan { protocol: Protocol::Udp, keep_going: true, ..Plan::new() };
        let run = |failures: &[Failure], datagrams| {
            let mut made = MadeUp::new(plan.clone(), 1_000);
            failures.iter().for_each(|failure| made.fails(1, 0, *failure));
            made.run.datagrams = datagrams;
            made
        };
        let none = Datagrams::default();
        let told = |failures: &[Failure], datagrams| run(failures, datagrams).run.nobody();
        let refused = Some(Failure::Refused.to_string());
        assert_eq!(told(&[Failure::Refused], Some(none)), refused);
        assert_eq!(told(&[lost, Failure::Refused, lost], Some(none)), refused, "ICMP is rationed");
        let unreachable = Some(Failure::Unreachable.to_string());
        assert_eq!(told(&[Failure::Unreachable], Some(none)), unreachable);
        let icmp = Some(Icmp { by: Ipv4Addr::LOCALHOST.into(), kind: 3, code: 1 });
        let mut said = run(&[lost, Failure::Unreachable], Some(none)).run;
        said.incidents[1].icmp = icmp;
        assert_eq!(said.nobody(), icmp.map(|icmp| icmp.to_string()));
        assert_eq!(told(&[lost, Failure::Local], Some(none)), None, "nobody said so");
        assert_eq!(told(&[Failure::Refused, cut], Some(none)), None, "one came");
        assert_eq!(told(&[Failure::Refused], None), None, "not over UDP");
        for came in [
            Datagrams { late: 1, ..none },
            Datagrams { duplicated: 1, ..none },
            Datagrams { crossed: 1, ..none },
            Datagrams { foreign: 1, ..none },
        ] {
            assert_eq!(told(&[Failure::Refused, lost], Some(came)), None, "{came:?}");
        }
        let mut answered = run(&[Failure::Refused], Some(none));
        answered.echoes([70].into_iter());
        assert_eq!(answered.run.nobody(), None);
    }
}
