//! One suite over all engines: every case that lies in a folder, by every engine that claims the model's format.
//!
//! `make conformance` makes the cases and names their folder in `LOADONCE_CONFORMANCE`; without it nothing is asked.
//! The cases lie as `tests/conformance/casefile.py` says. What an engine does wrongly stands, with its reason, in
//! `conformance/exceptions/ENGINE.toml`; what does not stand there fails the suite, and so does what stands there and
//! is no longer true. `LOADONCE_CONFORMANCE_ONLY` names a pattern of cases to look at alone.

#[path = "conformance/cases.rs"]
mod cases;
#[path = "conformance/engines.rs"]
mod engines;
#[path = "conformance/exceptions.rs"]
mod exceptions;
#[path = "conformance/judge.rs"]
mod judge;
#[path = "conformance/pattern.rs"]
mod pattern;
#[path = "conformance/report.rs"]
mod report;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::panic;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use self::cases::Case;
use self::engines::Contestant;
use self::judge::Outcome;
use self::pattern::Pattern;
use self::report::{Report, Verdict};

/// Threads that judge; their names tell whose panics are the suite's to report.
const JUDGE: &str = "judge";

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(format!("LOADONCE_{name}")).filter(|value| !value.is_empty())
}

#[test]
fn every_engine_answers_rightly_or_says_that_it_cannot() {
    let Some(folder) = variable("CONFORMANCE") else {
        return println!("no cases are given; `make conformance` makes them");
    };
    let only = variable("CONFORMANCE_ONLY").map(|text| Pattern::new(&text.to_string_lossy()));
    let contestants = engines::contestants(variable("ONNXRUNTIME").as_deref().map(Path::new));
    let mut cases = cases::find(Path::new(&folder)).unwrap();
    cases.retain(|case| only.as_ref().is_none_or(|pattern| pattern.matches(&case.id())));
    assert!(!cases.is_empty(), "no case lies in {}", folder.display());

    silence_judges();
    let verdicts = judge_all(&cases, &contestants);
    let report = Report::new(&cases, &contestants, verdicts);
    println!("{report}");
    if let Some(path) = variable("CONFORMANCE_RESULTS") {
        std::fs::write(path, report.to_json()).unwrap();
    }
    let complaints = report.complaints(&contestants, only.is_none());
    assert!(complaints.is_empty(), "{}\n{} complaints", complaints.join("\n"), complaints.len());
}

/// A panic of an engine is an outcome, which the report tells; its message does not belong between the lines.
fn silence_judges() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().name() != Some(JUDGE) {
            before(info);
        }
    }));
}

fn judge_all(cases: &[Case], contestants: &[Contestant]) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let work = || {
        let taken = std::iter::from_fn(|| cases.get(next.fetch_add(1, Ordering::Relaxed)));
        taken.flat_map(|case| judge_one(case, contestants)).collect::<Vec<_>>()
    };
    let mut verdicts = thread::scope(|scope| {
        let start = |_| thread::Builder::new().name(JUDGE.to_owned()).spawn_scoped(scope, work);
        let judges: Result<Vec<_>, _> =
            (0..thread::available_parallelism().map_or(1, usize::from)).map(start).collect();
        let judges = judges.expect("the system has threads");
        judges.into_iter().flat_map(|judge| judge.join().expect("a judge catches panics")).collect::<Vec<_>>()
    });
    verdicts.sort_by(|left, right| left.key().cmp(&right.key()));
    verdicts
}

fn judge_one(case: &Case, contestants: &[Contestant]) -> Vec<Verdict> {
    let claiming = contestants.iter().filter(|contestant| contestant.formats.contains(&case.format()));
    let verdict = |contestant: &Contestant| {
        let outcome = Outcome::of(contestant.engine.as_ref(), case);
        let operators = if outcome == Outcome::Passed { case.operators() } else { BTreeSet::new() };
        Verdict { engine: contestant.name(), group: case.group.clone(), case: case.name.clone(), outcome, operators }
    };
    claiming.map(verdict).collect()
}
