//! One thread: the answers that all others are compared with, whether they are the same again, in the same order and in
//! others, and what memory does meanwhile.

use std::time::Instant;

use super::answers::Answered;
use super::asker::Asker;
use super::cases::Case;
use super::growth::{self, Reading};
use super::times::Reservoir;
use super::waiting::Clock;
use super::{Finding, Growth, Level, Outcome, Rules, Subject};
use crate::error::LoadError;
use crate::ledger::{Memory, ProcessMemory};

/// Readings of memory in a window of time.
const READINGS: u32 = 24;

/// Windows after each other in all of which memory must grow: what warms up does so in the first.
const WINDOWS: usize = 4;

/// The part of the time that a window takes, and so do those that are only opened where memory grows.
const PART: f64 = 0.4;

/// Asks all requests in turn, again and again.
pub(super) fn run(
    subject: &Subject,
    cases: &[Case],
    rules: &Rules,
    outcome: &mut Outcome,
) -> Result<Vec<Answered>, LoadError> {
    let mut asker = Asker::new(subject, 1, rules.seed)?;
    // So that something is kept of the last request when the first is asked, as it is the next time.
    asker.answers(cases);
    let answers = asker.answers(cases);
    asker.round(&answers, false, Finding::Unsteady);
    asker.round(&answers, true, Finding::Remembers);
    measured(subject, &mut asker, &answers, rules, outcome);
    outcome.is_exact &= asker.is_exact;
    outcome.findings.extend(asker.finding.take());
    Ok(answers)
}

/// Goes on asking, and looks at memory and time.
fn measured(subject: &Subject, asker: &mut Asker<'_>, answers: &[Answered], rules: &Rules, outcome: &mut Outcome) {
    let (started, clock, before) = (Instant::now(), Clock::now(), asker.runs);
    for _ in 0..WINDOWS {
        outcome.growth = window(subject, asker, answers, rules);
        if !outcome.growth.is_some_and(|growth| growth.is_leak) {
            break;
        }
    }
    let (time, runs) = (started.elapsed(), asker.runs - before);
    let waiting = clock.zip(Clock::now()).map(|(then, now)| now.waiting_since(&then, time));
    outcome.findings.extend(outcome.growth.filter(|growth| growth.is_leak).map(Finding::Leaks));
    let times = Reservoir::sum_up(std::slice::from_ref(&asker.times));
    outcome.levels.push(Level { threads: 1, runs, time, times, waiting });
}

/// Asks for a while, and says what memory did.
fn window(subject: &Subject, asker: &mut Asker<'_>, answers: &[Answered], rules: &Rules) -> Option<Growth> {
    let started = Instant::now();
    let slice = rules.time.mul_f64(PART) / READINGS;
    let readings = (1..=READINGS).filter_map(|number| {
        let end = started + slice * number;
        asker.rounds_until(|| Instant::now() >= end, answers, Finding::Remembers);
        Some(Reading { runs: asker.runs, bytes: bytes(&subject.model.memory())? })
    });
    growth::judge(&readings.collect::<Vec<_>>())
}

/// Anonymous bytes of this process and of the model's own; `None` where the kernel does not tell. Pages of files are left
/// out: they become private, or cease to be, with every other process that maps them.
fn bytes(memory: &Memory) -> Option<u64> {
    let workers = memory.workers.iter().filter_map(|worker| worker.memory).map(|memory| memory.anonymous_bytes);
    Some(ProcessMemory::of(std::process::id())?.anonymous_bytes + workers.sum::<u64>())
}
