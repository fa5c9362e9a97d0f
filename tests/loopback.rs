//! The conformance cases on the operating system's TCP.

mod conformance;

use hosted::server::Local;

#[test]
fn hosted_conforms_over_loopback() {
    conformance::run(|rules| {
        let server = Local::with(rules)?;
        let address = server.address();
        Ok((server, address))
    });
}
