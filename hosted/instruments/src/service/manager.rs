//! The service manager that started this process, as systemd, if it wants to know how it goes
//! (sd_notify(3)).

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::reason::reason;
use crate::terminal::notes::remark;

/// What the end of a server may take beyond its drain: the last lines are still to be read.
const ENDING: Duration = Duration::from_secs(5);

/// How long a manager that reads nothing is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// The socket on which a service manager listens.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    /// The manager that the environment names, if there is one. One that cannot be reached is remarked on,
    /// and the service goes on.
    #[must_use]
    pub fn named() -> Option<Self> {
        let name = env::var_os("NOTIFY_SOCKET")?;
        let reached = Self::at(&name);
        if let Err(error) = &reached {
            let (name, reason) = (name.display(), reason(error));
            remark(&format!("cannot reach the service manager at NOTIFY_SOCKET={name}: {reason}"));
        }
        reached.ok()
    }

    fn at(name: &OsStr) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        match name.as_bytes() {
            [b'@', name @ ..] => socket.connect_addr(&abstract_address(name)?)?,
            _ => socket.connect(name)?,
        }
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket })
    }

    /// Tells it that clients are served from now on, and where.
    pub fn ready(&self, addresses: &str) {
        self.tell(&format!("READY=1\nSTATUS=on {addresses}"));
    }

    /// Tells it that the service ends within this time; whoever wants more time than is configured has to
    /// ask for it.
    pub fn stopping(&self, drain: Duration) {
        let limit = drain.saturating_add(ENDING).as_micros();
        self.tell(&format!("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC={limit}"));
    }

    fn tell(&self, state: &str) {
        if let Err(error) = self.socket.send(state.as_bytes()) {
            remark(&format!("cannot tell the service manager: {}", reason(&error)));
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}
