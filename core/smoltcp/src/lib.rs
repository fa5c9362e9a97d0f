//! stub docs
#![no_std]

mod client;
mod clock;
mod demux;
mod held;
mod host;
mod pump;
mod server;
mod slot;
mod slots;

pub use client::{Client, Connection};
pub use host::{Host, HostError};
pub use pump::{Broken, pump};
pub use server::{Event, Server, Service};
pub use slot::Slot;
pub use smoltcp;
