//! A model with processes of its own: one after the other is killed, and every request must be answered as before.

use super::answers::Answered;
use super::asker::Asker;
use super::{Finding, Outcome, Subject};
use crate::error::LoadError;

/// Workers that are killed.
const KILLS: usize = 3;

pub(super) fn run(subject: &Subject, answers: &[Answered], outcome: &mut Outcome) -> Result<(), LoadError> {
    let mut asker = Asker::new(subject, 1, 0)?;
    for _ in 0..KILLS {
        // The last one that came is this session's.
        let workers = subject.model.memory().workers;
        let Some(worker) = workers.iter().max_by_key(|worker| worker.number) else { return Ok(()) };
        if !kill(worker.pid) {
            return Ok(());
        }
        asker
            .round(answers, false, |difference| Finding::NotRecovered { case: difference.case, what: difference.what });
        if let Some(finding) = asker.finding.take() {
            outcome.findings.push(match finding {
                Finding::Fails { case, error, .. } => Finding::NotRecovered { case, what: error },
                other => other,
            });
            return Ok(());
        }
        outcome.recovered += 1;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn kill(pid: u32) -> bool {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// Elsewhere no process is known.
#[cfg(not(target_os = "linux"))]
fn kill(_pid: u32) -> bool {
    false
}
