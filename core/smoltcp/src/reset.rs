//! The reset with which a connection is given up, and how to do without it.

use smoltcp::socket::tcp::{Socket, State};

/// Drops the reset if it could not leave, because nobody answers for the peer's
/// address. The socket would ask for it every second for ever, and an interface
/// asks for one address a second in all. A peer that is still there gets its
/// reset when it sends again. To be called after each egress. Whether there was one: nothing is
/// left to send then.
pub(crate) fn drop_unsent(socket: &mut Socket<'_>) -> bool {
    let unsent = socket.state() == State::Closed && socket.remote_endpoint().is_some();
    if unsent {
        forget(socket);
    }
    unsent
}

/// Ends the connection, if there is one, silently.
pub(crate) fn forget(socket: &mut Socket<'_>) {
    socket.abort();
    // The only way to the state of a new socket. Any port but 0 would do.
    let _ = socket.listen(1);
    socket.close();
}
