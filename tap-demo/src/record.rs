//! The file of `--pcap`. Unlike a report, it is written under its own name from the start:
//! somebody may be watching it, and a server can be stopped at any time.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::Result;
use echo_instruments::files::{Output, cannot_write};
use echo_instruments::terminal::notes::remark;
use echo_smoltcp::smoltcp::phy::PcapSink;
use echo_smoltcp::smoltcp::time::Instant as WireInstant;

use crate::wait::UnixClock;

/// Where frames are recorded. Without a file nothing is recorded, and the layers of the device
/// have the same type as with one.
#[derive(Debug)]
pub struct Record {
    file: Option<BufWriter<File>>,
    path: PathBuf,
    clock: UnixClock,
    loss: Rc<Loss>,
}

/// The error after which nothing more was recorded, if there was one. It is known for certain once the
/// [`Record`] is dropped, which outlives no device.
pub type Loss = OnceCell<anyhow::Error>;

impl Record {
    /// Starts the record, if one is wanted, and replaces what was in the file. The time of each
    /// frame is read from `clock`.
    ///
    /// # Errors
    ///
    /// If it cannot be emptied.
    pub fn new(output: Option<Output>, clock: UnixClock) -> Result<Self> {
        let path = output.as_ref().map_or_else(PathBuf::new, |output| output.path().to_owned());
        let file = output.map(Output::stream).transpose()?.map(BufWriter::new);
        Ok(Self { file, path, clock, loss: Rc::default() })
    }

    /// Where its loss is told.
    #[must_use]
    pub fn loss(&self) -> Rc<Loss> {
        Rc::clone(&self.loss)
    }

    /// Whether frames are recorded.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.file.is_some()
    }
}

impl Record {
    /// Returns whether the record ends here.
    fn with(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> bool {
        let Some(Err(error)) = self.file.as_mut().map(write) else { return false };
        self.file = None;
        self.loss.set(cannot_write(&self.path, &error)).is_ok()
    }
}

/// Writes what is still in the buffer, for which there may be no space on the disk.
impl Drop for Record {
    fn drop(&mut self) {
        self.with(Write::flush);
    }
}

/// smoltcp has no way to report an error. A full disk ends the recording, and never the echo.
impl PcapSink for Record {
    fn write(&mut self, data: &[u8]) {
        if self.with(|file| file.write_all(data))
            && let Some(error) = self.loss.get()
        {
            remark(&format!("recording of frames stops here: {error}"));
        }
    }

    /// Writes a frame with the time at which it passes. smoltcp only knows when the step began
    /// in which it does, and many can pass in one step.
    fn packet(&mut self, _step: WireInstant, frame: &[u8]) {
        let since_1970 = self.clock.now().since_start();
        let micros = i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX);
        self.packet_header(WireInstant::from_micros(micros), frame.len());
        self.write(frame);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    const STEP: WireInstant = WireInstant::ZERO;

    /// When each frame of a record passed, since 1970.
    fn stamps(record: &[u8]) -> Vec<Duration> {
        let word = |bytes: &[u8]| u32::from_ne_bytes(bytes[..4].try_into().expect("four bytes"));
        let (mut rest, mut stamps) = (record, Vec::new());
        while let Some((header, after)) = rest.split_at_checked(16) {
            let micros = Duration::from_micros(word(&header[4..]).into());
            stamps.push(Duration::from_secs(word(header).into()) + micros);
            rest = &after[word(&header[8..]) as usize..];
        }
        stamps
    }

    #[test]
    fn each_frame_of_a_step_has_its_own_time() {
        let folder = tempfile::tempdir().expect("a place for temporary files");
        let path = folder.path().join("frames.pcap");
        let output = Output::open(&path).expect("it can be written");
        let clock = UnixClock::start();
        let mut record = Record::new(Some(output), clock).expect("it can be written");
        let micros = || clock.now().since_start().as_micros();
        let mut bounds = vec![micros()];
        for _ in 0..3 {
            record.packet(STEP, &[7; 60]);
            let passed = micros();
            while micros() <= passed {}
            bounds.push(micros());
        }
        drop(record);
        let stamps = stamps(&fs::read(path).expect("written"));
        assert_eq!(stamps.len(), 3);
        for (stamp, bounds) in stamps.iter().zip(bounds.windows(2)) {
            assert!((bounds[0]..bounds[1]).contains(&stamp.as_micros()), "{stamps:?} {bounds:?}");
        }
    }

    /// Early, when the buffer is written, or late, when the record is dropped.
    #[test]
    fn a_loss_is_told_whenever_it_shows() {
        for (path, frames, told) in [
            ("/dev/full", 1, Some("cannot write /dev/full: no space left on device")),
            ("/dev/full", 1_000, Some("cannot write /dev/full: no space left on device")),
            ("/dev/null", 1_000, None),
        ] {
            let output = Output::open(Path::new(path)).expect("it can be opened");
            let mut record = Record::new(Some(output), UnixClock::start()).expect("a record");
            let loss = record.loss();
            (0..frames).for_each(|_| record.packet(STEP, &[7; 60]));
            drop(record);
            assert_eq!(loss.get().map(ToString::to_string).as_deref(), told, "{path} {frames}");
        }
    }
}
