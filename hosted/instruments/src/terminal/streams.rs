//! Standard output and standard error as they are: nothing is buffered, and a full stream is
//! waited for, even if it is non-blocking. Node and ssh leave pipes so; to change that back would
//! change it for them, too.

use std::io::{self, ErrorKind, Write};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio;

use crate::signals::Stop;

/// A standard stream, to be written to.
#[derive(Debug)]
pub struct Stream(BorrowedFd<'static>);

impl Stream {
    /// Standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self(stdio::stdout())
    }

    /// Standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self(stdio::stderr())
    }
}

impl Stream {
    /// Waits until there is no reader any more, which only a pipe or a socket can report.
    pub(crate) fn wait_until_left(&self) {
        // A wait that fails, or is interrupted, is repeated.
        while !poll(&mut [PollFd::new(&self.0, PollFlags::empty())], None).is_ok_and(|n| n > 0) {}
    }

    /// Whether something can be written, within some time.
    fn is_ready(&self, limit: Duration) -> bool {
        let limit = Timespec::try_from(limit).ok();
        poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], limit.as_ref()).is_ok_and(|n| n > 0)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(self.0, bytes) {
                Err(Errno::AGAIN) => {}
                written => return Ok(written?),
            }
            // A wait that fails, or is interrupted, is repeated after the next write.
            let _ = poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a part of the result on stdout, all of it, however long that takes.
///
/// # Errors
///
/// If stdout is gone, or full for good.
pub fn print(text: impl AsRef<[u8]>) -> io::Result<()> {
    Stream::stdout().write_all(text.as_ref())
}

/// As [`print`], but a reader who takes nothing is waited for no longer than
/// [`PATIENCE`] once `stop` is requested: one request ends the program.
///
/// # Errors
///
/// If stdout is gone, or full for good; [`ErrorKind::TimedOut`] after a request.
pub(crate) fn print_unless(text: impl AsRef<[u8]>, stop: &Stop) -> io::Result<()> {
    write_unless(&mut Stream::stdout(), text.as_ref(), stop)
}

fn write_unless(stream: &mut Stream, text: &[u8], stop: &Stop) -> io::Result<()> {
    // What a pipe takes whole once it takes anything, so that the write does not wait.
    for piece in text.chunks(PIECE) {
        let mut waited = Duration::ZERO;
        while !stream.is_ready(SLICE) {
            waited = if stop.requested() { waited + SLICE } else { Duration::ZERO };
            if waited >= PATIENCE {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        stream.write_all(piece)?;
    }
    Ok(())
}

/// How long to wait for a reader after a request to stop.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often to check for a request to stop.
const SLICE: Duration = Duration::from_millis(100);

/// The bytes that a pipe takes whole or not at all.
const PIECE: usize = 4096;

#[cfg(test)]
mod tests {
    use std::io::{PipeWriter, Read};
    use std::os::fd::AsFd;
    use std::thread;

    use rustix::io::ioctl_fionbio;

    use super::*;

    #[test]
    fn a_non_blocking_pipe_takes_all_in_the_end() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        ioctl_fionbio(&writer, true).expect("an option");
        // It is for ever, as the standard streams are.
        let writer: &PipeWriter = Box::leak(Box::new(writer));
        let mut stream = Stream(writer.as_fd());
        let text: Vec<_> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut read = vec![0; text.len()];
        thread::scope(|scope| {
            scope.spawn(|| stream.write_all(&text).expect("written"));
            reader.read_exact(&mut read).expect("read");
        });
        assert!(read == text);
    }

    #[test]
    fn a_reader_who_takes_nothing_is_waited_for_until_there_is_a_request() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let writer: &PipeWriter = Box::leak(Box::new(writer));
        let mut stream = Stream(writer.as_fd());
        let stop = Stop::new().expect("a pipe");
        let text = vec![b'x'; 1_000_000];
        thread::scope(|scope| {
            let waits = scope.spawn(|| write_unless(&mut stream, &text, &stop));
            // It begins, and it waits for whoever reads.
            reader.read_exact(&mut vec![0; 500_000]).expect("read");
            stop.request();
            let error = waits.join().expect("it ends").expect_err("nobody reads the rest");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        });
    }
}
