//! A search under way: the plan of each step goes out, its measurement comes back.

use std::time::{Duration, SystemTime};

use super::{Answer, Goal, Outcome, Search, Step};
use crate::measurement::Measurement;
use crate::plan::{Pace, Plan};

/// How long a step takes, if nobody says so.
const STEP: Duration = Duration::from_secs(2);

/// A step begins with a warm-up of one part in this many of its length, if nobody says how long: its connections
/// are new.
const WARM_UP: u32 = 10;

/// A search and all that it has found.
#[derive(Debug)]
pub struct Hunt<'a> {
    goal: &'a Goal,
    /// The load of all steps but for its rate; its time is the least of each.
    base: &'a Plan,
    search: Search,
    steps: Vec<Step>,
    /// The step that is told in full, and its plan: that of the highest rate that is kept, or the last one.
    told: Option<(Plan, Measurement)>,
    stopped: bool,
    started: Option<SystemTime>,
}

impl<'a> Hunt<'a> {
    /// Begins a search for the highest rate of this load that keeps the goal.
    #[must_use]
    pub fn new(goal: &'a Goal, base: &'a Plan) -> Self {
        let search = Search::from(goal.first(base.time.unwrap_or(STEP)));
        Self { goal, base, search, steps: Vec::new(), told: None, stopped: false, started: None }
    }

    /// The load of a search as it begins: at a planned rate.
    #[must_use]
    pub fn base(goal: &Goal, plan: &Plan) -> Plan {
        let first = goal.first(plan.time.unwrap_or(STEP));
        Plan { pace: Pace::Rate(first), ..plan.clone() }
    }

    /// What is searched for.
    #[must_use]
    pub const fn goal(&self) -> &Goal {
        self.goal
    }

    /// The plan of the next step; None if the search is over.
    #[must_use]
    pub fn next(&self) -> Option<Plan> {
        let rate = self.search.next().filter(|_| !self.stopped)?;
        let time = self.goal.step(rate, self.base.time.unwrap_or(STEP));
        let omit = if self.base.omit.is_zero() { time / WARM_UP } else { self.base.omit };
        let plan = self.base.renewed(self.steps.len() as u16);
        Some(Plan { pace: Pace::Rate(rate), time: Some(time), omit, keep_going: false, ..plan })
    }

    /// Takes what came of that plan.
    pub fn tell(&mut self, plan: Plan, run: Measurement) -> &Step {
        self.started.get_or_insert(run.started);
        let rate = self.search.next().unwrap_or_default();
        let step = Step::of(self.goal, rate, plan.connections, &run);
        match step.outcome() {
            Some(outcome) => self.search.tell(outcome),
            None => self.stopped = true,
        }
        let is_better = match self.answer() {
            // Each that is kept is higher than those before.
            Answer::Between(..) | Answer::AtLeast(_) => step.outcome() == Some(Outcome::Kept),
            Answer::Below(_) | Answer::Unknown => !step.stopped,
        };
        if is_better || self.told.is_none() {
            self.told = Some((plan, run));
        }
        self.steps.push(step);
        &self.steps[self.steps.len() - 1]
    }

    /// When the first step began, on the wall clock.
    #[must_use]
    pub const fn started(&self) -> Option<SystemTime> {
        self.started
    }

    /// All steps, as they came.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What has been found.
    #[must_use]
    pub const fn answer(&self) -> Answer {
        self.search.answer()
    }

    /// Whether a rate was found that keeps the goal.
    #[must_use]
    pub const fn has_answer(&self) -> bool {
        matches!(self.answer(), Answer::Between(..) | Answer::AtLeast(_))
    }

    /// Whether it came to its end.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.search.next().is_none()
    }

    /// Whether it would begin at a lower rate if its steps were longer.
    #[must_use]
    pub fn can_begin_lower(&self) -> bool {
        let first = |least| self.goal.first(least);
        first(self.base.time.unwrap_or(STEP)) > first(Duration::MAX)
    }

    /// The step that is told in full: that of the highest rate that is kept; if there is none, the last one.
    #[must_use]
    pub fn told(&self) -> Option<(&Plan, &Measurement)> {
        self.told.as_ref().map(|(plan, run)| (plan, run))
    }

    /// The last step at this rate.
    #[must_use]
    pub fn step(&self, rate: f64) -> Option<&Step> {
        self.steps.iter().rfind(|step| step.rate == rate && !step.stopped)
    }
}
