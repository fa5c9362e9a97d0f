//! The interface between a state machine of the core and its driver.

use crate::Instant;

/// One end of an echo exchange: bytes, instants and decisions cross here, and
/// nothing else does.
///
/// *Questions* take `&self` and change nothing. *Events* take the instant at
/// which they happened and never fail. The order in which a driver calls them
/// is in the [crate documentation](crate#the-run-loop).
///
/// A machine whose [`end`](Self::end) is known is inert: it has nothing to
/// send, takes nothing, waits for nothing, and no event changes it.
pub trait Endpoint {
    /// The reason why the exchange is over.
    type End;

    /// The bytes to write next; empty when there is nothing to send.
    ///
    /// They stay the same until an event arrives, so a driver may write any
    /// number of them and report it with [`handle_sent`](Self::handle_sent).
    fn to_send(&self) -> &[u8];

    /// The most bytes that the endpoint can take now. At 0 the driver does not
    /// read: this is the back-pressure. After [`handle_eof`](Self::handle_eof) it stays at 0.
    /// While input is discarded it may be more than any buffer holds.
    fn room(&self) -> usize;

    /// When [`handle_timeout`](Self::handle_timeout) is due; `None` for never.
    fn deadline(&self) -> Option<Instant>;

    /// Whether nothing more will ever be sent: the driver shuts its sending
    /// side (FIN) and goes on reading until [`end`](Self::end) is known. Who closed with unread
    /// input would reset the connection, and the peer could lose the end of what was sent.
    fn finished(&self) -> bool;

    /// The reason why the exchange is over, once it is: the driver closes the connection.
    fn end(&self) -> Option<Self::End>;

    /// The stream accepted the first `n` bytes of [`to_send`](Self::to_send).
    fn handle_sent(&mut self, now: Instant, n: usize);

    /// The peer took bytes that were sent: fewer of them are unsent or not
    /// acknowledged than when the driver last looked. The peer did so at `at`,
    /// which may be before the latest event.
    fn handle_delivered(&mut self, at: Instant);

    /// `bytes` arrived. Returns how many of them were taken, from the front,
    /// and always as many as [`room`](Self::room) allowed.
    fn handle_received(&mut self, now: Instant, bytes: &[u8]) -> usize;

    /// The driver has read all that there is for now: what comes next is another message.
    fn handle_quiet(&mut self, now: Instant);

    /// The peer will send no more.
    fn handle_eof(&mut self, now: Instant);

    /// The peer has reset the connection: nothing moves any more. If the [`end`](Self::end) is
    /// known after this, that was the peer's way to leave; otherwise the exchange has broken off, as
    /// it has for most endpoints.
    fn handle_reset(&mut self, _now: Instant) {}

    /// Time has passed. Calls that are early or repeated change nothing.
    fn handle_timeout(&mut self, now: Instant);
}
