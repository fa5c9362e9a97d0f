//! What every echo service must do, as data: a list of [`Case`]s for TCP, each made of scripts for
//! [`echo_core::Script`], and one for UDP, made of [`datagrams::Step`]s. There is no socket, no
//! clock and no heap: any stack can run them.
//!
//! A case is one entry in one of the files beside this one; nothing else knows its name.
//!
//! The connections of all cases together are no more than 240, and those of one at once no more
//! than 40: an inetd switches a service off at 256 a minute, or 50 a second. Below these limits
//! no case has to wait for its connections longer than its bound.

#![no_std]
#![forbid(unsafe_code)]

mod company;
mod content;
pub mod datagrams;
mod ends;
mod flow;
mod ours;
mod resets;
mod sizes;

use core::time::Duration;

use echo_core::script::{Act, Body, Manner};
use echo_core::{Rules, SILENCE};

/// One thing that an echo service must do, over TCP unless its rounds are something else's.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a, R = Round<'a>> {
    /// The name, in lower case and with hyphens.
    pub name: &'static str,
    /// What the case does, in a few words.
    pub meaning: &'static str,
    /// The document that demands it.
    pub source: &'static str,
    /// The servers that it is for.
    pub needs: Needs,
    /// The rounds, one after another.
    pub rounds: &'a [R],
    /// The time limit for the whole case: far more than it takes.
    pub bound: Duration,
    /// The usual reason why a server fails here, in a sentence.
    pub usually: &'static str,
}

/// Scripts of connections that are open side by side. The next round begins when all of them
/// are over.
pub type Round<'a> = &'a [&'a [Act<'a>]];

/// The kind of server that a case is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Any echo service.
    Echo,
    /// One of ours, without flags.
    Ours,
    /// One of ours with `--rfc862`.
    Rfc862,
    /// One of ours with `--one-shot`.
    OneShot,
    /// One of ours with a `--timeout` of [`Needs::LIMIT`].
    Idle,
}

impl Needs {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Echo, Self::Ours, Self::Rfc862, Self::OneShot, Self::Idle];

    /// The idle limit of a server whose limit is checked: longer than [`SILENCE`].
    pub const LIMIT: Duration = Duration::from_millis(400);

    /// The rules with which a server of ours is what the case needs.
    #[must_use]
    pub const fn rules(self) -> Rules {
        let usual =
            Rules { idle: Some(Duration::from_secs(30)), chunk: 1024, one_shot: false, exit: true };
        match self {
            Self::Echo | Self::Ours => usual,
            Self::Rfc862 => Rules { exit: false, ..usual },
            Self::OneShot => Rules { idle: None, one_shot: true, ..usual },
            Self::Idle => Rules { idle: Some(Self::LIMIT), ..usual },
        }
    }

    /// The flags of such a server.
    #[must_use]
    pub const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Echo | Self::Ours => &[],
            Self::Rfc862 => &["--rfc862"],
            Self::OneShot => &["--one-shot"],
            Self::Idle => &["--timeout", "400ms"],
        }
    }
}

/// All cases, in the order in which they are best run: from the simple to the hard.
pub fn cases() -> impl Iterator<Item = &'static Case<'static>> {
    let files = [
        content::CASES,
        sizes::CASES,
        ends::CASES,
        flow::CASES,
        company::CASES,
        resets::CASES,
        ours::CASES,
    ];
    files.into_iter().flatten()
}

/// The case of a server that ends idle connections after a time of its own. Its acts are
/// those of [`silence`].
#[must_use]
pub const fn ends_after<'a>(rounds: &'a [Round<'a>], limit: Duration) -> Case<'a> {
    Case {
        name: "silence-ends",
        meaning: "an idle connection is ended in time",
        source: "--expect-timeout",
        needs: Needs::Echo,
        rounds,
        bound: limit.saturating_add(LONG),
        usually: "the time-out counts from the accept or not at all, or the stack has a shorter one",
    }
}

/// The acts of a client that checks that an idle connection is ended after the limit: not earlier,
/// apart from some tolerance, and no later than the script waits.
#[must_use]
pub const fn silence(limit: Duration, tolerance: Duration) -> [Act<'static>; 3] {
    [
        Act::Echo(Body::own(5), Manner::AtOnce),
        Act::Silence(limit.saturating_sub(tolerance)),
        Act::End,
    ]
}

/// The time limit of a case that takes no time by itself.
const SOON: Duration = Duration::from_secs(15);

/// The time limit of a case that moves much data, or opens many connections.
const LONG: Duration = Duration::from_secs(90);

const MOMENT: Duration = Duration::from_millis(100);

/// Some bytes and their echo, and then the end: what the next client gets after whatever
/// happened to another.
const SERVED: &[Act<'static>] = &[Act::Echo(Body::own(100), Manner::AtOnce), Act::Fin, Act::End];

const HELLO: Body<'static> = Body::text(b"hello");

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const _: () = assert!(Needs::LIMIT.as_millis() > SILENCE.as_millis());

#[cfg(test)]
mod tests {
    extern crate std;

    use std::collections::BTreeSet;
    use std::format;

    use super::*;

    fn connections(cases: impl Iterator<Item = &'static Case<'static>>) -> usize {
        cases.flat_map(|case| case.rounds).map(|round| round.len()).sum()
    }

    #[test]
    fn there_are_enough_for_each_kind_of_server() {
        assert!(cases().filter(|case| case.needs == Needs::Echo).count() >= 40);
        let of = |needs| cases().any(|case| case.needs == needs);
        assert!(Needs::ALL.into_iter().all(of));
    }

    #[test]
    fn an_inetd_serves_all_of_them_in_a_minute() {
        let all = connections(cases());
        assert!(all <= 240, "{all} connections");
        let most = cases().flat_map(|case| case.rounds).map(|round| round.len()).max();
        assert!(most <= Some(40));
    }

    /// Both lists are printed, and their names are typed.
    pub(crate) fn is_told<R: 'static>(all: impl Iterator<Item = &'static Case<'static, R>>) {
        let mut names = BTreeSet::new();
        for Case { name, source, meaning, usually, .. } in all {
            assert!(names.insert(*name), "{name}: there are two");
            let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(name.chars().all(letter), "{name}");
            assert!(name.len() <= 17 && source.len() <= 17, "{name}: it does not fit its column");
            let line = format!("{name:<17}  {source:<17}  {meaning}");
            assert!(line.chars().count() <= 80, "{line}");
            assert!(!meaning.is_empty() && !source.is_empty() && usually.len() > 20, "{name}");
            assert!(!usually.ends_with('.') && !meaning.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn a_case_is_a_line_and_says_what_to_look_for() {
        is_told(cases());
    }

    /// A script that ends without hearing the peer's FIN would miss a byte that comes too
    /// late, unless it breaks the connection itself or leaves on purpose.
    #[test]
    fn every_case_hears_the_end_somewhere() {
        let hears = |acts: &&[Act<'_>]| acts.contains(&Act::End);
        for case in cases() {
            assert!(case.rounds.iter().copied().flatten().any(hears), "{}", case.name);
        }
    }

    #[test]
    fn a_limit_is_waited_for_with_some_tolerance() {
        let [_, silence, end] = silence(Duration::from_secs(10), Duration::from_secs(1));
        assert_eq!((silence, end), (Act::Silence(Duration::from_secs(9)), Act::End));
    }
}
