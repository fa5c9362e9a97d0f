//! `--arrivals`: how the messages of a planned rate follow each other.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use super::{PACE, PLANNED};
use crate::plan::{Arrivals, Pace};
use crate::quantity;
use crate::seed;
use crate::verdict::Misuse;

/// The highest rate whose random distances are drawn without being a load themselves.
const HIGHEST: f64 = 1e6;

/// A seed that a program chooses is short enough to be typed.
const SEEDS: u64 = 1_000_000;

/// The flags.
#[derive(Debug, Args)]
pub struct SpacingArgs {
    /// Space --rate as uniform or poisson
    ///
    /// How the messages of --rate follow each other. `uniform`: at equal distances. `poisson`: at
    /// random distances, as from many independent users, which shows queues that an even load never
    /// meets. The report says whether they were sent as planned.
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Kind::Uniform, hide_possible_values = true,
          requires = PLANNED, conflicts_with = "interval", help_heading = PACE)]
    arrivals: Kind,

    /// The seed of --arrivals poisson
    ///
    /// The seed of --arrivals poisson: the same one repeats the schedule. The report says it [default:
    /// another in each run].
    #[arg(long, value_name = "N", requires = "arrivals", help_heading = PACE)]
    seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Uniform,
    Poisson,
}

impl SpacingArgs {
    /// The spacing for this pace.
    pub(super) fn arrivals(&self, pace: Pace) -> Result<Arrivals> {
        match (self.arrivals, pace) {
            (Kind::Uniform, _) => Ok(Arrivals::Even),
            (Kind::Poisson, Pace::Rate(rate)) if rate > HIGHEST => {
                let highest = quantity::amount(HIGHEST);
                bail!(Misuse(format!(
                    "--arrivals poisson goes up to {highest} messages a second: lower --rate"
                )));
            }
            (Kind::Poisson, _) => {
                let seed = self.seed.unwrap_or_else(|| seed::of_now() % SEEDS);
                Ok(Arrivals::Poisson { seed })
            }
        }
    }
}
