//! What a server tells whoever drives it.

use echo_core::CloseReason;
use smoltcp::wire::IpEndpoint;

use crate::Broken;

/// What a server tells its driver, which may log it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'e> {
    /// A handshake is complete.
    Connected {
        /// The client.
        peer: IpEndpoint,
    },
    /// A session takes bytes.
    Received {
        /// The client that sent them.
        peer: IpEndpoint,
        /// The bytes.
        bytes: &'e [u8],
    },
    /// The socket takes bytes of an echo.
    Echoed {
        /// The client that gets them.
        peer: IpEndpoint,
        /// How many they are.
        bytes: u64,
    },
    /// A datagram that is to be answered has arrived.
    Datagram {
        /// The client that sent it.
        peer: IpEndpoint,
        /// What it carries.
        bytes: &'e [u8],
    },
    /// A session is over. Its tail may still be on the way.
    Closed {
        /// The client of the session.
        peer: IpEndpoint,
        /// The reason.
        end: Result<CloseReason, Broken>,
        /// The number of bytes that were echoed.
        echoed: u64,
    },
}
