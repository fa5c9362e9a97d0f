//! What a thread has used of the machine so far, as the system counts it. The load reads it before and after a
//! run, never in between.

use std::fs;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;
use rustix::time::{ClockId, clock_gettime};

/// Counts of the calling thread; those that the system does not keep are None.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The time for which it ran.
    pub ran: Duration,
    /// How long it could have run, but others did, and how many times it was given a processor.
    pub waited: Option<(Duration, u64)>,
    /// How many times it went to sleep.
    pub slept: Option<u64>,
    /// How many times it had to make way for another.
    pub displaced: Option<u64>,
    /// The time that a hypervisor gave to other machines, on the average processor.
    pub stolen: Option<Duration>,
}

impl Usage {
    /// The counts so far.
    #[must_use]
    pub fn read() -> Self {
        let ran = clock_gettime(ClockId::ThreadCPUTime);
        let [scheduling, status, machine] =
            ["/proc/thread-self/schedstat", "/proc/thread-self/status", "/proc/stat"]
                .map(|path| fs::read_to_string(path).unwrap_or_default());
        Self {
            ran: Duration::new(ran.tv_sec.unsigned_abs(), ran.tv_nsec as u32),
            waited: waited(&scheduling),
            slept: count(&status, "voluntary_ctxt_switches:"),
            displaced: count(&status, "nonvoluntary_ctxt_switches:"),
            stolen: stolen(&machine, clock_ticks_per_second()),
        }
    }

    /// What was used since an earlier reading.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let less = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        let waited = self.waited.zip(before.waited).map(|((time, times), before)| {
            (time.saturating_sub(before.0), times.saturating_sub(before.1))
        });
        let stolen = self.stolen.zip(before.stolen);
        Self {
            ran: self.ran.saturating_sub(before.ran),
            waited,
            slept: less(self.slept, before.slept),
            displaced: less(self.displaced, before.displaced),
            stolen: stolen.map(|(now, before)| now.saturating_sub(before)),
        }
    }

    /// What was used in two runs.
    pub(crate) fn and(self, other: Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a? + b?);
        let waited = self.waited.zip(other.waited);
        Self {
            ran: self.ran + other.ran,
            waited: waited.map(|(a, b)| (a.0 + b.0, a.1 + b.1)),
            slept: sum(self.slept, other.slept),
            displaced: sum(self.displaced, other.displaced),
            stolen: self.stolen.zip(other.stolen).map(|(a, b)| a + b),
        }
    }
}

/// From `RAN WAITED TIMES`, the first two in nanoseconds.
fn waited(text: &str) -> Option<(Duration, u64)> {
    let mut numbers = text.split_whitespace().skip(1).map(str::parse);
    let (time, times) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((Duration::from_nanos(time), times))
}

fn count(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
}

/// From the eighth number of the line `cpu`, in ticks over all processors, of which each has a line.
fn stolen(text: &str, ticks_per_second: u64) -> Option<Duration> {
    let mut lines = text.lines().take_while(|line| line.starts_with("cpu"));
    let ticks: u32 = lines.next()?.split_whitespace().nth(8)?.parse().ok()?;
    let processors = u32::try_from(lines.count().max(1)).ok()?;
    Some(Duration::from_secs(1) * ticks / u32::try_from(ticks_per_second).ok()? / processors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_linux_are_understood() {
        assert_eq!(waited("99518 581002 2\n"), Some((Duration::from_nanos(581_002), 2)));
        let status = "Threads:\t1\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(count(status, "voluntary_ctxt_switches:"), Some(7));
        assert_eq!(count(status, "nonvoluntary_ctxt_switches:"), Some(3));
        let stat = "cpu  9 1 4 10 1 0 6 300 0 0\ncpu0 4 1 2 5 0 0 3 150 0 0\ncpu1 5 0 2 5 1 0 3 150 0 0\nintr 1";
        assert_eq!(stolen(stat, 100), Some(Duration::from_millis(1_500)));
        for nothing in ["", "cpu", "1 2"] {
            assert_eq!((waited(nothing), stolen(nothing, 100)), (None, None));
        }
    }

    #[test]
    fn a_thread_that_works_has_run() {
        let before = Usage::read();
        let mut steps = 0;
        while Usage::read().since(before).ran < Duration::from_millis(2) {
            steps += 1;
            assert!(steps < 1_000_000, "it never gets on");
        }
        #[cfg(target_os = "linux")]
        assert!(Usage::read().since(before).slept.is_some());
    }
}
