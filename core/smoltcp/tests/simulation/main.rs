//! The whole system in memory and in virtual time: a server and a client, each
//! on its own smoltcp stack, joined by a cable that is as bad as a test wants.

mod bench;
mod cable;
mod clock;
mod echo;
mod faults;
mod faulty;
mod hostile;
mod link;
mod long;
mod many;
mod neighbour;
mod reset;
mod restart;
mod segment;
mod series;
mod talker;
mod waiting;
mod world;
