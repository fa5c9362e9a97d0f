//! `hosted compare`.

use anyhow::{Result, bail};
use echo_instruments::compare;
use echo_instruments::verdict::{Misuse, Verdict};

use crate::cli::CompareArgs;

/// Runs `hosted compare`.
///
/// # Errors
///
/// If a report cannot be read, or they have nothing to compare.
pub(super) fn main(args: &CompareArgs) -> Result<Verdict> {
    let (before, after) = match (&args.before[..], &args.after[..]) {
        ([before, after], []) => (std::slice::from_ref(before), std::slice::from_ref(after)),
        (_, []) => bail!(Misuse(
            "cannot tell before from after: name two reports, or put --with before those of after the change".into()
        )),
        sides => sides,
    };
    compare::run(before, after, args.threshold)
}
