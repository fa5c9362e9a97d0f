//! What the instrument did and used, and what to do where that was the limit.

use serde_json::{Value, json};

use crate::measurement::Measurement;
use crate::measurement::effort::{LATE, Limit};
use crate::measurement::together::Host;
use crate::quantity;

/// A line for each reason why the numbers are not the server's.
pub(super) fn text(measurement: &Measurement) -> Vec<String> {
    let lines = reasons(measurement).into_iter();
    lines.map(|reason| format!("the instrument was the limit: {reason}")).collect()
}

/// The reasons why the instrument was the limit, and what helps.
pub(crate) fn reasons(measurement: &Measurement) -> Vec<String> {
    let limits = measurement.limits().unwrap_or_default();
    let Some(together) = &measurement.together else {
        return limits.into_iter().map(|limit| reason(limit, measurement)).collect();
    };
    let on_hosts = |limit: Limit| {
        let had = |host: &&Host| host.limits.as_ref().is_some_and(|limits| limits.contains(&limit));
        let names: Vec<_> = together.hosts.iter().filter(had).map(|host| &*host.name).collect();
        format!("{} (on {})", short(limit), names.join(", "))
    };
    limits.into_iter().map(on_hosts).collect()
}

fn reason(limit: Limit, measurement: &Measurement) -> String {
    let share = |share: Option<f64>| share.map_or("n/a".into(), quantity::ratio);
    let effort = measurement.effort.unwrap_or_default();
    match limit {
        Limit::Busy => format!(
            "its thread was at work {} of the time, so the server may be faster than this; share the \
             load among several processes, or lower it (-P, -R)",
            share(measurement.busy())
        ),
        Limit::Waiting => format!(
            "it waited for a processor {} of the time, because other threads used it; leave it one \
             of its own (taskset), or give it priority (nice, chrt)",
            share(measurement.waiting())
        ),
        Limit::Late => {
            let late = Some(effort.late as f64 / measurement.sent().max(1) as f64);
            format!(
                "{} of the messages were sent more than {} late although their connection was free; \
                 --spin keeps it awake, and a processor of its own (taskset) undisturbed",
                share(late),
                quantity::duration(LATE)
            )
        }
        Limit::Stolen => format!(
            "this is a virtual machine, and {} of its time was given to others; measure on an idle \
             host",
            share(measurement.stolen())
        ),
        Limit::Dropped => format!(
            "{} had come, and there was no room for more in its buffers: echoes among them count as lost; \
             allow it larger ones (sysctl net.core.rmem_max), or lower the load (-P, -R)",
            quantity::counted(measurement.dropped_here().unwrap_or_default(), "datagram")
        ),
    }
}

/// For programs.
pub(super) fn json(measurement: &Measurement) -> Option<Value> {
    let effort = measurement.effort?;
    let used = effort.used;
    Some(json!({
        "busy_share": measurement.busy(),
        "waiting_share": measurement.waiting(),
        "stolen_share": measurement.stolen(),
        "given_processor": used.waited.map(|(_, times)| times),
        "voluntary_switches": used.slept,
        "involuntary_switches": used.displaced,
        "looks": effort.looks,
        "spins": if effort.spins { effort.idle } else { 0 },
        "late": effort.late,
    }))
}

/// The names of the limits; None if that cannot be told.
pub(super) fn limits(measurement: &Measurement) -> Option<Vec<&'static str>> {
    Some(measurement.limits()?.into_iter().map(name).collect())
}

/// The name of a limit, for programs.
pub(super) const fn name(limit: Limit) -> &'static str {
    match limit {
        Limit::Busy => "busy",
        Limit::Waiting => "waiting",
        Limit::Late => "late",
        Limit::Stolen => "stolen",
        Limit::Dropped => "dropped",
    }
}

/// The limit of this name.
pub(crate) fn named(text: &str) -> Option<Limit> {
    use Limit::{Busy, Dropped, Late, Stolen, Waiting};
    [Busy, Waiting, Late, Stolen, Dropped].into_iter().find(|limit| name(*limit) == text)
}

/// A limit in a few words.
pub(super) const fn short(limit: Limit) -> &'static str {
    match limit {
        Limit::Busy => "its thread had no time left",
        Limit::Waiting => "its thread waited for a processor",
        Limit::Late => "it sent messages late",
        Limit::Stolen => "its machine was given to others",
        Limit::Dropped => "its machine had no room for what came",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::made_up::MadeUp;
    use crate::measurement::Datagrams;
    use crate::measurement::effort::Effort;
    use crate::plan::Plan;
    use crate::usage::Usage;

    #[test]
    fn a_limit_is_told_with_what_helps() {
        let mut made = MadeUp::new(Plan::new(), 1_000);
        made.echoes((0..1_000).map(|_| 70));
        let used = Usage { ran: Duration::from_millis(300), ..Usage::default() };
        made.run.effort = Some(Effort { used, ..Effort::default() });
        assert_eq!((text(&made.run).len(), limits(&made.run)), (0, Some(Vec::new())));
        let used = Usage {
            ran: Duration::from_millis(981),
            waited: Some((Duration::from_millis(310), 100)),
            stolen: Some(Duration::from_millis(70)),
            ..used
        };
        made.run.effort = Some(Effort { used, ..Effort::default() });
        let told = text(&made.run);
        assert!(told[0].contains("at work 98.1 % of the time"), "{told:?}");
        assert!(told[1].contains("waited for a processor 31.0 % of the time"), "{told:?}");
        assert!(told[2].contains("7.00 % of its time"), "{told:?}");
        assert_eq!(limits(&made.run), Some(vec!["busy", "waiting", "stolen"]));
        made.run.effort = Some(Effort { late: 31, ..Effort::default() });
        let told = text(&made.run).concat();
        assert!(told.contains("3.10 % of the messages were sent more than 1.00 ms late"), "{told}");
        let datagrams = Datagrams { dropped_here: Some(4_711), ..Datagrams::default() };
        made.run.datagrams = Some(datagrams);
        let told = text(&made.run)[1].clone();
        assert!(told.contains(": 4711 datagrams had come, and there was no room"), "{told}");
        assert_eq!(limits(&made.run), Some(vec!["late", "dropped"]));
        assert_eq!(named("dropped"), Some(Limit::Dropped));
    }
}
