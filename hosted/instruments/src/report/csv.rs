//! One row per message, written while the run goes on.
//!
//! A row is formatted into a buffer of 64 KiB; when that is full, which is after
//! some 1500 messages, the loop writes it to the file, that is to the system's
//! cache. Memory stays bounded. A row costs about 0.2 µs. What a full disk
//! leaves ends with a whole row: the numbers of half a one would be wrong.

use std::io::{self, ErrorKind, Write};

use super::key;
use crate::args::Label;
use crate::measurement::Sample;
use crate::plan::{Pace, Plan};

/// The number of bytes that are written at once.
const BUFFER: usize = 64 << 10;

/// The length of the longest row.
const ROW: usize = 256;

/// A table that grows by one row for each message.
pub(crate) struct Csv {
    file: Box<dyn Write>,
    /// Whether a message was due at all, and whether its response is told: as in the report.
    pace: Pace,
    /// The number of the run, from 1, if there are several.
    run: Option<u16>,
    /// The labels of the run, which are the end of each row.
    labels: String,
    /// Rows that are not written yet, all of them whole.
    rows: Vec<u8>,
    /// The number of bytes of whole rows in the file.
    written: u64,
    /// The first error; nothing is written after it.
    result: io::Result<()>,
}

impl Csv {
    /// Starts the table of what `plan` asks for in an empty file.
    #[must_use]
    pub(crate) fn new(file: Box<dyn Write>, plan: &Plan, labels: &[Label]) -> Self {
        let run = (plan.repeat > 1).then_some(1);
        let mut rows = Vec::with_capacity(BUFFER);
        if run.is_some() {
            rows.extend_from_slice(b"run,");
        }
        rows.extend_from_slice(HEAD.as_bytes());
        let mut ends = String::new();
        for Label { key, value } in labels {
            rows.extend_from_slice(format!(",label_{key}").as_bytes());
            ends.push_str(&format!(",{}", cell(value)));
        }
        rows.push(b'\n');
        ends.push('\n');
        Self { file, pace: plan.pace, run, labels: ends, rows, written: 0, result: Ok(()) }
    }

    /// From now on rows are about the next run.
    pub(crate) fn next_run(&mut self) {
        self.run = self.run.map(|run| run + 1);
    }

    /// Adds a row. Times that do not exist are empty.
    pub(crate) fn row(&mut self, sample: &Sample) {
        if self.result.is_ok() {
            self.result = self.add(sample);
        }
    }

    fn add(&mut self, sample: &Sample) -> io::Result<()> {
        if self.rows.len() + ROW + self.labels.len() > BUFFER {
            self.flush()?;
        }
        let Sample { at, connection, message, late, connecting, interrupted, end, .. } = sample;
        let (at, late) = (at.as_nanos(), late.as_nanos());
        if let Some(run) = self.run {
            write!(self.rows, "{run},")?;
        }
        write!(self.rows, "{at},{connection},{message},")?;
        if self.pace != Pace::Closed {
            write!(self.rows, "{late}")?;
        }
        self.rows.push(b',');
        if let Some(connecting) = connecting {
            write!(self.rows, "{}", connecting.as_nanos())?;
        }
        match end {
            _ if *interrupted => self.rows.extend_from_slice(b",,,interrupted"),
            Ok(took) => {
                let took = took.as_nanos();
                write!(self.rows, ",{took},")?;
                if matches!(self.pace, Pace::Rate(_)) {
                    write!(self.rows, "{}", took + late)?;
                }
                self.rows.extend_from_slice(b",echoed");
            }
            Err(failure) => write!(self.rows, ",,,{}", key(failure.kind()))?,
        }
        self.rows.extend_from_slice(self.labels.as_bytes());
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.rows)?;
        self.written += self.rows.len() as u64;
        self.rows.clear();
        Ok(())
    }

    /// Whether its reader has left.
    pub(crate) fn is_unread(&self) -> bool {
        matches!(&self.result, Err(error) if error.kind() == ErrorKind::BrokenPipe)
    }

    /// Ends the table.
    ///
    /// # Errors
    ///
    /// The first that occurred, the disk is full or the like, and how many bytes of whole rows
    /// were written.
    pub(crate) fn finish(mut self) -> Result<(), (io::Error, u64)> {
        let result = std::mem::replace(&mut self.result, Ok(())).and_then(|()| self.flush());
        result.map_err(|error| (error, self.written))
    }
}

