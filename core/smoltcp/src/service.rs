//! What a server serves, and how.

use core::time::Duration;

use echo_core::Rules;

/// What is served, and how.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// The TCP port, not 0.
    pub port: u16,
    /// The rules of the sessions.
    pub rules: Rules,
    /// Nagle's algorithm: hold back a segment that is not full until all before
    /// it are acknowledged. With delayed acknowledgements of the peer, small echoes
    /// then wait 40 ms for each other; so it is off by default.
    pub nagle: bool,
    /// How long an acknowledgement waits for data that can carry it. In an echo
    /// the echo itself carries it, so the 10 ms are never seen, and half of the
    /// frames are saved.
    pub ack_delay: Option<Duration>,
}

/// The echo port of this project, the rules of [`Rules::default`], Nagle off,
/// acknowledgements delayed by 10 ms.
impl Default for Service {
    fn default() -> Self {
        Self {
            port: 2333,
            rules: Rules::default(),
            nagle: false,
            ack_delay: Some(Duration::from_millis(10)),
        }
    }
}
