//! What became of datagrams, by class: the names that reports, JSON and `--fail-if` share.

use echo_core::{Failure, FailureKind};
use serde_json::{Map, Value};

use super::Subject;
use crate::measurement::Measurement;
use crate::quantity;

/// What may become of a datagram, other than to come back as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It timed out, and never came.
    Lost,
    /// It timed out, and came after that.
    Overdue,
    /// It came back shorter.
    Cut,
    /// It came back once more.
    Duplicated,
    /// It came back after one that was sent later.
    Reordered,
    /// It came back on another connection.
    Crossed,
    /// Nobody here has sent it, or it came from another address.
    Foreign,
}

impl Class {
    const ALL: [Self; 7] = [
        Self::Lost,
        Self::Overdue,
        Self::Cut,
        Self::Duplicated,
        Self::Reordered,
        Self::Crossed,
        Self::Foreign,
    ];

    /// Those that no message fails by.
    const BESIDES: [Self; 4] = [Self::Duplicated, Self::Reordered, Self::Crossed, Self::Foreign];

    /// Its name in a bound and in JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Overdue => "overdue",
            Self::Cut => "cut",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::Crossed => "crossed",
            Self::Foreign => "foreign",
        }
    }

    /// The same as people read it after a count.
    pub(crate) const fn worded(self) -> &'static str {
        match self {
            Self::Crossed => "on another connection",
            _ => self.as_str(),
        }
    }

    /// The class of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// Whether there may be more of them than messages: what comes besides an echo.
    pub(crate) const fn may_outnumber(self) -> bool {
        matches!(self, Self::Duplicated | Self::Crossed | Self::Foreign)
    }

    /// How many there were, over UDP, if that is known.
    pub(crate) fn count(self, measurement: &Measurement) -> Option<u64> {
        let datagrams = measurement.datagrams?;
        let failed = |kind| measurement.tally.failed(kind);
        // The double of one that was given up long ago passes for late itself.
        let overdue = datagrams.late.min(failed(FailureKind::TimedOut));
        Some(match self {
            Self::Lost => failed(FailureKind::TimedOut) - overdue,
            Self::Overdue => overdue,
            Self::Cut => failed(FailureKind::Cut),
            Self::Duplicated => datagrams.duplicated + (datagrams.late - overdue),
            Self::Reordered => return datagrams.reordered,
            Self::Crossed => datagrams.crossed,
            Self::Foreign => datagrams.foreign,
        })
    }

    /// How many there were for each message that has ended.
    pub(crate) fn share(self, measurement: &Measurement) -> Option<f64> {
        let messages = measurement.tally.messages();
        let count = self.count(measurement).filter(|_| messages > 0)?;
        Some(count as f64 / messages as f64)
    }
}

/// Those that no message fails by and that happened: `3 duplicated`.
pub(crate) fn besides(measurement: &Measurement) -> Vec<(Class, u64)> {
    let counted = Class::BESIDES
        .into_iter()
        .filter_map(|class| class.count(measurement).filter(|n| *n > 0).map(|n| (class, n)));
    counted.collect()
}

/// A line about them.
pub(super) fn text(measurement: &Measurement) -> Option<String> {
    let told = besides(measurement).into_iter().map(|(class, n)| {
        let share = class.share(measurement).map_or_else(|| "n/a".into(), quantity::ratio);
        format!("{} {} ({share})", quantity::count(n), class.worded())
    });
    let told: Vec<_> = told.collect();
    (!told.is_empty()).then(|| format!("besides: {}", told.join(", ")))
}

/// All that is not a failure of another kind; null over TCP.
pub(super) fn json(measurement: &Measurement) -> Value {
    if measurement.datagrams.is_none() {
        return Value::Null;
    }
    let classes = [Class::Lost, Class::Overdue].into_iter().chain(Class::BESIDES);
    let counted = classes.map(|class| (class.as_str(), class.count(measurement)));
    let all = counted.chain([("dropped_here", measurement.dropped_here())]);
    all.map(|(name, n)| (name.to_owned(), n.into())).collect::<Map<_, _>>().into()
}

/// The longest datagram that one Ethernet frame holds.
const ONE_FRAME: u64 = 1472;

/// The same over IPv6.
const ONE_FRAME_OF_IPV6: u64 = 1452;

