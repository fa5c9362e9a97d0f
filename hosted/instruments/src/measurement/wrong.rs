//! Messages whose echo was wrong, by what happened to their bytes.

use std::mem::discriminant;

use echo_core::{Difference, Failure, Fault};

/// The sorts of [`Fault`] that occurred.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wrong(Vec<Sort>);

/// What happened to the bytes of some messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// The first of them.
    pub first: Difference,
    /// The number of those messages.
    pub messages: u64,
    /// Whether the first wrong byte of each has the same value.
    alike: bool,
}

impl Sort {
    /// The byte that overwrote others, if it was the same in all messages.
    #[must_use]
    pub fn overwritten_by(&self) -> Option<u8> {
        match self.first.fault {
            Fault::Overwritten { by } if self.alike => Some(by),
            _ => None,
        }
    }

    /// Whether another difference is of this sort.
    fn has(&self, other: &Difference) -> bool {
        use Fault::{Flipped, Overwritten};
        match (self.first.fault, other.fault) {
            // One in 32 bytes differs in a single bit from what overwrites it.
            (Overwritten { by }, Flipped) => self.alike && by == other.received,
            (Flipped, Overwritten { by }) => self.alike && by == self.first.received,
            (this, other) => discriminant(&this) == discriminant(&other),
        }
    }

    fn add(&mut self, other: &Difference) {
        self.extend(&Self { first: *other, messages: 1, alike: true });
    }

    fn extend(&mut self, other: &Self) {
        self.messages += other.messages;
        self.alike &= other.alike && other.first.received == self.first.received;
        if let Fault::Overwritten { .. } = other.first.fault {
            self.first.fault = other.first.fault;
        }
    }
}

impl Wrong {
    /// Records a message that failed, if its bytes were wrong.
    pub(super) fn record(&mut self, failure: &Failure) {
        let Failure::Differs(difference) = failure else { return };
        match self.0.iter_mut().find(|sort| sort.has(difference)) {
            Some(sort) => sort.add(difference),
            None => self.0.push(Sort { first: *difference, messages: 1, alike: true }),
        }
    }

    /// Adds what was wrong in a later run.
    pub(super) fn add(&mut self, other: &Self) {
        for theirs in &other.0 {
            match self.0.iter_mut().find(|sort| sort.has(&theirs.first)) {
                Some(sort) => sort.extend(theirs),
                None => self.0.push(*theirs),
            }
        }
    }

    /// Each sort, in the order of their first messages.
    pub fn sorts(&self) -> impl Iterator<Item = &Sort> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sorts of messages in which one byte was another each.
    fn sorts(bytes: impl IntoIterator<Item = (u8, u8)>) -> Vec<(&'static str, u64, Option<u8>)> {
        let mut wrong = Wrong::default();
        for (message, (expected, received)) in (0..).zip(bytes) {
            let one_bit = (expected ^ received).count_ones() == 1;
            let fault = if one_bit { Fault::Flipped } else { Fault::Overwritten { by: received } };
            let difference = Difference { message, offset: 9, expected, received, fault };
            wrong.record(&Failure::Differs(difference));
        }
        let told = |sort: &Sort| (sort.first.fault.as_str(), sort.messages, sort.overwritten_by());
        wrong.sorts().map(told).collect()
    }

    #[test]
    fn a_byte_that_overwrites_all_is_no_flipped_bit_where_it_is_nearly_right() {
        let over = |by: u8| [0x00, 0x59, 0xff, 0x48, 0x5a].map(|expected| (expected, by));
        assert_eq!(sorts(over(0x58)), [("overwritten", 5, Some(0x58))]);
        let nearly_right_first = over(0x58).into_iter().skip(1);
        assert_eq!(sorts(nearly_right_first), [("overwritten", 4, Some(0x58))]);
        assert_eq!(
            sorts([(0x00, 0x58), (0x00, 0x57)]),
            [("overwritten", 2, None)],
            "whatever comes to hand"
        );
    }

    #[test]
    fn flipped_bits_are_known_as_such() {
        let flipped = (0..8_u8).map(|bit| (0x31, 0x31 ^ (1 << bit)));
        assert_eq!(sorts(flipped), [("with bits flipped", 8, None)]);
        assert_eq!(sorts([(0x31, 0x33)]), [("with bits flipped", 1, None)]);
    }
}
