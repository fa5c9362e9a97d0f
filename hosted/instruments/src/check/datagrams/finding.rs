//! The report on a case of UDP that failed.

use echo_cases::Case;
use echo_cases::datagrams::{Datagram, Place, Port, Step};
use echo_core::Failure;
use echo_core::script::Sample;

use super::sent::Wrong;
use crate::check::Finding;
use crate::check::finding::{REPLACEMENT, quoted, this};
use crate::quantity;

/// How the case failed in this step.
pub(super) fn of(case: &Case<'_, Step<'_>>, step: usize, wrong: &Wrong) -> Finding {
    let mut parts = Vec::new();
    if let Some(it) = case.rounds.get(step) {
        let of = case.rounds.len();
        let place = if of > 1 { format!("step {} of {of}: ", step + 1) } else { String::new() };
        parts.push(("in", place + &words(it)));
    }
    let (due, came) = samples(wrong);
    parts.extend(due.map(|due| ("sent", due)));
    parts.extend(came.map(|came| ("came", came)));
    parts.push(("usually", usual(wrong).unwrap_or(case.usually).into()));
    Finding { brief: brief(wrong, case.rounds.get(step)), parts }
}

/// The failure in a few words.
fn brief(wrong: &Wrong, step: Option<&Step<'_>>) -> String {
    match wrong {
        Wrong::Lost { of: 1, tries, .. } => format!("no echo, sent {tries} times"),
        Wrong::Lost { back, of, tries, .. } => {
            format!("{back} of {of} came back, sent {tries} times")
        }
        Wrong::Answered { .. } => match step {
            Some(Step::Unanswered(it)) => format!("a datagram{} was answered", from(it)),
            _ => "a datagram was answered".into(),
        },
        Wrong::Elsewhere { asked, from } => format!("{asked} was asked, {from} answers"),
        Wrong::Cut { length, of } => format!("cut to {length} of {of} bytes"),
        Wrong::Grown { length, of, .. } => {
            format!("{} came back of {of}", quantity::counted(*length as u64, "byte"))
        }
        Wrong::Differs { offset, of, .. } => format!("byte {offset} of {of} is wrong"),
        Wrong::Crossed { .. } => "the echo came to another client".into(),
        Wrong::Unasked { length, .. } => {
            format!("{} came, never sent", quantity::counted(*length as u64, "byte"))
        }
        Wrong::Doubled { doubled, of, runs } => {
            format!("{doubled} of {of} came twice, {runs} times over")
        }
        Wrong::Broken(Failure::Refused) => "nobody listens there any more (ICMP)".into(),
        Wrong::Broken(failure) => failure.to_string(),
        Wrong::Unfinished => "it takes too long".into(),
    }
}

/// What was sent, and what came instead.
fn samples(wrong: &Wrong) -> (Option<String>, Option<String>) {
    let of = |sample: &Sample, length: usize| {
        Some(format!("{} ({})", quoted(sample), quantity::bytes(length as u64)))
    };
    match wrong {
        Wrong::Lost { due, length, .. } => (of(due, *length), Some("nothing".into())),
        Wrong::Answered { due, .. } => (Some(quoted(due)), Some("the same".into())),
        Wrong::Differs { fault, due, came, offset, .. } => (
            Some(format!("{} from byte {offset} on", quoted(due))),
            Some(format!("{} ({fault})", quoted(came))),
        ),
        Wrong::Grown { of, more, .. } => {
            (None, Some(format!("{} from byte {of} on", quoted(more))))
        }
        Wrong::Crossed { came } | Wrong::Unasked { came, .. } => (None, Some(quoted(came))),
        _ => (None, None),
    }
}

/// A step in words.
fn words(step: &Step<'_>) -> String {
    match step {
        Step::At(place) => format!("ask at {}", called(*place)),
        Step::Echo([one]) => format!("send {} and get it back{}", this(&one.body), from(one)),
        Step::Echo(all) => {
            let clients: std::collections::BTreeSet<_> =
                all.iter().map(|it| format!("{:?}", it.from)).collect();
            let length = all.first().map_or_else(String::new, |it| this(&it.body));
            let clients = quantity::counted(clients.len() as u64, "port");
            format!("send {} of {length} from {clients}, and get each back", all.len())
        }
        Step::Flood(one, times) => format!("send {} {times} times{}", this(&one.body), from(one)),
        Step::Vanish(body, times) => {
            format!("send {} from {times} ports, each closed at once", this(body))
        }
        Step::Unanswered(one) => format!("send {}{}, and get nothing", this(&one.body), from(one)),
    }
}

fn from(datagram: &Datagram<'_>) -> String {
    match datagram.from {
        Port::Free(_) => String::new(),
        Port::Number(number) => format!(" from port {number}"),
        Port::Servers => " from a port with the server's number".into(),
    }
}

const fn called(place: Place) -> &'static str {
    match place {
        Place::Other => "another address",
        Place::V4 => "an IPv4 address",
        Place::V6 => "an IPv6 address",
        Place::Mapped => "an IPv4-mapped address",
        Place::LinkLocal => "a link-local address",
    }
}

/// The usual meaning of such a failure, whatever the case is.
fn usual(wrong: &Wrong) -> Option<&'static str> {
    match wrong {
        Wrong::Differs { came, .. } | Wrong::Grown { more: came, .. }
            if came.as_ref().windows(REPLACEMENT.len()).any(|three| three == REPLACEMENT) =>
        {
            Some("bytes are decoded as text: EF BF BD replaces what is not UTF-8")
        }
        Wrong::Elsewhere { .. } => Some(
            "it answers from a socket that is bound to all addresses, and the system chooses one \
             of them (IP_PKTINFO tells which was asked), or from another socket",
        ),
        Wrong::Crossed { .. } => Some("the answer goes to the client that came first, or last"),
        Wrong::Doubled { .. } => {
            Some("two sockets or threads answer, or one answers again after an error")
        }
        Wrong::Broken(Failure::Refused) => {
            Some("an earlier datagram, or this one, has ended the server")
        }
        _ => None,
    }
}
