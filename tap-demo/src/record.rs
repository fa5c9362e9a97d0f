//! The file of `--pcap`. It is written under its own name from the start, other
//! than a report: somebody may look on, and a server is ended at any time.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use anyhow::Result;
use echo_instruments::files::Output;
use echo_instruments::reason::reason;
use echo_instruments::terminal::notes::remark;
use echo_smoltcp::smoltcp::phy::PcapSink;

/// Where frames are recorded. Without a file nothing is, so that a stack of
/// layers is the same type with and without a record.
#[derive(Debug)]
pub struct Record(Option<BufWriter<File>>);

impl Record {
    /// Starts the record, if there is to be one, in place of what was in the file.
    ///
    /// # Errors
    ///
    /// If it cannot be emptied.
    pub fn new(output: Option<Output>) -> Result<Self> {
        let file = output.map(Output::stream).transpose()?;
        Ok(Self(file.map(BufWriter::new)))
    }

    /// Whether frames are recorded.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.0.is_some()
    }
}

impl Record {
    fn with(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        if let Some(file) = &mut self.0
            && let Err(error) = write(file)
        {
            remark(&format!("the record of frames ends here: {}", reason(&error)));
            self.0 = None;
        }
    }
}

/// What is still in the buffer may be what the disk has no space for.
impl Drop for Record {
    fn drop(&mut self) {
        self.with(Write::flush);
    }
}

/// smoltcp leaves no way to report an error: a full disk ends the record, and
/// never the echo.
impl PcapSink for Record {
    fn write(&mut self, data: &[u8]) {
        self.with(|file| file.write_all(data));
    }
}
