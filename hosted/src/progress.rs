//! What stderr is for: the live line, on a terminal only, and notes.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One line that is drawn over itself. Without a terminal nothing is drawn, so
/// nothing need be worded: see [`show`](Self::show).
///
/// There is no ticker thread: the measuring loop draws, between two messages.
#[derive(Debug)]
pub struct Live {
    bar: ProgressBar,
}

impl Live {
    /// A line that appears with the first text.
    #[must_use]
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{wide_msg}").expect("a template of ours");
        bar.set_style(style);
        Self { bar }
    }

    /// Draws the text, which is only worded when somebody can see it.
    pub fn show(&self, text: impl FnOnce() -> String) {
        if !self.bar.is_hidden() {
            self.bar.set_message(text());
        }
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

/// Tells the user something that is not the result. Nobody may be there to read it.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The line goes before the report comes.
impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
