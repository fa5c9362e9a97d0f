//! Messages whose echo was wrong, by what happened to their bytes.

use std::mem::discriminant;

use echo_core::{Difference, Failure};

/// The first message of each sort of [`Fault`](echo_core::Fault) that occurred,
/// and how many there were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wrong(Vec<(Difference, u64)>);

impl Wrong {
    /// Looks at a message that failed.
    pub(super) fn record(&mut self, failure: &Failure) {
        let Failure::Differs(difference) = failure else { return };
        let sort = discriminant(&difference.fault);
        match self.0.iter_mut().find(|(first, _)| discriminant(&first.fault) == sort) {
            Some((_, count)) => *count += 1,
            None => self.0.push((*difference, 1)),
        }
    }

    /// Each sort by its first message, and how many messages it has.
    pub fn sorts(&self) -> impl Iterator<Item = &(Difference, u64)> {
        self.0.iter()
    }
}
