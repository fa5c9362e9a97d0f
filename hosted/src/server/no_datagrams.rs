//! In place of `datagrams` on systems other than Linux, which tell in other ways which address was
//! asked and answer no batches.

use std::io;
use std::net::UdpSocket;

use echo_core::{Instant, Planted};
use echo_instruments::service::{Counters, Log, Planting};
use mio::{Registry, Token};

/// There is none.
pub(super) enum Answerer {}

impl Answerer {
    pub(super) fn new(
        _: Vec<UdpSocket>,
        _: bool,
        _: &Registry,
        _: Token,
        _: Option<&Planting>,
    ) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux can echo datagrams"))
    }

    pub(super) const fn note(&mut self, _: usize) {
        match *self {}
    }

    pub(super) const fn due(&self, _: Instant) -> Option<Instant> {
        match *self {}
    }

    pub(super) const fn finish(self, _: Instant, _: &Counters, _: &Log) -> Option<Planted> {
        match self {}
    }

    pub(super) const fn answer(&mut self, _: Instant, _: &Counters, _: &Log) {
        match *self {}
    }
}
