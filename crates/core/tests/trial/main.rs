//! Trials: models that are wrong on purpose are caught, and sound ones are not. In a process of their own, as they look at
//! the memory and the threads of all of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support.rs"]
#[expect(dead_code, reason = "shared with the other tests")]
mod support;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use loadonce_core::sample::{Sample, Tolerance};
use loadonce_core::testing::{FakeEngine, Fault, Script, TRIGGER_PANIC};
use loadonce_core::trial::{Finding, Origin, Outcome, Rules};

use crate::support::{House, request};

fn rules() -> Rules {
    Rules { time: Duration::from_secs(2), seed: 7, threads: vec![1, 2, 8] }
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

async fn tried(script: Script, samples: &[Sample], rules: &Rules) -> Outcome {
    let house = House::new([("m", FakeEngine::new(script))]);
    let models = house.load().await.unwrap();
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    models.running[0].subject().examine(samples, rules, &|_| ()).unwrap()
}

/// Runs may block, as far as these fakes say: then no time of a run is judged.
async fn with(fault: Fault) -> Outcome {
    tried(Script { fault: Some(fault), ..Script::default() }, &[], &rules()).await
}

fn sample(row: [f32; 2]) -> Sample {
    let tolerance = Tolerance::default();
    Sample { name: "one.json".to_owned(), request: request(&[row]), expected: None, tolerance }
}

#[tokio::test]
async fn a_sound_model_is_found_sound() {
    let outcome = tried(Script::default(), &[sample([1.0, 2.0])], &rules()).await;
    assert_eq!(outcome.findings, []);
    assert_eq!(outcome.cases, [(Origin::Sample, 1), (Origin::Variation, 7)]);
    assert!(outcome.is_exact);
    let threads: Vec<_> = outcome.levels.iter().map(|level| level.threads).collect();
    assert_eq!(threads, [1, 2, 8]);
    assert!(outcome.levels.iter().all(|level| level.runs >= 8 * level.threads as u64), "{:?}", outcome.levels);
}

#[tokio::test]
async fn what_sessions_share_is_caught() {
    let outcome = with(Fault::SharesScratch).await;
    let [Finding::NotSafe { threads: 2, difference }] = outcome.findings.as_slice() else {
        panic!("{:?}", outcome.findings)
    };
    assert!(difference.what.starts_with("output 'y' has "), "{difference}");
}

#[tokio::test]
async fn what_is_kept_of_the_request_before_is_caught() {
    let outcome = with(Fault::RemembersLast).await;
    assert!(matches!(outcome.findings.as_slice(), [Finding::Remembers(_)]), "{:?}", outcome.findings);
}

#[tokio::test]
async fn answers_at_random_are_caught() {
    let outcome = with(Fault::AnswersAtRandom).await;
    assert!(matches!(outcome.findings.as_slice(), [Finding::Unsteady(_)]), "{:?}", outcome.findings);
}

#[tokio::test]
async fn a_leak_is_caught() {
    let outcome = with(Fault::Leaks).await;
    assert!(matches!(outcome.findings.as_slice(), [Finding::Leaks(_)]), "{outcome:?}");
}

#[tokio::test]
async fn runs_that_wait_for_each_other_are_caught() {
    let outcome = with(Fault::Locks).await;
    assert!(matches!(outcome.findings.as_slice(), [Finding::Serial { .. }]), "{outcome:?}");
}

#[tokio::test]
async fn a_model_that_allows_one_run_at_a_time_is_asked_by_one() {
    let script = Script { exclusive: true, fault: Some(Fault::SharesScratch), ..Script::default() };
    let outcome = tried(script, &[], &rules()).await;
    assert_eq!((outcome.findings.len(), outcome.levels.len()), (0, 1));
}

#[tokio::test]
async fn a_request_that_fails_at_times_is_caught() {
    let outcome = tried(Script::default(), &[sample([TRIGGER_PANIC, 0.0])], &rules()).await;
    assert!(matches!(outcome.findings.as_slice(), [Finding::Fails { threads: 1, .. }]), "{:?}", outcome.findings);
}

#[tokio::test]
async fn a_model_of_rows_without_samples_is_asked_nothing() {
    let outcome = tried(Script { rows: true, ..Script::default() }, &[], &rules()).await;
    assert_eq!((outcome.runs(), outcome.findings.len()), (0, 0));
}
