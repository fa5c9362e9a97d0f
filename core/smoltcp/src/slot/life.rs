//! The life of a slot, from one connection to the next.

use core::time::Duration;

use echo_core::{Endpoint, Faulty, IdleTimer, Instant, Session, Spoiler};
use smoltcp::wire::{IpEndpoint, TcpSeqNumber};

use crate::FAULTS;
use crate::pump::Pump;

/// How long the tail of an echo may rest after the session has ended, with the
/// peer acknowledging nothing of it.
const TAIL: Duration = Duration::from_secs(120);

/// A tail of which nothing was acknowledged for this long gives way: three
/// retransmissions, which follow after 1, 2 and 4 s, have got no answer.
const TAIL_YIELDS: Duration = Duration::from_secs(10);

/// The life of a slot.
#[derive(Debug)]
pub(super) enum Life<const N: usize> {
    /// No connection, or one whose peer has acknowledged everything, so that
    /// nothing is lost if it is forgotten for a new one.
    Vacant,
    Opening {
        /// The sequence number of the SYN.
        number: TcpSeqNumber,
        yields: IdleTimer,
    },
    Serving {
        peer: IpEndpoint,
        session: Session<N>,
        pump: Pump,
    },
    /// The session is over; the socket still holds its tail, and the FIN.
    Closing {
        limit: IdleTimer,
        yields: IdleTimer,
        pump: Pump,
    },
}

impl<const N: usize> Life<N> {
    /// What follows a session whose bytes went through this pump.
    pub(super) fn closing(now: Instant, pump: Pump) -> Self {
        Self::Closing { limit: started(TAIL, now), yields: started(TAIL_YIELDS, now), pump }
    }

    /// When it goes on by itself, whatever the socket does.
    pub(super) fn deadline(&mut self, spoiler: Option<&mut Spoiler<N>>) -> Option<Instant> {
        match self {
            Self::Vacant | Self::Opening { .. } => None,
            Self::Serving { session, .. } => match spoiler {
                Some(spoiler) if FAULTS => Faulty::new(session, spoiler).deadline(),
                _ => session.deadline(),
            },
            Self::Closing { limit, .. } => limit.deadline(),
        }
    }
}

pub(super) fn started(limit: Duration, now: Instant) -> IdleTimer {
    let mut timer = IdleTimer::new(Some(limit));
    timer.restart(now);
    timer
}
