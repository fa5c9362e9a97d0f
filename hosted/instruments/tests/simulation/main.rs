//! The load loop on virtual time: what a report says is what was planned, to the nanosecond.
//!
//! A [`World`](world::World) is a stack on which nothing takes time but what its nature
//! says: the ways, the server's work, system calls. No clock of the system is waited for, so that no test here
//! can fail on a slow machine, and none needs a tolerance.

mod air;
mod arrivals;
mod blame;
mod clock;
mod datagrams;
mod exact;
mod link;
mod loss;
mod observed;
mod omission;
mod opening;
mod passages;
mod planted;
mod reports;
mod run;
mod schedule;
mod search;
mod series;
mod server;
mod stationary;
mod strange_clock;
mod trouble;
mod truth;
mod warm_up;
mod world;
