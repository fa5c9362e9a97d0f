//! The report on a case that failed: where the peer deviated from the script, what was sent,
//! what came back, and what that usually means.

use std::fmt::Write;

use echo_cases::Case;
use echo_core::script::{Act, Body, Deviation, Manner, Sample, What, Wish};
use echo_core::{Failure, Fault};

use super::conduct::Departure;
use crate::quantity;

/// How a case failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The failure in a few words.
    pub brief: String,
    /// The details: the name of each part, and its text.
    pub parts: Vec<(&'static str, String)>,
}

impl Finding {
    pub(super) fn of(case: &Case<'_>, departure: &Departure) -> Self {
        let Departure { round, script, at } = departure;
        let scripts = case.rounds.get(*round).copied().unwrap_or_default();
        let acts = scripts.get(*script).copied().unwrap_or_default();
        let mut parts = Vec::new();
        if scripts.len() > 1 || case.rounds.len() > 1 {
            let before: usize = case.rounds.iter().take(*round).map(|round| round.len()).sum();
            let all: usize = case.rounds.iter().map(|round| round.len()).sum();
            parts.push(("on", format!("connection {} of {all}", before + script + 1)));
        }
        let usually = match at {
            Err(None) => REFUSED,
            Err(Some(failure)) => broken(*failure).unwrap_or(case.usually),
            Ok(deviation) => {
                parts.extend(told(acts, deviation));
                usual(deviation).unwrap_or(case.usually)
            }
        };
        parts.push(("usually", usually.into()));
        let brief = match at {
            Err(None) => "no connection: no answer".into(),
            Err(Some(failure)) => format!("no connection: {failure}"),
            Ok(deviation) => deviation.to_string(),
        };
        Self { brief, parts }
    }

    /// The whole finding in one sentence, for programs.
    pub(super) fn sentence(&self) -> String {
        let mut sentence = self.brief.clone();
        for (what, part) in &self.parts {
            // Writing to a string does not fail.
            let _ = write!(sentence, "; {what}: {part}");
        }
        sentence
    }
}

/// The place in the script, what was sent, and what came instead.
fn told(acts: &[Act<'_>], deviation: &Deviation) -> Vec<(&'static str, String)> {
    let Deviation { act, said, heard, what, due, came, .. } = deviation;
    let mut parts = Vec::new();
    if let Some(it) = acts.get(*act) {
        parts.push(("in", format!("act {} of {}: {}", act + 1, acts.len(), words(it))));
    }
    if !due.as_ref().is_empty() {
        let all = if said > heard {
            format!(" ({} in all)", quantity::bytes(*said))
        } else {
            String::new()
        };
        parts.push(("sent", format!("{} from byte {heard} on{all}", quoted(due))));
    }
    match what {
        What::Differs(fault) => parts.push(("came", format!("{} ({fault})", quoted(came)))),
        What::Unasked => parts.push(("came", quoted(came))),
        What::Ended => parts.push(("came", "the end".into())),
        What::Stalled | What::Unfinished => parts.push(("came", "nothing more".into())),
        What::Broken(_) => {}
    }
    parts
}

/// The first few of some bytes, as they are shown.
pub(super) fn quoted(sample: &Sample) -> String {
    let bytes = sample.as_ref();
    let more = if bytes.len() == Sample::MOST { "…" } else { "" };
    format!("\"{}\"{more}", bytes.escape_ascii())
}

/// An act in words.
fn words(act: &Act<'_>) -> String {
    match act {
        Act::Say(body) => format!("send {}", this(body)),
        Act::Hear(body) => format!("read {}", this(body)),
        Act::Echo(body, manner) => format!("send {} and read the echo{}", this(body), how(manner)),
        Act::Last(body, manner) => {
            format!("send {} and a FIN, and read the echo{}", this(body), how(manner))
        }
        Act::Maybe(byte) => format!("read \"{}\", if it comes", byte.escape_ascii()),
        Act::End => "read the end".into(),
        Act::Silence(time) => format!("receive nothing for {}", quantity::duration(*time)),
        Act::Wait(time) => format!("read nothing for {}", quantity::duration(*time)),
        Act::Fin => "send a FIN".into(),
        Act::Ask(wish) => wished(*wish).into(),
    }
}

pub(super) fn this(body: &Body<'_>) -> String {
    match body.text {
        Some(text) if text.len() <= Sample::MOST => {
            let times = body.length / (text.len() as u64).max(1);
            let times = if times == 1 { String::new() } else { format!(" {times} times") };
            format!("\"{}\"{times}", text.escape_ascii())
        }
        _ if body.length == u64::MAX => "bytes".into(),
        _ => quantity::bytes(body.length),
    }
}

fn how(manner: &Manner) -> String {
    let pause = |time| quantity::duration(time);
    match *manner {
        Manner::AtOnce => String::new(),
        Manner::Pieces(size) => format!(", in writes of {}", quantity::bytes(size)),
        Manner::Steps(size, _) => format!(", {} after another", quantity::bytes(size)),
        Manner::Deaf(time) => format!(" after {}", pause(time)),
        Manner::Sips(size, time) => format!(", {} every {}", quantity::bytes(size), pause(time)),
        Manner::For(time) => format!(", for {}", pause(time)),
    }
}

/// A wish in words.
pub(super) const fn wished(wish: Wish) -> &'static str {
    match wish {
        Wish::Together => "send data and the FIN in one segment",
        Wish::Urgent(_) => "send an urgent byte",
        Wish::Reset => "reset the connection",
    }
}

/// The replacement character, which stands for invalid UTF-8.
pub(super) const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

const REFUSED: &str = "the server has ended, is full, or takes no connections for a while, as an \
                       inetd does after 50 in a second or 256 in a minute";

/// The usual meaning of such a deviation, whatever the case is.
fn usual(deviation: &Deviation) -> Option<&'static str> {
    let (due, came) = (deviation.due.as_ref(), deviation.came.as_ref());
    match deviation.what {
        What::Differs(_) if came.windows(REPLACEMENT.len()).any(|three| three == REPLACEMENT) => {
            Some("bytes are decoded as text: EF BF BD replaces what is not UTF-8")
        }
        What::Differs(_) if due.len() > 1 && due.iter().rev().eq(came) => {
            Some("the echo is reversed, as smoltcp's example server does")
        }
        What::Differs(Fault::Stale(_) | Fault::Repeated { .. }) => {
            Some("a buffer that was sent is sent again, or more of it than was received")
        }
        What::Differs(Fault::Crossed(_)) => {
            Some("connections share a buffer, or one is not cleared between two of them")
        }
        What::Differs(Fault::Skipped { .. }) => {
            Some("the rest of a short write is dropped, or a buffer is filled before it is sent")
        }
        What::Broken(failure) => broken(failure),
        _ => None,
    }
}

fn broken(failure: Failure) -> Option<&'static str> {
    match failure {
        Failure::Refused => Some(REFUSED),
        Failure::Local => {
            Some("this machine has no port or socket left; the server is not at fault")
        }
        _ => None,
    }
}
