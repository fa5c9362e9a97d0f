//! Values that depend on each other in a known way.

use crate::random::Random;

/// A value that resembles the one before it (an autoregressive process of order one), normally distributed around 0.
#[derive(Debug)]
pub(crate) struct Recurring {
    pub(crate) value: f64,
    memory: f64,
    deviation: f64,
}

impl Recurring {
    pub(crate) const fn new(memory: f64, deviation: f64) -> Self {
        Self { value: 0.0, memory, deviation }
    }

    /// The same, begun anywhere: its first value is like all others.
    pub(crate) fn begun(self, random: &mut Random) -> Self {
        Self { value: self.deviation * random.normal(), ..self }
    }

    pub(crate) fn step(&mut self, random: &mut Random) {
        let fresh = (1.0 - self.memory * self.memory).sqrt() * self.deviation;
        self.value = self.memory * self.value + fresh * random.normal();
    }
}

impl Random {
    /// Of mean 0 and deviation 1 (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let (length, angle) = (self.uniform(), self.uniform());
        (-2.0 * length.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}
