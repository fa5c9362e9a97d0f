//! Answers that are spoilt on purpose.

use core::mem;

use echo_core::Instant;
use echo_core::datagram::{Fate, Spoiler};
use smoltcp::wire::IpEndpoint;

use super::outbox::Answer;

/// The spoiler of all answers, with memory for the one in hand and the one that is kept.
#[derive(Debug)]
pub(super) struct Spoilt<'a> {
    pub(super) spoiler: &'a mut Spoiler<IpEndpoint>,
    pub(super) hand: &'a mut [u8],
    pub(super) kept: &'a mut [u8],
    /// What is kept, without its bytes, and how many these are.
    pub(super) waits: Option<(Answer<'static>, usize)>,
}

impl Spoilt<'_> {
    /// Gives what becomes of an answer, if anything does: as it is where it is too long for the memory.
    pub(super) fn spoil(
        &mut self,
        now: Instant,
        answer: Answer<'_>,
        give: &mut impl FnMut(Answer<'_>),
    ) {
        let length = answer.bytes.len();
        if length > self.hand.len().min(self.kept.len()) {
            return give(answer);
        }
        let hand = &mut self.hand[..length];
        hand.copy_from_slice(answer.bytes);
        let (fate, overtakes) = self.spoiler.spoil(now, answer.to.endpoint, hand);
        match fate {
            Fate::Sent(length) => give(Answer { bytes: &hand[..length], ..answer }),
            Fate::Twice => (0..2).for_each(|_| give(answer)),
            Fate::Lost => {}
            Fate::Kept => {
                mem::swap(&mut self.hand, &mut self.kept);
                self.waits = Some((Answer { bytes: &[], ..answer }, length));
            }
        }
        if overtakes {
            self.release(give);
        }
    }

    /// Gives what is kept and was not overtaken in time.
    pub(super) fn handle_timeout(&mut self, now: Instant, give: &mut impl FnMut(Answer<'_>)) {
        if self.spoiler.handle_timeout(now) {
            self.release(give);
        }
    }

    /// Gives what is kept.
    pub(super) fn release(&mut self, give: &mut impl FnMut(Answer<'_>)) {
        if let Some((answer, length)) = self.waits.take() {
            give(Answer { bytes: &self.kept[..length], ..answer });
        }
    }
}
