//! Lines about a shortage on the machine that measured: it had no port or no socket left, or few
//! ports.

use super::Subject;
use crate::measurement::Measurement;
use crate::measurement::percentiles::{MEDIAN, P99, percentile};
use crate::quantity;
use crate::stack::Lack;

/// The line on such a shortage: neither the failure nor the times are the peer's.
pub(super) fn ports(subject: &Subject<'_>, measurement: &Measurement) -> Option<String> {
    let Measurement { ports, lack, .. } = *measurement;
    let told = ports.map_or(String::new(), |ports| format!(" ({ports}, for a minute each)"));
    let addresses = subject.sources.len().max(1) as u64;
    let opened = measurement.tally.messages();
    let fewer = match (subject.plan.per_message, subject.plan.reset) {
        (true, false) => "avoid TIME-WAIT (--reset), send fewer messages (--rate)",
        (true, true) => "send fewer messages (--rate)",
        (false, _) => "use fewer connections (--parallel)",
    };
    let ways = format!(
        "{fewer}, use more source addresses (--bind), or allow more ports (sysctl \
         net.ipv4.ip_local_port_range)"
    );
    match lack {
        Some(Lack::Ports) => Some(format!("this machine ran out of local ports{told}: {ways}")),
        Some(Lack::Sockets) => Some(
            "this machine ran out of sockets: use fewer connections (--parallel), or allow more \
             file descriptors (ulimit -n; a connection takes one, with --local two)"
                .into(),
        ),
        // Ports in TIME-WAIT may belong to other programs, or other peers: ours alone must be that many.
        None if subject.plan.reset => None,
        None => ports.filter(|ports| ports.are_scarce(addresses, opened)).map(|_| {
            format!(
                "hint: few local ports are free{told}, and each connect has to search for one{}: \
                 such times reflect this machine more than the server; {ways}",
                took(measurement)
            )
        }),
    }
}

/// How long connects take, if there are enough of them.
fn took(measurement: &Measurement) -> String {
    let times = measurement.connecting.as_ref();
    let time = |one_in| times.and_then(|times| percentile(times, one_in)).map(quantity::duration);
    match (time(MEDIAN), time(P99)) {
        (Some(median), Some(p99)) => format!(" (p50 {median}, p99 {p99})"),
        (Some(median), None) => format!(" (p50 {median})"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::ports::Ports;

    #[test]
    fn what_this_machine_lacks_is_not_the_peers_failure() {
        let plan = Plan { per_message: true, ..Plan::new() };
        let (name, payload) = (String::new(), String::new());
        let address = ([127, 0, 0, 1], 7).into();
        let (program, command, sources) = ("hosted", "rate", Vec::new());
        let subject = Subject {
            program,
            command,
            name,
            address,
            sources,
            payload,
            labels: &[],
            hosts: None,
            plan: &plan,
        };
        let told = |resting, lack| {
            let ports = Some(Ports { all: 100, resting });
            let mut measurement = Measurement { ports, lack, ..Measurement::new() };
            for _ in 0..50 {
                measurement.tally.record(&Ok(()));
            }
            ports_of(&subject, measurement)
        };
        assert_eq!(told(49, None), "");
        assert!(told(50, None).starts_with("hint: few local ports are free (100 local ports, 50 "));
        assert!(
            told(9, Some(Lack::Ports)).starts_with("this machine ran out of local ports (100 ")
        );
        assert!(told(99, Some(Lack::Sockets)).starts_with("this machine ran out of sockets: "));
    }

    fn ports_of(subject: &Subject<'_>, measurement: Measurement) -> String {
        ports(subject, &measurement).unwrap_or_default()
    }
}