/// Hints at what may be the matter.
pub(super) fn hint(subject: &Subject<'_>, measurement: &Measurement) -> Option<String> {
    let count = |class: Class| class.count(measurement).unwrap_or_default();
    let failed = |kind| measurement.tally.failed(kind);
    // Whatever is wrong with it, it came back.
    let changed = failed(FailureKind::Differs) + failed(FailureKind::Extra);
    let came = measurement.tally.echoed() + count(Class::Overdue) + count(Class::Crossed) + changed;
    if came == 0 && count(Class::Cut) == 0 && count(Class::Foreign) > 0 {
        return Some(
            "hint: whatever came is from another address: does the server answer from the one that was asked?"
                .into(),
        );
    }
    let fragments = subject.plan.length > ONE_FRAME_OF_IPV6 && subject.address.is_ipv6();
    if came == 0 && measurement.tally.failed(FailureKind::Unreachable) > 0 && fragments {
        return Some(format!(
            "hint: what is longer than {} bytes goes in fragments, which the server or a router may refuse \
             (-l {ONE_FRAME_OF_IPV6})",
            quantity::count(ONE_FRAME_OF_IPV6)
        ));
    }
    // If the network says why, it needs no guess.
    let silent = failed(FailureKind::Refused) + failed(FailureKind::Unreachable) == 0;
    if came == 0 && silent && count(Class::Cut) == 0 && count(Class::Lost) > 0 {
        let long = if subject.plan.length > ONE_FRAME {
            format!(
                "; what is longer than {} bytes also goes in fragments, which some drop (-l {ONE_FRAME})",
                quantity::count(ONE_FRAME)
            )
        } else {
            String::new()
        };
        return Some(format!(
            "hint: nothing came back: is a UDP echo server listening there, and does every firewall \
             let it answer{long}?"
        ));
    }
    let mut cuts = measurement.incidents.iter().filter_map(|incident| match incident.failure {
        Failure::Cut { received, .. } => Some(received),
        _ => None,
    });
    let first = cuts.next()?;
    let alike = came == 0 && cuts.all(|received| received == first);
    alike.then(|| {
        format!(
            "hint: everything is cut to {}: the server's buffer may hold no more",
            quantity::counted(first, "byte")
        )
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use insta::assert_snapshot;
    use serde_json::json;

    use super::super::{Layout, header};
    use super::*;
    use crate::made_up::{MadeUp, spread};
    use crate::measurement::{Datagrams, Ended};
    use crate::plan::{Plan, Protocol};

    const LOST: Failure = Failure::TimedOut { received: 0, length: 1000, whole: None };

    fn made(length: u64, failures: &[Failure]) -> MadeUp {
        let plan = Plan { protocol: Protocol::Udp, length, keep_going: true, ..Plan::new() };
        let mut made = MadeUp::new(plan, 1_000);
        failures.iter().for_each(|failure| made.fails(10, 0, *failure));
        made
    }

    fn hinted(made: &MadeUp) -> String {
        hint(&made.subject(), &made.run).unwrap_or_default()
    }

    #[test]
    fn lost_is_what_timed_out_and_never_came() {
        let mut made = made(1000, &[LOST; 5]);
        made.echoes((0..95).map(|_| 100));
        assert_eq!(text(&made.run), None);
        let (late, duplicated, foreign) = (2, 3, 1);
        let counts = Datagrams { late, duplicated, foreign, ..Datagrams::default() };
        made.run.datagrams = Some(counts);
        assert_eq!(
            text(&made.run),
            Some("besides: 3 duplicated (3.00 %), 1 foreign (1.00 %)".into())
        );
        assert_eq!(
            json(&made.run),
            json!({
                "lost": 3, "overdue": 2, "duplicated": 3, "reordered": null, "crossed": 0, "foreign": 1,
                "dropped_here": null
            })
        );
        assert_eq!(Class::Lost.share(&made.run), Some(0.03));
        // No more are overdue than have timed out.
        made.run.datagrams = Some(Datagrams { late: 7, ..counts });
        let told = [Class::Lost, Class::Overdue, Class::Duplicated].map(|it| it.count(&made.run));
        assert_eq!(told, [Some(0), Some(5), Some(5)]);
        assert_eq!(hinted(&made), "");
        made.run.datagrams = None;
        assert_eq!((json(&made.run), text(&made.run)), (Value::Null, None));
    }

    #[test]
    fn a_report_of_datagrams() {
        let mut made = made(1000, &[LOST, LOST, LOST]);
        made.fails(20, 0, Failure::Cut { message: 7, received: 512, length: 1000 });
        made.echoes(spread(996, 71));
        let counts = Datagrams {
            late: 1,
            duplicated: 3,
            reordered: Some(12),
            crossed: 1,
            ..Datagrams::default()
        };
        made.run.datagrams = Some(Datagrams { foreign: 2, ..counts });
        let layout = Layout { width: Some(80), histogram: false };
        let subject = made.subject();
        let report = format!(
            "{}\n{}",
            header(&subject, layout),
            super::super::text(&subject, &made.run, layout)
        );
        assert_snapshot!(report, @"
        ECHO board.local:2333 (192.0.2.7:2333) udp, 1000 bytes, closed loop,
            1 connection
        --- board.local:2333 echo statistics ---
        1000 sent, 996 echoed, 4 failed (fail rate 0.400 %; 0 % to 1.24 % at 95 %
            confidence), 1.00 s
        failed: 2 lost, 1 overdue, 1 cut
        besides: 3 duplicated (0.300 %), 12 reordered (1.20 %), 1 on another connection
            (0.100 %), 2 foreign (0.200 %)
        rtt min/avg/max/mdev = 0.071/0.086/0.710/0.060 ms
        echo rate 7.97 Mbit/s, 996 messages/s
                          p50       p90       p99       p99.9     p99.99    max
           rtt            80.0 µs   89.0 µs   90.0 µs   n/a       n/a       710 µs
           with failures  81.0 µs   89.0 µs   710 µs    never     n/a       never
        with failures: the 0.400 % that failed are counted as infinitely late
        after 10.0 ms, connection 0, message 0: not back in time
        after 10.0 ms, connection 0, message 0: not back in time
        after 10.0 ms, connection 0, message 0: not back in time
        after 20.0 ms, connection 0: message 7 came back cut: 512 of 1000 bytes
        ");
    }

    #[test]
    fn a_loss_is_not_what_ends_a_run() {
        let mut made = made(1000, &[LOST, Failure::Refused]);
        let told = |made: &MadeUp| {
            let layout = Layout { width: None, histogram: false };
            super::super::text(&made.subject(), &made.run, layout)
        };
        assert!(!told(&made).contains("stopped"), "{}", told(&made));
        made.run.ended = Ended::Failed;
        let said =
            "\nstopped at the first failure that is no loss (fail-rate goes on after failures)";
        assert!(told(&made).ends_with(said), "{}", told(&made));
    }

    #[test]
    fn a_name_names_its_class() {
        for class in Class::ALL {
            assert_eq!(Class::named(class.as_str()), Some(class));
        }
        assert_eq!(Class::named("late"), None, "that is about sending");
    }

    #[test]
    fn where_nothing_comes_back_there_is_a_hint() {
        let mut silent = made(1000, &[LOST]);
        assert!(hinted(&silent).starts_with("hint: nothing came back: is a UDP echo server"));
        assert!(!hinted(&silent).contains("fragments"));
        assert!(hinted(&made(1473, &[LOST])).ends_with("which some drop (-l 1472)?"));
        silent.run.datagrams = Some(Datagrams { foreign: 1, ..Datagrams::default() });
        assert!(hinted(&silent).starts_with("hint: whatever came is from another address"));
        silent.run.datagrams = Some(Datagrams { late: 1, ..Datagrams::default() });
        assert_eq!(hinted(&silent), "", "one came late");
        assert_eq!(
            hinted(&made(1000, &[LOST, Failure::Refused])),
            "",
            "that is an error of its own"
        );
        let beyond = made(9_000, &[Failure::Unreachable]);
        assert_eq!(hinted(&beyond), "", "over IPv4");
        let v6 = Subject { address: (Ipv6Addr::LOCALHOST, 7).into(), ..beyond.subject() };
        let told = hint(&v6, &beyond.run).unwrap_or_default();
        assert!(told.ends_with("may refuse (-l 1452)"), "{told}");
        let extra = Failure::Extra { message: 1, bytes: 1 };
        assert_eq!(hinted(&made(1000, &[LOST, extra])), "", "one came back changed");
        let mut elsewhere = made(1000, &[LOST]);
        elsewhere.run.datagrams = Some(Datagrams { crossed: 1, ..Datagrams::default() });
        assert_eq!(hinted(&elsewhere), "", "one came back somewhere");
        let mut cut = made(9_000, &[LOST, Failure::Cut { message: 1, received: 1, length: 9_000 }]);
        cut.run.datagrams = Some(Datagrams { foreign: 1, ..Datagrams::default() });
        assert!(!hinted(&cut).contains("from another address"), "one came from the right one");
    }

    #[test]
    fn a_short_buffer_of_the_server_is_recognised() {
        let cut = |received| Failure::Cut { message: 1, received, length: 9_000 };
        let told = hinted(&made(9_000, &[cut(4096), cut(4096)]));
        assert!(told.starts_with("hint: everything is cut to 4096 bytes: "), "{told}");
        assert_eq!(hinted(&made(9_000, &[cut(4096), cut(2048)])), "");
        let mut some = made(9_000, &[cut(4096)]);
        some.echoes([100].into_iter());
        assert_eq!(hinted(&some), "");
    }
}
