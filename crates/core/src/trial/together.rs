//! Many threads at once: whether answers are the same as alone, and whether runs wait for each other.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::answers::Answered;
use super::asker::Asker;
use super::times::Reservoir;
use super::waiting::{self, Clock};
use super::{Finding, Level, Outcome, Subject};
use crate::error::LoadError;

/// How many ask for how long.
pub(super) struct Plan {
    pub(super) threads: usize,
    pub(super) time: Duration,
    pub(super) seed: u64,
}

pub(super) fn run(
    subject: &Subject,
    answers: &[Answered],
    plan: &Plan,
    outcome: &mut Outcome,
) -> Result<(), LoadError> {
    let threads = plan.threads;
    let seeds = (1..).map(|number| plan.seed.wrapping_add(number)).take(threads);
    let mut askers = seeds.map(|seed| Asker::new(subject, threads, seed)).collect::<Result<Vec<_>, _>>()?;
    let waiting = ask(&mut askers, answers, plan);
    let time = askers.iter().map(|asker| asker.time).max().unwrap_or_default();
    let runs = askers.iter().map(|asker| asker.runs).sum();
    outcome.is_exact &= askers.iter().all(|asker| asker.is_exact);
    outcome.findings.extend(askers.iter_mut().find_map(|asker| asker.finding.take()));
    let all: Vec<_> = askers.into_iter().map(|asker| asker.times).collect();
    let level = Level { threads, runs, time, times: Reservoir::sum_up(&all), waiting };
    // Several threads of one run may wait for one another, and another process is not seen.
    let can_tell = subject.is_in_process() && subject.model.run_threads() == 1;
    let alone = outcome.levels.first().filter(|_| can_tell);
    outcome.findings.extend(alone.and_then(|alone| waiting::judge(alone, &level)));
    outcome.levels.push(level);
    Ok(())
}

/// Lets all go at the same time. They go on until the clocks are read, so that all do the same all the while.
/// The part of their time that they waited, where the kernel tells.
fn ask(askers: &mut [Asker<'_>], answers: &[Answered], plan: &Plan) -> Option<f64> {
    let threads = plan.threads;
    let (start, is_over) = (Barrier::new(threads + 1), AtomicBool::new(false));
    thread::scope(|scope| {
        for asker in askers {
            let (start, is_over) = (&start, &is_over);
            scope.spawn(move || {
                start.wait();
                let kind = |difference| Finding::NotSafe { threads, difference };
                asker.rounds_until(|| is_over.load(Ordering::Relaxed), answers, kind);
            });
        }
        start.wait();
        let (started, then) = (Instant::now(), Clock::now());
        while started.elapsed() < plan.time {
            thread::park_timeout(plan.time.saturating_sub(started.elapsed()));
        }
        let (whole, now) = (started.elapsed() * u32::try_from(threads).unwrap_or(u32::MAX), Clock::now());
        is_over.store(true, Ordering::Relaxed);
        then.zip(now).map(|(then, now)| now.waiting_since(&then, whole))
    })
}
