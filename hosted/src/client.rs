//! `hosted client`: sends its input and shows what comes back.
//!
//! A line that is typed, the line of `--one-shot`, and a `--message` are each one
//! exchange, which ends when as many bytes came back as were sent; then the next
//! line is taken. Any other input is a stream, which is sent as it arrives while its
//! echo is read. The end of the server is noticed at once, even while the user types.
//! The exit code is 1 if the server ended before the user, or before the input, did,
//! and if what was sent does not come back as it was.
//!
//! Over UDP each message is a datagram, and so is what has arrived of a stream; the exit code is 1 if one does
//! not come back, unless somebody types, who is told.

mod conversation;
mod editor;
mod exchange;
mod flow;
mod input;
mod keys;
mod line;
mod modes;
mod post;
mod screen;
mod terminal;
mod user;

use std::io::{self, IsTerminal};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use std::{process, thread};

use anyhow::{Context, Result, anyhow};
use echo_instruments::datagrams::LONGEST;
use echo_instruments::signals::{self, Stop};
use echo_instruments::terminal::notes::{complain, note};
use echo_instruments::terminal::streams::Stream;
use echo_instruments::verdict::Verdict;

use self::conversation::{Conversation, Manner};
use self::input::{Input, Unit};
use self::modes::Modes;
use self::post::Post;
use self::screen::Screen;
use self::terminal::Terminal;
use self::user::User;
use crate::address;
use crate::datagrams::Port;

/// The settings of the client.
#[derive(Debug, Clone)]
pub(crate) struct Talk {
    /// Whether to talk over UDP.
    pub(crate) udp: bool,
    /// How long nothing may move while an echo is outstanding.
    pub(crate) limit: Option<Duration>,
    /// The most bytes to read at once.
    pub(crate) buffer: usize,
    /// Whether to leave after the first line.
    pub(crate) once: bool,
    /// The message to be sent instead of standard input.
    pub(crate) message: Option<String>,
}

/// Talks to the server there until either side leaves.
///
/// # Errors
///
/// If the server cannot be reached, or standard input or output is broken.
pub(crate) fn talk(
    talk: &Talk,
    resolve: impl FnOnce() -> Result<Vec<SocketAddr>>,
) -> Result<Verdict> {
    let person_types = talk.message.is_none() && io::stdin().is_terminal();
    let person_reads = io::stdout().is_terminal();
    let dialogue = person_types && person_reads;
    let stop = Stop::on_signals().context("cannot catch signals")?;

    let streamed = !person_types && !talk.once && talk.message.is_none();
    let unit = match (dialogue, streamed) {
        (true, _) => Unit::Typed,
        (_, true) if talk.udp => Unit::Piece(talk.buffer.min(LONGEST)),
        (_, true) => Unit::Piece(input::CHUNK),
        (false, false) => Unit::Line,
    };
    let input =
        Input::standard(input::Form { unit, once: talk.once }).context("cannot open stdin")?;
    let input = match &talk.message {
        Some(message) => input.with_message(message),
        None => input,
    };

    let addresses = resolve()?;
    let peer = Peer::reach(talk, &addresses)?;

    let terminal = dialogue.then(|| Terminal::new(stop.clone())).transpose();
    let terminal = terminal.context("cannot prepare the terminal")?;
    let modes = terminal.as_ref().and_then(Terminal::modes);
    let form = match (person_reads, dialogue) {
        (_, true) if modes.is_some() => screen::Form::Edited,
        (_, true) => screen::Form::Dialogue,
        (true, false) => screen::Form::Escaped,
        (false, false) => screen::Form::Raw,
    };
    let input = if modes.is_some() { input.edited() } else { input };
    leave_on_signal(stop, dialogue, modes).context("cannot catch signals")?;

    let manner = Manner { limit: talk.limit, buffer: talk.buffer, stream: streamed };
    let screen = Screen::new(Stream::stdout(), form);
    let user = User::new(input, screen, terminal);
    let complaint = match peer {
        Peer::Tcp(stream) => Conversation::new(manner, stream, user).run()?,
        Peer::Udp(peer, port) => Post::new(manner, dialogue, peer, port, user).run()?,
    };
    let Some(complaint) = complaint else {
        return Ok(Verdict::Well);
    };
    complain(&anyhow!(complaint));
    Ok(Verdict::Failed)
}

/// The server.
enum Peer {
    Tcp(TcpStream),
    /// Its address, and the port from which it is asked.
    Udp(SocketAddr, Port),
}

impl Peer {
    fn reach(talk: &Talk, addresses: &[SocketAddr]) -> Result<Self> {
        if talk.udp {
            let peer = address::route(&[], addresses)?;
            let port = Port::open(peer, None, None).context("cannot open a UDP socket")?;
            return Ok(Self::Udp(peer, port));
        }
        let stream = address::connect(addresses, talk.limit)?.stream;
        stream.set_nonblocking(true).context("cannot prepare the connection")?;
        Ok(Self::Tcp(stream))
    }
}

/// From now on the first signal makes the client leave, whatever the program waits for: there is
/// nothing to finish. In a dialogue the shell's prompt gets a line of its own.
fn leave_on_signal(stop: Stop, dialogue: bool, modes: Option<Arc<Modes>>) -> io::Result<()> {
    if let Some(modes) = modes.clone() {
        signals::before_exit(move || modes.restore());
    }
    stop.arm();
    thread::Builder::new().name("signals".into()).spawn(move || {
        stop.wait();
        if let Some(modes) = modes {
            thread::sleep(GRACE);
            modes.restore();
        }
        if dialogue {
            note("");
        }
        process::exit(0);
    })?;
    Ok(())
}

/// How long to wait for the conversation to leave by itself, where lines are edited: it knows the
/// position of the cursor. It cannot if its terminal takes nothing.
const GRACE: Duration = Duration::from_millis(500);
