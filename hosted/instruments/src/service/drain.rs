//! The message of a server that begins to stop while sessions are still open.

use std::time::Duration;

use crate::quantity;
use crate::quantity::given::Limit;
use crate::terminal::notes::remark;

/// Says on stderr how long these sessions may still take. If there are none, or no time for
/// them, the server ends at once, and there is nothing to say.
pub fn announce_drain(sessions: usize, limit: Duration) {
    if sessions > 0 && !limit.is_zero() {
        remark(&format!(
            "stopping: waiting up to {} for {} to finish; Ctrl+C ends all now",
            Limit(Some(limit)),
            quantity::counted(sessions as u64, "session"),
        ));
    }
}
