//! What the messages of a load contain, for all its connections.

use echo_core::Payload;

/// What the messages of all connections contain.
#[derive(Debug, Clone)]
pub enum Content {
    /// See [`Payload::Zero`].
    Zero,
    /// See [`Payload::Seq`]: the number that tells this run from others.
    Seq(u16),
    /// See [`Payload::Random`]: the seed.
    Random(u64),
    /// See [`Payload::Bytes`].
    Bytes(Vec<u8>),
}

impl Content {
    /// What one connection sends.
    pub(crate) fn payload(&self, connection: u16) -> Payload<'_> {
        match self {
            Self::Zero => Payload::Zero,
            Self::Seq(run) => Payload::Seq { run: *run, connection },
            Self::Random(seed) => Payload::Random { seed: seed ^ (u64::from(connection) << 48) },
            Self::Bytes(bytes) => Payload::Bytes(bytes),
        }
    }
}
