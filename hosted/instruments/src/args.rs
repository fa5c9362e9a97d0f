//! The flags that both programs have: the load to offer, and what to do with the results.
//! The doc comments are the help: the first paragraph for `-h`, in one line, the others for
//! `--help` and the manual. Each program has its own flags for the target and the local address,
//! `W`.

mod check;
mod content;
mod family;
mod figure;
mod fitting;
mod label;
mod load;
mod merge;
mod report;
mod spacing;
mod time;

use std::path::PathBuf;

use clap::Args;

pub use self::check::CheckArgs;
pub use self::content::Content;
use self::content::content;
pub use self::family::Family;
use self::figure::figure;
pub use self::label::Label;
pub use self::load::LoadArgs;
pub use self::merge::MergeArgs;
pub use self::report::ReportArgs;
pub use self::spacing::SpacingArgs;
use crate::quantity::given;
use crate::search::Goal;

/// The headings of groups of flags in the help texts of both programs.
pub const TARGET: &str = "Target";
const DURATION: &str = "Duration";
const PACE: &str = "Pace";
const LOAD: &str = "Load";
const OUTPUT: &str = "Output";
const VERDICT: &str = "Verdict";

/// The flags of which one makes a planned rate.
const PLANNED: &str = "planned";

/// Flags of `rate`.
#[derive(Debug, Args)]
pub struct RateArgs<W: Args> {
    /// Where to connect.
    #[command(flatten)]
    pub way: W,

    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,

    /// Find the highest rate with BOUND, like 'p99<1ms'
    ///
    /// Find the highest rate, on a schedule like that of --rate, at which a percentile of the response is
    /// below a time: 'p99<1ms', 'p50<200us', 'service p99.9<5ms'. Quote it: < is the shell's.
    ///
    /// The rate is doubled from step to step until one breaks the bound (halved, if the first does); then
    /// the gap is halved until it is less than 5 %. A step breaks the bound by the percentile, by a message
    /// that fails, and by messages that are due but not sent because all connections are busy
    /// (--parallel), if they are more than come due within the bound. What breaks it is tried twice: a
    /// disturbance can only make a step slower. Each step takes --time [default: 2s], or longer if the
    /// percentile needs more messages or the bound is long; before it there is a warm-up of --omit
    /// [default: a tenth of the step]. Report, files and --fail-if are about the highest rate that keeps the
    /// bound. The exit code is 1 if there is none.
    #[arg(long, value_name = "BOUND", group = PLANNED, help_heading = PACE,
          conflicts_with_all = ["count", "interval", "rate", "repeat", "export_csv"])]
    pub search: Option<Goal>,

    /// Send zero, seq, random or file:PATH
    ///
    /// What messages contain: `zero` is the digit 0 throughout; in `seq` every eight bytes encode
    /// their connection, message and offset; `random` is pseudo-random; `file:PATH` is the content
    /// of that file, repeated as needed.
    #[arg(long, value_name = "KIND", default_value_t = Content::Zero, value_parser = content(),
          hide_possible_values = true, help_heading = LOAD)]
    pub payload: Content,

    /// Draw the figure to FILE (.jpg, .png or .svg)
    ///
    /// Draw the figure to this file, in the format of its extension: .jpg, .png or .svg
    /// [default: result/rate.jpg]. Only the folder `result` is created if it does not exist.
    #[arg(short, long, value_name = "FILE", value_parser = figure(), conflicts_with = "no_plot",
          help_heading = OUTPUT)]
    pub output: Option<PathBuf>,

    /// Draw no figure
    #[arg(long, help_heading = OUTPUT)]
    pub no_plot: bool,
}

/// Flags of `fail-rate`.
#[derive(Debug, Args)]
pub struct FailRateArgs<W: Args> {
    /// Where to connect.
    #[command(flatten)]
    pub way: W,

    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,

    /// Send zero, seq, random or file:PATH
    ///
    /// What messages contain: in `seq` every eight bytes encode their connection, message and
    /// offset, so that a wrong byte can be traced to its origin; `zero` is the digit 0 throughout,
    /// so that a late or repeated echo looks right; `random` is pseudo-random; `file:PATH` is the
    /// content of that file, repeated as needed.
    #[arg(long, value_name = "KIND", default_value_t = Content::Seq, value_parser = content(),
          hide_possible_values = true, help_heading = LOAD)]
    pub payload: Content,

    /// Draw a figure to FILE (.jpg, .png or .svg)
    ///
    /// Draw a figure to this file, in the format of its extension: .jpg, .png or .svg. Without this
    /// flag there is no figure.
    #[arg(short, long, value_name = "FILE", value_parser = figure(), conflicts_with = "no_plot",
          help_heading = OUTPUT)]
    pub output: Option<PathBuf>,

    /// Draw no figure, as without --output
    #[arg(long, help_heading = OUTPUT)]
    pub no_plot: bool,

    /// Exit with 0 if at most N messages failed
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = VERDICT,
          value_parser = given::within::<u64>(0..=u64::MAX))]
    pub max_fail: u64,
}
