//! The file of `--pcap`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use echo_smoltcp::smoltcp::phy::PcapSink;
use hosted::output::cannot_write;
use hosted::progress::note;

/// Where frames are recorded. Without a file nothing is, so that a stack of
/// layers is the same type with and without a record.
#[derive(Debug)]
pub struct Record(Option<BufWriter<File>>);

impl Record {
    /// Opens the file, if there is to be one.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let file = path.map(|path| {
            let file = File::create(path);
            file.map(BufWriter::new).map_err(|error| cannot_write(path, &error))
        });
        file.transpose().map(Self)
    }

    /// Whether frames are recorded.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.0.is_some()
    }
}

/// smoltcp leaves no way to report an error: a full disk ends the record, and
/// never the echo.
impl PcapSink for Record {
    fn write(&mut self, data: &[u8]) {
        if let Some(file) = &mut self.0
            && let Err(error) = file.write_all(data)
        {
            note(&format!("the record of frames ends here: {error}"));
            self.0 = None;
        }
    }
}
