//! Whether to look for another frame behind the one that was just read.
//!
//! A look that finds none is a system call for nothing: where messages come one by one, a fourth of
//! all. Under load it finds another, and saves a wait. So what was so lately is expected to stay so.

/// Turns in a row with a single frame after which the next is expected to bring no other.
const HABIT: u32 = 4;

/// One in so many turns looks nevertheless, or a change would go unnoticed.
const DOUBT: u32 = 16;

/// The frames of one turn, which ends where a wait may begin, and of those before it.
#[derive(Debug, Default)]
pub(super) struct Appetite {
    /// The frames of this turn.
    frames: u32,
    /// The turns in a row that brought a single frame, as far as was looked.
    single: u32,
}

impl Appetite {
    /// Whether to read. If not, the turn is over.
    pub(super) fn wants(&mut self) -> bool {
        let wants = self.frames != 1 || self.single < HABIT || self.single.is_multiple_of(DOUBT);
        if !wants {
            self.end();
        }
        wants
    }

    /// A frame was read.
    pub(super) fn feed(&mut self) {
        self.frames = self.frames.saturating_add(1);
    }

    /// The turn is over: there was no frame.
    pub(super) fn end(&mut self) {
        match core::mem::take(&mut self.frames) {
            0 => {}
            1 => self.single = self.single.wrapping_add(1),
            _ => self.single = 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads and waits of a program that waits after each turn. Each number is how many frames came
    /// while it waited, or answered.
    #[derive(Default)]
    struct Calls {
        appetite: Appetite,
        queue: u32,
        reads: u32,
        waits: u32,
    }

    impl Calls {
        fn arrive(&mut self, frames: u32) {
            self.queue += frames;
            while self.queue > 0 {
                self.waits += 1;
                while self.appetite.wants() {
                    self.reads += 1;
                    if self.queue == 0 {
                        self.appetite.end();
                        break;
                    }
                    self.queue -= 1;
                    self.appetite.feed();
                }
            }
        }
    }

    fn calls(arrivals: impl IntoIterator<Item = u32>) -> (u32, u32) {
        let mut calls = Calls::default();
        arrivals.into_iter().for_each(|frames| calls.arrive(frames));
        (calls.reads, calls.waits)
    }

    #[test]
    fn messages_one_by_one_cost_a_read_and_a_wait_each() {
        let (reads, waits) = calls([1; 1600]);
        assert_eq!(waits, 1600);
        assert!((1600..=1600 + 1600 / 15).contains(&reads), "{reads}");
    }

    #[test]
    fn under_load_every_turn_takes_all_that_there_is() {
        assert_eq!(calls([40; 100]), (41 * 100, 100));
        assert_eq!(calls([2; 100]), (3 * 100, 100));
    }

    #[test]
    fn a_change_is_noticed_soon() {
        let (reads, waits) = calls([1; 1000].into_iter().chain([40; 100]));
        // Before a turn looks again, each of its frames has cost a wait.
        assert!(waits <= 1000 + 100 + DOUBT, "{waits}");
        assert!(reads >= 1000 + 41 * 99, "{reads}");
    }

    #[test]
    fn no_frame_is_left_however_they_come() {
        let mut random = 1u32;
        let mut calls = Calls::default();
        for _ in 0..10_000 {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            calls.arrive(random % 4);
            assert_eq!(calls.queue, 0);
        }
        assert!(calls.waits <= 10_000 * 3 / 2);
    }
}
