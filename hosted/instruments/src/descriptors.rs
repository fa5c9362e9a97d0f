//! How many sockets this process may have.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Allows as many as the system gives without special rights: usual is 1024,
/// for the sake of old programs, and a load may be more connections than that.
///
/// Where it cannot be raised the limit shows when it is reached.
pub fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
