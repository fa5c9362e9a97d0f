//! `--arrivals`: how the messages of a planned rate follow each other.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use super::{PACE, PLANNED};
use crate::plan::{Arrivals, Pace};
use crate::quantity::{self, given};
use crate::seed;
use crate::verdict::Misuse;

/// The highest rate whose random distances are drawn without being a load themselves.
const HIGHEST: f64 = 1e6;

/// The flags.
#[derive(Debug, Args)]
pub struct SpacingArgs {
    /// Space --rate as uniform or poisson
    ///
    /// How the messages of --rate follow each other. `uniform`: at equal intervals. `poisson`: at
    /// random intervals, as from many independent users, which shows queues that an even load never
    /// meets. The report says whether they were sent as planned.
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Kind::Uniform, hide_possible_values = true,
          requires = PLANNED, conflicts_with = "interval", help_heading = PACE)]
    arrivals: Kind,

    /// Repeat the arrivals of an earlier run
    ///
    /// The seed of --arrivals poisson: the same seed repeats the schedule [default: a new one, which is
    /// printed].
    #[arg(long, value_name = "N", value_parser = given::within::<u64>(0..=u64::MAX),
          help_heading = PACE)]
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
            (Kind::Uniform, _) if self.seed.is_some() => {
                bail!(Misuse("--seed repeats random arrivals: add --arrivals poisson".into()));
            }
            (Kind::Uniform, _) => Ok(Arrivals::Even),
            (Kind::Poisson, Pace::Rate(rate)) if rate > HIGHEST => {
                let highest = quantity::amount(HIGHEST);
                bail!(Misuse(format!(
                    "--arrivals poisson goes up to {highest} messages a second: lower --rate"
                )));
            }
            (Kind::Poisson, _) => {
                let seed = self.seed.unwrap_or_else(seed::chosen);
                Ok(Arrivals::Poisson { seed })
            }
        }
    }
}
