//! One row per message, written while the run goes on.
//!
//! A row is formatted into a buffer of 64 KiB; when that is full, which is after
//! some 1500 messages, the loop writes it to the file, that is to the system's
//! cache. Memory stays bounded. A row costs about 0.2 µs.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use super::key;
use crate::load::Sample;

/// Bytes written at once.
const BUFFER: usize = 64 << 10;

/// A table that grows by one row for each message.
#[derive(Debug)]
pub struct Csv {
    file: BufWriter<File>,
    /// The first error; nothing is written after it.
    result: io::Result<()>,
}

impl Csv {
    /// Starts the table in an empty file.
    #[must_use]
    pub fn new(file: File) -> Self {
        let mut file = BufWriter::with_capacity(BUFFER, file);
        let result = writeln!(
            file,
            "ended_ns,connection,message,late_ns,connect_ns,service_ns,response_ns,result"
        );
        Self { file, result }
    }

    /// Adds a row. Times that do not exist are empty.
    pub fn row(&mut self, sample: &Sample) {
        if self.result.is_ok() {
            self.result = self.write(sample);
        }
    }

    fn write(&mut self, sample: &Sample) -> io::Result<()> {
        let Sample { at, connection, message, late, connecting, end } = sample;
        let (at, late) = (at.as_nanos(), late.as_nanos());
        write!(self.file, "{at},{connection},{message},{late},")?;
        if let Some(connecting) = connecting {
            write!(self.file, "{}", connecting.as_nanos())?;
        }
        match end {
            Ok(took) => {
                let took = took.as_nanos();
                writeln!(self.file, ",{took},{},echoed", took + late)
            }
            Err(failure) => writeln!(self.file, ",,,{}", key(failure.kind())),
        }
    }

    /// Ends the table.
    ///
    /// # Errors
    ///
    /// The first that occurred: the disk is full, or the like.
    pub fn finish(mut self) -> io::Result<()> {
        self.result.and_then(|()| self.file.flush())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use echo_core::Failure;

    use super::*;

    #[test]
    fn a_row_tells_all_of_a_message() {
        let path = tempfile::NamedTempFile::new().expect("a file");
        let mut csv = Csv::new(path.reopen().expect("opened"));
        let micros = Duration::from_micros;
        let sample = Sample {
            at: micros(7),
            connection: 2,
            message: 9,
            late: micros(1),
            connecting: Some(micros(3)),
            end: Ok(micros(5)),
        };
        csv.row(&sample);
        csv.row(&Sample { connecting: None, end: Err(Failure::Reset), ..sample });
        csv.finish().expect("written");
        let text = std::fs::read_to_string(path.path()).expect("read");
        let rows: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(rows, ["7000,2,9,1000,3000,5000,6000,echoed", "7000,2,9,1000,,,,reset"]);
        let columns = |line: &str| line.split(',').count();
        assert!(text.lines().all(|line| columns(line) == 8));
    }
}
