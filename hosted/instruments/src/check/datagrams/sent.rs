//! What was sent, and what that says of a datagram that arrives.

use std::net::SocketAddr;

use echo_core::script::Sample;
use echo_core::{Failure, Fault, Payload};

/// A datagram that was sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) socket: usize,
    pub(super) bytes: Vec<u8>,
    /// What its bytes were made by, and its number there.
    pub(super) made: (Payload<&'static [u8]>, u64),
    pub(super) due: Due,
    /// The step that sent it.
    pub(super) step: usize,
    /// How often it was sent, and how often it came back.
    pub(super) times: u32,
    pub(super) back: u32,
}

impl Sent {
    /// Whether it has the number of this connection in it.
    fn is_of(&self, number: u16) -> bool {
        matches!(self.made.0, Payload::Seq { connection, .. } if connection == number)
    }
}

/// What is to become of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// It comes back.
    Echo,
    /// It does not.
    Nothing,
    /// It does not matter.
    Anything,
}

/// What a server did wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Of so many datagrams, not all came back, however often they were sent.
    Lost { back: usize, of: usize, tries: usize, due: Sample, length: usize },
    /// It was not to be answered.
    Answered { step: usize, due: Sample },
    /// The echo comes from another address than the one that was asked.
    Elsewhere { asked: SocketAddr, from: SocketAddr },
    /// Only its first bytes came back.
    Cut { length: usize, of: usize },
    /// More came back than was sent.
    Grown { length: usize, of: usize, more: Sample },
    /// The bytes from this one on are wrong.
    Differs { offset: usize, of: usize, fault: Fault, due: Sample, came: Sample },
    /// It came to another client.
    Crossed { came: Sample },
    /// Nothing like it was sent.
    Unasked { length: usize, came: Sample },
    /// Of so many, so many came back more often than they were sent, and not by chance.
    Doubled { doubled: usize, of: usize, runs: usize },
    /// The network reports that the server is not there, or cannot be reached.
    Broken(Failure),
    /// It took too long.
    Unfinished,
}

/// What a datagram is that has arrived at this socket from the address that was asked.
pub(super) fn judge(sent: &mut [Sent], socket: usize, bytes: &[u8]) -> Result<(), Wrong> {
    let mut same =
        sent.iter().enumerate().filter(|(_, it)| it.socket == socket && it.bytes == bytes);
    let first = same.next();
    let waiting = first.into_iter().chain(same).find(|(_, it)| it.back < it.times).or(first);
    if let Some((index, _)) = waiting {
        let it = &mut sent[index];
        it.back += 1;
        return match it.due {
            Due::Nothing => Err(Wrong::Answered { step: it.step, due: Sample::of(bytes) }),
            Due::Echo | Due::Anything => Ok(()),
        };
    }
    if !bytes.is_empty() && sent.iter().any(|it| it.bytes == bytes) {
        return Err(Wrong::Crossed { came: Sample::of(bytes) });
    }
    // The one that it is most like; of those, one that waits for its echo.
    let alike = |it: &&Sent| {
        (common(&it.bytes, bytes), it.bytes.len().abs_diff(bytes.len()) == 0, it.back < it.times)
    };
    let Some(it) = sent.iter().filter(|it| it.socket == socket).max_by_key(alike) else {
        return Ok(());
    };
    let (alike, of) = (common(&it.bytes, bytes), it.bytes.len());
    let (payload, number) = it.made;
    let (due, came) = (Sample::of(&it.bytes[alike..]), Sample::of(&bytes[alike..]));
    if alike == bytes.len() {
        return Err(Wrong::Cut { length: alike, of });
    }
    let fault = payload.fault(number, alike as u64, &bytes[alike..]);
    match fault {
        // A socket of an earlier case had the same port, and its echo comes late.
        Fault::Crossed(origin) if !sent.iter().any(|it| it.is_of(origin.connection)) => Ok(()),
        _ if alike == of && of > 0 => Err(Wrong::Grown { length: bytes.len(), of, more: came }),
        _ if it.back < it.times => Err(Wrong::Differs { offset: alike, of, fault, due, came }),
        _ => Err(Wrong::Unasked { length: bytes.len(), came: Sample::of(bytes) }),
    }
}

/// Whether it could be the echo of something that was sent from this socket, from whatever address it came.
pub(super) fn is_known(sent: &[Sent], socket: usize, bytes: &[u8]) -> bool {
    sent.iter().any(|it| it.socket == socket && it.times > 0 && it.bytes == bytes)
}

/// The number of bytes with which both begin.
fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}
