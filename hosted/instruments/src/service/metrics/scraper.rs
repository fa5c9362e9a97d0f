//! One scraper: its request, the answer to it, and how long it may take.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use echo_core::Instant;
use rustix::event::{PollFd, PollFlags};

use super::page::{Answer, LONGEST, Page};

/// How long a scraper may stay. Prometheus gives up after ten seconds, unless told otherwise.
const STAY: Duration = Duration::from_secs(5);

/// The most bytes that are read and thrown away behind a request.
const MOST: usize = 64 << 10;

pub(super) struct Scraper {
    stream: TcpStream,
    deadline: Instant,
    stage: Stage,
}

enum Stage {
    /// What came of the request.
    Asking(Vec<u8>),
    /// What is left to send.
    Told(Vec<u8>),
    /// All is sent, and our FIN. With unread input the connection would be reset, and the answer lost; this
    /// much of it has been thrown away.
    Leaving(usize),
}

impl Scraper {
    pub(super) fn new(stream: TcpStream, now: Instant) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, deadline: now + STAY, stage: Stage::Asking(Vec::new()) })
    }

    /// When it has to be gone.
    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What it waits for.
    pub(super) fn source(&self) -> PollFd<'_> {
        let flags = match self.stage {
            Stage::Asking(_) | Stage::Leaving(_) => PollFlags::IN,
            Stage::Told(_) => PollFlags::OUT,
        };
        PollFd::new(&self.stream, flags)
    }

    /// Goes on as far as it can. Returns whether it stays.
    pub(super) fn serve(&mut self, now: Instant, page: &impl Fn(Page) -> Answer) -> bool {
        if self.deadline <= now {
            return false;
        }
        loop {
            match self.advance(page) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// Makes one call. Returns whether there is more to do.
    fn advance(&mut self, page: &impl Fn(Page) -> Answer) -> io::Result<bool> {
        let Self { stream, stage, .. } = self;
        let mut buffer = [0; LONGEST];
        match stage {
            Stage::Asking(request) => {
                let room = LONGEST - request.len();
                let n = stream.read(&mut buffer[..room])?;
                request.extend_from_slice(&buffer[..n]);
                if let Some(answer) = Answer::to(request, page) {
                    *stage = Stage::Told(answer);
                }
                Ok(n > 0)
            }
            Stage::Told(answer) => {
                let n = stream.write(answer)?;
                answer.drain(..n);
                if answer.is_empty() {
                    stream.shutdown(Shutdown::Write)?;
                    *stage = Stage::Leaving(0);
                }
                Ok(true)
            }
            Stage::Leaving(thrown_away) => {
                let n = stream.read(&mut buffer)?;
                *thrown_away += n;
                Ok(n > 0 && *thrown_away < MOST)
            }
        }
    }
}
