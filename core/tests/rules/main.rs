//! The rules of both ends, one by one, on a virtual clock and without sockets.

mod answer;
mod closing;
mod exit;
mod fault;
mod faulty;
mod flight;
mod intercepted;
mod leaving;
mod line;
mod pair;
mod pairs;
mod peer;
mod probe;
mod script;
mod spoilt;
