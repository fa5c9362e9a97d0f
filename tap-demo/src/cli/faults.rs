//! The flags of the wire.

use clap::Args;
use echo_instruments::quantity::given::{self, Time};

use crate::chance::Chance;
use crate::wire::Manner;

/// What the wire does to frames, in each direction.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Wire")]
pub struct Faults {
    /// Lose this share of the frames
    ///
    /// Lose this share of the frames, in per cent: 1, 0.1, 1%.
    #[arg(long, value_name = "PCT", default_value_t = Chance::NEVER)]
    pub drop_chance: Chance,

    /// Flip a bit in this share
    ///
    /// Flip one bit in this share of the frames, in per cent.
    #[arg(long, value_name = "PCT", default_value_t = Chance::NEVER)]
    pub corrupt_chance: Chance,

    /// Deliver frames this much later
    #[arg(long, value_name = "TIME", default_value = "0")]
    pub delay: Time,

    /// Add up to this to the delay
    ///
    /// Add a random time up to this to the delay of each frame. Their order stays.
    #[arg(long, value_name = "TIME", default_value = "0")]
    pub jitter: Time,

    /// Deliver this share twice
    ///
    /// Deliver this share of the frames twice, in per cent.
    #[arg(long, value_name = "PCT", default_value_t = Chance::NEVER)]
    pub duplicate_chance: Chance,

    /// Swap this share with the next frame
    ///
    /// Let this share of the frames be overtaken by the next one, in per cent.
    #[arg(long, value_name = "PCT", default_value_t = Chance::NEVER)]
    pub reorder_chance: Chance,

    /// Repeat the faults of an earlier run
    ///
    /// The seed of the wire's random faults, and of --fault. With the same seed, the TCP segments and
    /// UDP datagrams of each direction meet the same faults in the same order; other frames, such as
    /// ARP, have random numbers of their own [default: a new one, which is printed].
    #[arg(long, value_name = "N", value_parser = given::within::<u64>(0..=u64::MAX))]
    pub seed: Option<u64>,
}

impl Faults {
    /// The manner of the wire that these flags describe.
    #[must_use]
    pub fn manner(&self) -> Manner {
        let (Time(delay), Time(jitter)) = (self.delay, self.jitter);
        Manner {
            drop: self.drop_chance,
            corrupt: self.corrupt_chance,
            delay,
            jitter,
            duplicate: self.duplicate_chance,
            reorder: self.reorder_chance,
        }
    }
}