const HEAD: &str = "ended_ns,connection,message,late_ns,connect_ns,service_ns,response_ns,result";

/// A text as a cell: in quotes where it could be taken for several.
fn cell(text: &str) -> String {
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use echo_core::Failure;

    use super::*;

    #[test]
    fn a_row_tells_all_of_a_message() {
        let micros = Duration::from_micros;
        let sample = Sample {
            at: micros(7),
            due: micros(1),
            connection: 2,
            message: 9,
            late: micros(1),
            connecting: Some(micros(3)),
            interrupted: false,
            errno: None,
            icmp: None,
            unopened: false,
            end: Ok(micros(5)),
        };
        let wanted = [
            (
                Pace::Rate(10.0),
                [
                    "7000,2,9,1000,3000,5000,6000,echoed",
                    "7000,2,9,1000,,,,reset",
                    "7000,2,9,1000,3000,,,interrupted",
                ],
            ),
            // As in the report: only a planned rate has responses, and a closed loop no plan.
            (
                Pace::Interval(micros(50)),
                [
                    "7000,2,9,1000,3000,5000,,echoed",
                    "7000,2,9,1000,,,,reset",
                    "7000,2,9,1000,3000,,,interrupted",
                ],
            ),
            (
                Pace::Closed,
                [
                    "7000,2,9,,3000,5000,,echoed",
                    "7000,2,9,,,,,reset",
                    "7000,2,9,,3000,,,interrupted",
                ],
            ),
        ];
        for (pace, wanted) in wanted {
            let path = tempfile::NamedTempFile::new().expect("a file");
            let plan = Plan { pace, ..Plan::new() };
            let mut csv = Csv::new(Box::new(path.reopen().expect("opened")), &plan, &[]);
            csv.row(&sample);
            csv.row(&Sample { connecting: None, end: Err(Failure::Reset), ..sample });
            csv.row(&Sample { interrupted: true, ..sample });
            csv.finish().expect("written");
            let text = std::fs::read_to_string(path.path()).expect("read");
            let rows: Vec<_> = text.lines().skip(1).collect();
            assert_eq!(rows, wanted, "{pace:?}");
            let columns = |line: &str| line.split(',').count();
            assert!(text.lines().all(|line| columns(line) == 8));
        }
    }

    #[test]
    fn rows_of_several_runs_say_which() {
        let path = tempfile::NamedTempFile::new().expect("a file");
        let file = Box::new(path.reopen().expect("opened"));
        let mut csv = Csv::new(file, &Plan { repeat: 2, ..Plan::new() }, &[]);
        let sample = Sample::new(Duration::from_micros(7), 0, Ok(Duration::from_micros(5)));
        csv.row(&sample);
        csv.next_run();
        csv.row(&sample);
        csv.finish().expect("written");
        let text = std::fs::read_to_string(path.path()).expect("read");
        let rows: Vec<_> = text.lines().collect();
        assert!(rows[0].starts_with("run,ended_ns,"), "{text}");
        assert_eq!(rows[1..], ["1,7000,0,0,,,5000,,echoed", "2,7000,0,0,,,5000,,echoed"]);
    }

    #[test]
    fn labels_are_columns_at_the_end() {
        let path = tempfile::NamedTempFile::new().expect("a file");
        let file = Box::new(path.reopen().expect("opened"));
        let labels =
            ["host=n3", "why=a \"try\", no more"].map(|text| text.parse().expect("a label"));
        let mut csv = Csv::new(file, &Plan::new(), &labels);
        let sample = Sample::new(Duration::from_micros(7), 0, Ok(Duration::from_micros(5)));
        csv.row(&sample);
        csv.row(&Sample { end: Err(Failure::Reset), ..sample });
        csv.finish().expect("written");
        let text = std::fs::read_to_string(path.path()).expect("read");
        let rows: Vec<_> = text.lines().collect();
        assert!(rows[0].ends_with(",result,label_host,label_why"), "{text}");
        assert_eq!(
            rows[1..],
            [
                r#"7000,0,0,,,5000,,echoed,n3,"a ""try"", no more""#,
                r#"7000,0,0,,,,,reset,n3,"a ""try"", no more""#,
            ]
        );
    }
}
