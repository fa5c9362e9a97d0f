//! `hosted compare`.

use anyhow::Result;
use echo_instruments::compare;
use echo_instruments::verdict::Verdict;

use crate::cli::CompareArgs;

/// Runs `hosted compare`.
///
/// # Errors
///
/// If a report cannot be read, or the two have nothing to compare.
pub(super) fn main(args: &CompareArgs) -> Result<Verdict> {
    compare::run(&args.before, &args.after, args.threshold)
}
