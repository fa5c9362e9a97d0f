//! What cannot hold in a run, so that to ask for it is a mistake.

use super::metric::Metric;
use super::{Condition, Sort};
use crate::plan::{Pace, Plan, Protocol, Window};
use crate::quantity;
use crate::report::datagrams::Class;

impl Condition {
    /// The reason why it can never hold in a run of this plan, if there is one.
    #[must_use]
    pub fn misfit(&self, plan: &Plan) -> Option<String> {
        let scheduled = plan.pace != Pace::Closed;
        let planned = matches!(plan.pace, Pace::Rate(_));
        let reason = match (self.metric, self.of) {
            (Metric::Unsent | Metric::Late, _) if !scheduled => {
                "nothing is due without a schedule: add --rate or --interval".to_owned()
            }
            (Metric::Class(_), _) if plan.protocol == Protocol::Tcp => {
                "that happens to datagrams only: add --udp".to_owned()
            }
            (Metric::Class(Class::Reordered), _) if !Window::of(plan).shows_order() => {
                "messages that are all alike do not tell their order: add --payload seq".to_owned()
            }
            (_, Some(Sort::Response)) if !planned => {
                "there are no response times without a schedule: add --rate".to_owned()
            }
            _ => {
                let fewest = self.metric.fewest_messages()?;
                let all = |count: u64| count.saturating_mul(plan.repeat.into());
                plan.count.filter(|count| all(*count) < fewest)?;
                format!("it needs at least {} messages: raise --count", quantity::count(fewest))
            }
        };
        Some(format!("--fail-if {self} can never hold: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use echo_core::Payload;

    use super::*;

    #[test]
    fn what_can_never_hold_in_a_run_is_refused() {
        let rate = Plan { pace: Pace::Rate(5.0), ..Plan::new() };
        let interval = Plan { pace: Pace::Interval(Duration::from_secs(1)), ..Plan::new() };
        let few = Plan { count: Some(99), ..Plan::new() };
        let enough = Plan { count: Some(100), ..Plan::new() };
        let together = Plan { repeat: 2, ..few.clone() };
        let seq = Payload::Seq { run: 1, connection: 0 };
        for (text, plan, fits) in [
            ("unsent>1%", &Plan::new(), false),
            ("unsent>1%", &rate, true),
            ("reordered>1%", &rate, false),
            ("reordered>1%", &Plan { protocol: Protocol::Udp, ..rate.clone() }, false),
            (
                "reordered>1%",
                &Plan { protocol: Protocol::Udp, payload: seq, length: 8, ..rate.clone() },
                true,
            ),
            ("reordered>1%", &Plan { protocol: Protocol::Udp, ..Plan::new() }, true),
            ("unsent>1%", &interval, true),
            ("late>1ms", &Plan::new(), false),
            ("late>1ms", &interval, true),
            ("late>1ms", &Plan { pace: Pace::Rate(5.0), ..few.clone() }, false),
            ("response p50>1ms", &Plan::new(), false),
            ("response p50>1ms", &interval, false),
            ("response p50>1ms", &rate, true),
            ("service p50>1ms", &Plan::new(), true),
            ("p99>1ms", &few, false),
            ("p99>1ms", &enough, true),
            ("p99>1ms", &together, true),
            ("p99.9>1ms", &together, false),
            ("p99>1ms", &Plan::new(), true),
            ("max>1ms", &few, true),
        ] {
            let condition: Condition = text.parse().expect(text);
            assert_eq!(condition.misfit(plan).is_none(), fits, "{text} {plan:?}");
        }
    }
}
