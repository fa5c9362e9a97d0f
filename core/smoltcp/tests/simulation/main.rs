//! The whole system in memory and in virtual time: a server and a client, each
//! on its own smoltcp stack, joined by a cable that is as bad as a test wants.

mod bench;
mod cable;
mod clock;
mod closed;
mod courier;
mod datagram;
mod datagrams;
mod datagrams_spoilt;
mod echo;
mod faults;
mod faulty;
#[cfg(feature = "fragments")]
mod fragments;
mod hostile;
mod link;
mod long;
mod many;
mod narrow;
mod neighbour;
mod overtaken;
mod reset;
mod restart;
mod segment;
mod series;
mod talker;
mod waiting;
mod way;
mod world;
