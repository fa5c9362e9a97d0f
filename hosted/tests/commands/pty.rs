//! A terminal, with a test in the place of the person.

use std::fs::File;
use std::io::{self, Read};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Both sides of one: the person's, and the program's.
pub(crate) fn terminal() -> (File, File) {
    let ours =
        openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("ours");
    let path = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("text");
    // Not our controlling terminal: it is opened where there is no session to lead.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs =
        rustix::fs::open(path, flags, Mode::empty()).map(File::from).expect("the other side");
    (ours.into(), theirs)
}

/// What is shown, to the last byte. Reading it is an error when nobody has the program's side open
/// any more.
///
/// Linux first looks whether there is something to read and then whether the other side is closed.
/// What is written and closed in between is there only at the next read.
pub(crate) struct Shown(pub(crate) File);

impl Read for Shown {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).or_else(|_| self.0.read(buffer))
    }
}
