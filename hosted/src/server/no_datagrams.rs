//! In place of `datagrams` on systems other than Linux, which tell in other ways which address was
//! asked and answer no batches.

use std::io;
use std::net::UdpSocket;

use echo_instruments::service::{Datagrams, Log};
use mio::{Registry, Token};

/// There is none.
pub(super) enum Answerer {}

impl Answerer {
    pub(super) fn new(_: Vec<UdpSocket>, _: &Registry, _: Token) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux can echo datagrams"))
    }

    pub(super) const fn note(&mut self, _: usize) {
        match *self {}
    }

    pub(super) const fn is_ready(&self) -> bool {
        match *self {}
    }

    pub(super) const fn counts(&self) -> Datagrams {
        match *self {}
    }

    pub(super) const fn answer(&mut self, _: &Log) {
        match *self {}
    }
}
