//! How many frames met each random fault of a wire.

use std::fmt;

/// The number of frames that met each fault, in both directions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Met {
    /// Those that got lost.
    pub drop: u64,
    /// Those in which a bit was flipped.
    pub corrupt: u64,
    /// Those that arrived twice.
    pub duplicate: u64,
    /// Those that were overtaken.
    pub reorder: u64,
}

/// Names the faults as the flags do: `12 drop, 3 reorder`, or `none`.
impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { drop, corrupt, duplicate, reorder } = *self;
        let all =
            [("drop", drop), ("corrupt", corrupt), ("duplicate", duplicate), ("reorder", reorder)];
        let mut separator = "";
        for (name, count) in all.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, "{separator}{count} {name}")?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}
