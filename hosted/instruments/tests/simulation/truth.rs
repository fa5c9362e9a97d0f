//! Whatever becomes of messages, what is told of them is what has happened: worlds drawn by a seed, and the truth computed
//! from what was sent and what came.

use std::time::Duration;

use echo_core::{FailureKind, random};
use echo_instruments::measurement::Measurement;
use echo_instruments::measurement::percentiles::{PERCENTILES, percentile};
use echo_instruments::measurement::times::Times;
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::report::{self, Subject};

use super::air::{Flown, Item, Sent, fly, udp};
use super::run::{MICRO, MILLI, NANO};

/// Enough for each sort of world to meet each end of a run.
const WORLDS: u64 = 120;

#[test]
fn all_that_is_told_is_what_has_happened() {
    for seed in 0..WORLDS {
        let mut dice = Dice(random::after(seed << 32, 0));
        let plan = plan(&mut dice);
        let weather = Weather::new(&mut dice, &plan);
        let mut log = Vec::new();
        let fate = |sent: &Sent<'_>| Ok(weather.fate(&mut dice, &plan, sent, &mut log));
        let Flown { out, .. } = fly(&plan, fate);
        let world = format!("world {seed}: {plan:?} {weather:?}");
        let truth = Truth::of(&plan, &log);
        assert_eq!(told(&out), truth.counts(&plan, &out), "{world}");
        let late = (plan.pace != Pace::Closed).then_some(&truth.late);
        let response = matches!(plan.pace, Pace::Rate(_)).then_some(&truth.response);
        assert_times(Some(&out.times), Some(&truth.service), &world);
        assert_times(out.response.as_ref(), response, &world);
        assert_times(out.late.as_ref(), late, &world);
        assert_course(&plan, &out, &world);
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        random::next(&mut self.0) % n
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn hits(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

fn plan(dice: &mut Dice) -> Plan {
    let second = 1_000 * MILLI;
    let paces = [
        Pace::Closed,
        Pace::Interval(7 * MILLI),
        Pace::Rate(50.0),
        Pace::Rate(333.0),
        Pace::Rate(1_000.0),
    ];
    let (count, time) = dice.one_of(&[
        (Some(1), None),
        (Some(10), None),
        (Some(400), None),
        (None, Some(100 * MILLI)),
        (None, Some(second)),
        (Some(97), Some(second)),
        (Some(400), Some(400 * MILLI)),
    ]);
    Plan {
        connections: dice.one_of(&[1, 2, 3, 8, 50]),
        limit: Some(dice.one_of(&[5 * MILLI, 100 * MILLI, second])),
        pace: dice.one_of(&paces),
        omit: dice.one_of(&[Duration::ZERO, Duration::ZERO, 60 * MILLI]),
        within: vec![3 * MILLI, 12 * MILLI],
        count,
        time,
        ..udp()
    }
}

/// What becomes of datagrams, in per cent and in times.
#[derive(Debug)]
struct Weather {
    lost: u64,
    twice: u64,
    /// As slow as the limit, or about half or twice as slow.
    slow: u64,
    jitter: Duration,
    /// Nothing comes in this time; it comes at its end.
    stall: [Duration; 2],
    /// From then on all is lost.
    end: Duration,
}

impl Weather {
    fn new(dice: &mut Dice, plan: &Plan) -> Self {
        let stall = dice.one_of(&[0, 50, 300]) * MILLI;
        let last = plan.omit + plan.time.unwrap_or(380 * MILLI);
        Self {
            lost: dice.one_of(&[0, 0, 2, 20, 100]),
            twice: dice.one_of(&[0, 0, 5, 30]),
            slow: dice.one_of(&[0, 0, 3, 30]),
            jitter: dice.one_of(&[NANO, MILLI, 20 * MILLI]),
            stall: [150 * MILLI, 150 * MILLI + stall],
            end: dice.one_of(&[Duration::MAX, last - 10 * MILLI]),
        }
    }

    fn fate(
        &self,
        dice: &mut Dice,
        plan: &Plan,
        sent: &Sent<'_>,
        log: &mut Vec<Message>,
    ) -> Vec<Item> {
        let lost = dice.hits(self.lost) || sent.at >= self.end;
        let copies = if lost { 0 } else { 1 + u32::from(dice.hits(self.twice)) };
        let limit = plan.limit.unwrap_or_default();
        let after = |copy: u32| {
            let mut after =
                2 * MILLI + Duration::from_nanos(dice.below(self.jitter.as_nanos() as u64));
            if dice.hits(self.slow) {
                after = dice.one_of(&[limit, limit - NANO, limit / 2 + after, 2 * limit + after]);
            }
            let [from, to] = self.stall;
            let stalls = (from..to).contains(&(sent.at + after));
            // What comes at one instant comes in the order in which it was sent.
            if stalls { to + log.len() as u32 * MICRO + copy * NANO - sent.at } else { after }
        };
        let mut items: Vec<_> = (0..copies).map(after).map(|after| sent.echo(after)).collect();
        items.sort_by_key(|item| item.after);
        let came = items.iter().map(|item| sent.at + item.after).collect();
        log.push(Message { lane: sent.port, sent: sent.at, came });
        items
    }
}

/// A message as the world has seen it; all times are since the beginning.
struct Message {
    lane: usize,
    sent: Duration,
    /// When its echoes came.
    came: Vec<Duration>,
}

/// What is to be told of a run.
#[derive(Default)]
struct Truth {
    service: Vec<Duration>,
    response: Vec<Duration>,
    late: Vec<Duration>,
    begun: u64,
    omitted: u64,
    lost: u64,
    overdue: u64,
    duplicated: u64,
    reordered: u64,
    unsent: u64,
    elapsed: Duration,
}

impl Truth {
    fn of(plan: &Plan, log: &[Message]) -> Self {
        let limit = plan.limit.unwrap_or_default();
        let in_time = |it: &Message| it.came.first().copied().filter(|at| *at < it.sent + limit);
        let lanes = u64::from(plan.connections);
        let at = |slot: u64| match plan.pace {
            Pace::Rate(per_second) => Duration::from_secs_f64(slot as f64 / per_second),
            Pace::Interval(each) => each.mul_f64(slot as f64 / lanes as f64),
            Pace::Closed => Duration::ZERO,
        };
        let mut out = Self::default();
        let mut turns: Vec<_> = (0..lanes).collect();
        let (mut last, mut ends) = (Duration::ZERO, Vec::new());
        let mut seen = plan.time.map_or(Duration::ZERO, |time| plan.omit + time);
        let mut echoes = Vec::new();
        for it in log {
            let turn = &mut turns[it.lane];
            while matches!(plan.pace, Pace::Interval(_)) && at(*turn + lanes) <= it.sent {
                *turn += lanes;
            }
            let due = if plan.pace == Pace::Closed { it.sent } else { at(*turn) };
            *turn += lanes;
            let end = in_time(it);
            let ended = end.unwrap_or(it.sent + limit);
            echoes.push((ended, due >= plan.omit));
            if due < plan.omit {
                out.omitted += 1;
                continue;
            }
            out.begun += 1;
            out.late.push(it.sent - due);
            ends.push((it.lane, ended));
            last = last.max(it.sent).max(end.unwrap_or_default());
            let Some(end) = end else {
                out.lost += 1;
                continue;
            };
            out.service.push(end - it.sent);
            out.response.push(end - due);
            let overtakes = |other: &&Message| {
                other.lane == it.lane && other.sent > it.sent && in_time(other) < Some(end)
            };
            let overtaken = log.iter().filter(overtakes).any(|other| in_time(other).is_some());
            out.reordered += u64::from(overtaken);
        }
        let all = plan.count.is_some_and(|count| out.begun >= count);
        // The end of the run, and of those connections that have nothing more to do.
        let final_end =
            |lane: usize| ends.iter().filter(|end| end.0 == lane).map(|end| end.1).max();
        let first = (0..lanes as usize).filter_map(final_end).min().unwrap_or_default();
        let over = match (all, plan.pace) {
            (true, Pace::Closed) => first,
            (true, _) => last,
            (false, _) => plan.omit + plan.time.unwrap_or_default(),
        };
        out.elapsed = last.max(over).saturating_sub(plan.omit);
        let due = (0..).map_while(|slot| {
            (plan.pace != Pace::Closed && !all && at(slot) < over).then(|| at(slot) >= plan.omit)
        });
        let due = due.filter(|measured| *measured).count() as u64;
        out.unsent = due.min(plan.count.unwrap_or(due)).saturating_sub(out.begun);
        // What comes late is waited for as long as the slowest echo took, but no longer than 100 ms.
        if all {
            seen = Duration::ZERO;
        }
        let run = echoes.iter().map(|(ended, _)| *ended).fold(seen, Duration::max);
        let slowest = out.service.iter().copied().max().unwrap_or_default();
        let linger = if out.lost > 0 { 100 * MILLI } else { slowest.min(100 * MILLI) };
        for (it, (_, measured)) in log.iter().zip(echoes) {
            let came = it.came.iter().filter(|at| measured && **at < run + linger).count() as u64;
            out.overdue += u64::from(came > 0 && in_time(it).is_none());
            out.duplicated += came.saturating_sub(1);
        }
        out
    }

    /// All that is exact.
    fn counts(&self, plan: &Plan, out: &Measurement) -> String {
        let planned = matches!(plan.pace, Pace::Rate(_));
        let felt = if planned { &self.response } else { &self.service };
        let within = plan.within.iter().map(|bound| felt.iter().filter(|it| *it <= bound).count());
        let within: Vec<_> = within.collect();
        let Self { begun, omitted, lost, overdue, duplicated, reordered, unsent, elapsed, .. } =
            self;
        let (echoed, length) = (self.service.len(), elapsed.max(&out.scheduled).as_secs_f64());
        let rate = (length > 0.0).then(|| echoed as f64 / length);
        format!(
            "{begun} sent, {echoed} echoed, {lost} lost, {overdue} overdue, {duplicated} duplicated, {reordered} \
             reordered, {omitted} omitted, {unsent} unsent, {elapsed:?}, {rate:?}/s, within {within:?}"
        )
    }
}

/// The same as it is told.
fn told(out: &Measurement) -> String {
    let datagrams = out.datagrams.expect("datagrams");
    let within: Vec<_> = out.within.iter().map(|within| within.messages(out)).collect();
    format!(
        "{} sent, {} echoed, {} lost, {} overdue, {} duplicated, {} reordered, {} omitted, {} unsent, {:?}, {:?}/s, within \
         {within:?}",
        out.sent(),
        out.tally.echoed(),
        out.tally.failed(FailureKind::TimedOut),
        datagrams.late,
        datagrams.duplicated,
        datagrams.reordered.expect("the content tells"),
        out.omitted,
        out.unsent,
        out.elapsed,
        out.messages_per_second()
    )
}

fn assert_times(told: Option<&Times>, truth: Option<&Vec<Duration>>, world: &str) {
    assert_eq!(told.is_some(), truth.is_some(), "{world}");
    let (Some(told), Some(truth)) = (told, truth) else { return };
    let mut sorted = truth.clone();
    sorted.sort_unstable();
    let mean = sorted.iter().sum::<Duration>().as_nanos().checked_div(sorted.len() as u128);
    let exact = (sorted.len() as u64, sorted.first(), sorted.last(), mean);
    let ends = (told.fastest(), told.slowest());
    let mean = told.mean().map(|mean| mean.as_nanos());
    assert_eq!((told.len(), ends.0.as_ref(), ends.1.as_ref(), mean), exact, "{world}");
    for (name, one_in) in PERCENTILES {
        let rank = sorted.len() - sorted.len() / one_in as usize;
        let exact =
            (sorted.len() as u64 >= one_in).then(|| sorted[rank.max(1) - 1].as_nanos() as f64);
        let value = percentile(told, one_in).map(|value| value.as_nanos() as f64);
        let off =
            value.zip(exact).map_or(0.0, |(value, exact)| (value - exact).abs() - exact / 1e3);
        assert!(
            value.is_some() == exact.is_some() && off <= 1.0,
            "{name} {value:?} {exact:?}: {world}"
        );
    }
}

/// The parts of a run add up to it.
fn assert_course(plan: &Plan, out: &Measurement, world: &str) {
    let subject = Subject {
        program: "hosted",
        command: "fail-rate",
        name: String::new(),
        address: ([192, 0, 2, 7], 7).into(),
        sources: Vec::new(),
        payload: String::new(),
        labels: &[],
        hosts: None,
        plan,
    };
    let report = report::json(&subject, out);
    let parts = report["intervals"].as_array().expect("intervals");
    let sum =
        |key: &str| parts.iter().map(|part| part[key].as_u64().expect("a count")).sum::<u64>();
    if !out.elapsed.is_zero() {
        let all = (out.tally.echoed(), out.tally.failures());
        assert_eq!((sum("echoed"), sum("failed")), all, "{world}");
    }
    let number = |part: &serde_json::Value, key: &str| part[key].as_f64().unwrap_or_default();
    let end = parts.last().map_or(0.0, |part| number(part, "end_s"));
    assert_eq!(end, out.elapsed.as_secs_f64(), "{world}");
    let echoed = parts.iter().map(|part| {
        number(part, "messages_per_s") * (number(part, "end_s") - number(part, "start_s"))
    });
    let off = echoed.sum::<f64>() - sum("echoed") as f64;
    assert!(off.abs() < 1e-6, "{off}: {world}");
    let (share, ends) = (report["fail_rate"].as_f64(), &report["fail_rate_interval95"]);
    let holds = |share| ends[0].as_f64() <= Some(share) && Some(share) <= ends[1].as_f64();
    assert!(share.is_none_or(holds), "{share:?} {ends}: {world}");
}
