//! The operating system's UDP.

mod port;

pub(crate) use self::port::Port;

/// The most bytes of a datagram: an IPv4 packet of 65 535 bytes without its headers.
pub(crate) const LONGEST: usize = 65_507;
