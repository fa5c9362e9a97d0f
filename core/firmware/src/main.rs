//! An echo server as firmware: `echo-smoltcp` on boards that QEMU emulates.
//!
//! `app` is the application. It knows no board, only the [`Board`] trait; each folder of
//! `board` is one board, chosen by the architecture that is compiled for. There is no
//! std, no heap and no library: that this links proves that `echo-smoltcp` needs none.

#![no_std]
#![no_main]

mod app;
mod board;
mod datagrams;
mod settings;
mod stack;

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;
