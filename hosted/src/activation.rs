//! Sockets that are open before this program starts: systemd passes them as descriptors
//! (sd_listen_fds(3)), an inetd as standard input. A server takes them over instead of listening
//! itself, and then never listens anywhere else.

mod descriptor;

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::{env, fs, io, process};

use anyhow::{Context, Result, bail, ensure};
use rustix::stdio;
use socket2::{SockRef, Type};

/// The first descriptor that systemd passes.
const FIRST: RawFd = 3;

/// Sockets that were inherited.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    /// Those that listen.
    pub(crate) listeners: Vec<TcpListener>,
    /// Those at which datagrams arrive.
    pub(crate) sockets: Vec<UdpSocket>,
    /// Connections that were accepted before.
    pub(crate) connections: Vec<TcpStream>,
    /// Who has passed them, and their names.
    pub(crate) from: String,
}

impl Inherited {
    /// The sockets that systemd, or who does as it does, has passed to this process, if there are any.
    /// Nothing else may be opened before.
    ///
    /// # Errors
    ///
    /// If one of them cannot be served.
    pub(crate) fn from_systemd() -> Result<Option<Self>> {
        let [pid, count, names] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]
            .map(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()));
        let names = meant_for(process::id(), pid.as_deref(), count.as_deref(), names.as_deref());
        let names = names.context("cannot take over sockets from systemd")?;
        if names.is_empty() {
            return Ok(None);
        }
        let mut inherited =
            Self { from: format!("systemd ({})", names.join(", ")), ..Self::default() };
        for (fd, name) in (FIRST..).zip(names) {
            let about = || format!("cannot take over descriptor {fd} ({name}) from systemd");
            let socket = descriptor::take(fd).with_context(about)?;
            inherited.take(socket).with_context(about)?;
        }
        Ok(Some(inherited))
    }

    /// The socket that an inetd has passed as standard input. It passes the same as the output, to which
    /// nothing else may be written than the echo: what this program says goes nowhere from then on, unless
    /// the inetd has connected it to something else.
    ///
    /// # Errors
    ///
    /// If it cannot be served.
    pub(crate) fn from_inetd() -> Result<Self> {
        let about = "cannot serve standard input (--inetd is for the configuration of an inetd)";
        let socket = stdio::stdin().try_clone_to_owned().context(about)?;
        silence(&socket).context("cannot open /dev/null")?;
        let mut inherited = Self { from: "an inetd".into(), ..Self::default() };
        inherited.take(socket).context(about)?;
        Ok(inherited)
    }

    fn take(&mut self, socket: OwnedFd) -> Result<()> {
        let about = SockRef::from(&socket);
        let unusable = "it is not a TCP or UDP socket";
        let kind = about.r#type().context(unusable)?;
        let is_ip = about.local_addr()?.as_socket().is_some();
        ensure!(is_ip && [Type::STREAM, Type::DGRAM].contains(&kind), unusable);
        if kind == Type::DGRAM {
            self.sockets.push(socket.into());
        } else if about.is_listener()? {
            self.listeners.push(socket.into());
        } else if about.peer_addr().is_ok() {
            self.connections.push(socket.into());
        } else if about.take_error()?.is_none() {
            bail!("it neither listens nor is connected");
        }
        // Otherwise it was connected: the client has left with a reset.
        Ok(())
    }
}

/// The names of the descriptors that are meant for this process; those without a name are "unknown", as
/// systemd calls them. Variables that are meant for another process, as of a parent that did not use them,
/// mean nothing.
fn meant_for(
    process: u32,
    pid: Option<&str>,
    count: Option<&str>,
    names: Option<&str>,
) -> Result<Vec<String>> {
    let (Some(pid), Some(count)) = (pid, count) else { return Ok(Vec::new()) };
    let meant: u32 = pid.parse().with_context(|| format!("LISTEN_PID is {pid:?}"))?;
    if meant != process {
        return Ok(Vec::new());
    }
    let wrong = || format!("LISTEN_FDS is {count:?}");
    let count: usize = count.parse().with_context(wrong)?;
    // No process has as many descriptors.
    ensure!(count <= 1 << 20, wrong());
    let mut names: Vec<String> =
        names.map(|names| names.split(':').map(str::to_owned).collect()).unwrap_or_default();
    names.resize(count, "unknown".into());
    Ok(names)
}

/// Lets the standard streams lead to nowhere if they are this socket.
fn silence(socket: &OwnedFd) -> io::Result<()> {
    let null = fs::File::options().read(true).write(true).open("/dev/null")?;
    let is_it = |stream: &dyn AsFd| {
        let [one, other] = [socket.as_fd(), stream.as_fd()].map(rustix::fs::fstat);
        matches!((one, other), (Ok(one), Ok(other)) if (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
    };
    if is_it(&io::stdout()) {
        stdio::dup2_stdout(&null)?;
    }
    if is_it(&io::stderr()) {
        stdio::dup2_stderr(&null)?;
    }
    // The connection must not stay open behind its session.
    stdio::dup2_stdin(&null)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pid: Option<&str>, count: Option<&str>, names: Option<&str>) -> Vec<String> {
        meant_for(7, pid, count, names).expect("it makes sense")
    }

    #[test]
    fn descriptors_have_the_names_that_they_are_given() {
        assert_eq!(names(Some("7"), Some("2"), Some("tcp:udp")), ["tcp", "udp"]);
        assert_eq!(names(Some("7"), Some("2"), Some("tcp")), ["tcp", "unknown"]);
        assert_eq!(names(Some("7"), Some("1"), None), ["unknown"]);
        assert_eq!(names(Some("7"), Some("1"), Some("tcp:udp")), ["tcp"]);
    }

    #[test]
    fn what_is_meant_for_another_process_means_nothing() {
        for (pid, count) in [(Some("8"), Some("1")), (None, Some("1")), (Some("7"), None)] {
            assert_eq!(names(pid, count, Some("tcp")), [""; 0]);
        }
        assert_eq!(names(Some("7"), Some("0"), None), [""; 0]);
        // Whatever else stands there.
        assert_eq!(names(Some("8"), Some("many"), None), [""; 0]);
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for (pid, count) in [("7", "-1"), ("7", "many"), ("7", "99999999"), ("me", "1"), ("7", "")]
        {
            let error = meant_for(7, Some(pid), Some(count), None).expect_err("no number");
            assert!(error.to_string().starts_with("LISTEN_"), "{error}");
        }
    }
}
