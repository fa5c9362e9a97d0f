//! How much is measured, and within which time.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::Benchmark;

/// How long a quick measurement takes at most.
const SHORT: Duration = Duration::from_millis(200);

/// What one benchmark may take.
pub(crate) struct Effort {
    name: &'static str,
    quick: bool,
    begun: Instant,
    bound: Duration,
}

impl Effort {
    pub(crate) fn new(benchmark: &Benchmark, quick: bool) -> Self {
        let bound = Duration::from_secs(benchmark.bound);
        Self { name: benchmark.name, quick, begun: Instant::now(), bound }
    }

    /// The length of a measurement that usually takes this long.
    pub(crate) fn time(&self, usual: Duration) -> Duration {
        if self.quick { usual.min(SHORT) } else { usual }
    }

    /// The number of messages where they are usually so many.
    pub(crate) fn count(&self, usual: u64) -> u64 {
        if self.quick { usual / 5 } else { usual }
    }

    /// So many rounds, or as many as there is time for. A round is told the turns of `rows`: in every other round backwards.
    pub(crate) fn rounds(
        &self,
        most: usize,
        rows: usize,
        mut round: impl FnMut(&[usize]) -> Result<()>,
    ) -> Result<()> {
        let most = if self.quick { 1 } else { most };
        let mut turns: Vec<_> = (0..rows).collect();
        let mut longest = Duration::ZERO;
        for number in 1..=most {
            self.tell(&format!("round {number} of {most}"));
            let start = Instant::now();
            round(&turns)?;
            turns.reverse();
            longest = longest.max(start.elapsed());
            if self.begun.elapsed() + longest > self.bound {
                break;
            }
        }
        self.tell("");
        Ok(())
    }

    /// Shows how far it is; nothing is left of an empty text.
    pub(crate) fn tell(&self, text: &str) {
        let mut stderr = stderr();
        if stderr.is_terminal() {
            let (name, took, most) = (self.name, self.begun.elapsed(), self.bound.as_secs());
            let line = format!("{name}: {text}, {} s of at most {most} s", took.as_secs());
            let _ = write!(stderr, "\r\x1b[K{}", if text.is_empty() { "" } else { &line });
        }
    }
}
