//! Requests that share a run, and requests that run where they arrive.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use loadonce_core::loader::{LoadOptions, Models};
use loadonce_core::sample::{Sample, Tolerance};
use loadonce_core::status::BatchingRecord;
use loadonce_core::testing::{FakeEngine, Script, TRIGGER_FAIL, TRIGGER_LOSE_ROW, TRIGGER_PANIC, TRIGGER_WAIT};
use loadonce_core::{
    Batching, InferError, InferResponse, LoadError, LoadErrorKind, ModelHandle, ModelSpec, RunError, SharedRuns,
};

use crate::support::{House, Pending, ask_while_busy, in_time, poll, request, tensor};

/// Batching that does not depend on what is measured at load.
fn batching() -> Batching {
    Batching { max_rows: Some(64), ..Batching::default() }
}

/// A fake with one session, two samples, and that batching.
async fn load(fake: &FakeEngine, batching: Batching) -> (House, Result<Models, LoadError>) {
    let sample = |row: [f32; 2]| {
        let name = format!("{row:?}");
        Sample { name, request: request(&[row]), expected: None, tolerance: Tolerance::default() }
    };
    let samples = Arc::new(vec![sample([1.0, 2.0]), sample([3.0, 4.0])]);
    let mut spec = ModelSpec { batching, samples, ..ModelSpec::new("m", "") };
    spec.limits.sessions = Some(1);
    let house = House::new([("m", fake.clone())]);
    let models = house.start(vec![spec], LoadOptions::default()).finish().await;
    (house, models)
}

fn settled(house: &House) -> BatchingRecord {
    house.board.view().snapshot().components[0].record.batching.clone().unwrap()
}

/// The answers to these rows when they wait together.
async fn ask_together(
    fake: &FakeEngine,
    handle: &ModelHandle,
    asked: &[&[[f32; 2]]],
) -> Vec<Result<InferResponse, InferError>> {
    let asked = asked.iter().map(|rows| request(rows)).collect();
    ask_while_busy(fake, handle, request(&[[TRIGGER_WAIT, 0.0]]), asked).await
}

#[tokio::test]
async fn requests_that_gather_share_a_run_and_each_gets_its_own_rows() {
    let fake = FakeEngine::default();
    let (house, models) = load(&fake, batching()).await;
    let (models, before) = (models.unwrap(), fake.counts().runs.load(Ordering::SeqCst));
    let asked: [&[[f32; 2]]; 3] = [&[[1.0, 2.0]], &[[3.0, 4.0], [5.0, 6.0]], &[[7.0, 8.0]]];
    let answers = ask_together(&fake, &models.running[0].handle(), &asked).await;
    for (answer, rows) in answers.into_iter().zip(asked) {
        let (answer, doubled) = (answer.unwrap(), rows.iter().map(|row| row.map(|element| element * 2.0)));
        assert_eq!(answer.outputs[0].tensor, tensor(&doubled.collect::<Vec<_>>()));
        assert_eq!(answer.timing.shared.requests, 3);
    }
    assert_eq!(fake.counts().runs.load(Ordering::SeqCst) - before, 2);
    assert_eq!(settled(&house).reason, "2 samples are answered alike, alone and together");
}

#[tokio::test]
async fn only_the_guilty_request_fails() {
    for trigger in [TRIGGER_FAIL, TRIGGER_LOSE_ROW, TRIGGER_PANIC] {
        let fake = FakeEngine::default();
        let (_house, models) = load(&fake, batching()).await;
        let models = models.unwrap();
        // The fake looks at the first row of a run, so the guilty one leads.
        let asked: [&[[f32; 2]]; 3] = [&[[trigger, 0.0]], &[[1.0, 2.0]], &[[3.0, 4.0]]];
        let answers = ask_together(&fake, &models.running[0].handle(), &asked).await;
        assert!(matches!(answers[0], Err(InferError::Run(_))), "{:?}", answers[0]);
        assert_eq!(matches!(answers[0], Err(InferError::Run(RunError::Panicked(_)))), trigger == TRIGGER_PANIC);
        assert_eq!(answers[1].as_ref().unwrap().outputs[0].tensor, tensor(&[[2.0, 4.0]]));
        assert_eq!(answers[2].as_ref().unwrap().outputs[0].tensor, tensor(&[[6.0, 8.0]]));
    }
}

#[tokio::test]
async fn a_run_is_as_large_as_allowed_and_a_larger_request_runs_alone() {
    let fake = FakeEngine::default();
    let (_house, models) = load(&fake, Batching { max_rows: Some(2), ..batching() }).await;
    let models = models.unwrap();
    let asked: [&[[f32; 2]]; 4] = [&[[1.0, 1.0]; 3], &[[1.0, 1.0]], &[[1.0, 1.0]], &[[1.0, 1.0]]];
    let answers = ask_together(&fake, &models.running[0].handle(), &asked).await;
    let shared: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().timing.shared.requests).collect();
    assert_eq!(shared, [1, 2, 2, 1]);
}

#[tokio::test]
async fn a_delay_waits_for_a_full_run_and_not_longer_than_the_queue_is_open() {
    let fake = FakeEngine::default();
    let patient = Batching { max_rows: Some(2), max_delay: Duration::from_hours(1), ..batching() };
    let (_house, models) = load(&fake, patient).await;
    let models = models.unwrap();
    let handle = models.running[0].handle();
    let mut first: Pending<'_> = Box::pin(handle.infer(request(&[[1.0, 2.0]])));
    assert!(poll(&mut first).is_pending());
    let second = in_time(handle.infer(request(&[[3.0, 4.0]]))).await.unwrap();
    assert_eq!((second.timing.shared.requests, first.await.unwrap().timing.shared.requests), (2, 2));

    let mut last: Pending<'_> = Box::pin(handle.infer(request(&[[1.0, 2.0]])));
    assert!(poll(&mut last).is_pending());
    in_time(tokio::task::spawn_blocking(move || drop(models))).await.unwrap();
    assert_eq!(last.await.unwrap().timing.shared.requests, 1);
}

#[tokio::test]
async fn a_model_whose_rows_have_a_say_in_each_others_answers_is_found_out() {
    let fake = FakeEngine::new(Script { mixes_rows: true, ..Script::default() });
    let (house, models) = load(&fake, batching()).await;
    let difference = "output 'y' has 3 at [0], expected 2";
    let reason = format!("rows are not answered alike together: {difference}");
    assert_eq!(settled(&house), BatchingRecord { max_rows: 1, reason });
    let asked: [&[[f32; 2]]; 2] = [&[[1.0, 2.0]], &[[3.0, 4.0]]];
    let models = models.unwrap();
    for answer in ask_together(&fake, &models.running[0].handle(), &asked).await {
        assert_eq!(answer.unwrap().timing.shared.requests, 1);
    }

    let (_house, models) = load(&fake, Batching { shared_runs: SharedRuns::Always, ..batching() }).await;
    let error = models.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::SampleFailed);
    assert!(error.to_string().contains(difference), "{error}");
}

#[tokio::test]
async fn without_two_samples_nothing_is_shared_unless_the_operator_says_so() {
    let fake = FakeEngine::default();
    for (shared_runs, max_rows) in [(SharedRuns::WhereProven, 1), (SharedRuns::Always, 64), (SharedRuns::Never, 1)] {
        let house = House::new([("m", fake.clone())]);
        let batching = Batching { shared_runs, ..batching() };
        let spec = ModelSpec { batching, ..ModelSpec::new("m", "") };
        house.start(vec![spec], LoadOptions::default()).finish().await.unwrap();
        assert_eq!(settled(&house).max_rows, max_rows);
    }
}

#[tokio::test]
async fn a_quick_request_runs_where_it_arrives() {
    let fake = FakeEngine::new(Script { quick: true, ..Script::default() });
    let (_house, models) = load(&fake, batching()).await;
    let models = models.unwrap();
    let handle = models.running[0].handle();
    // Until a run was measured quick enough; a busy machine may need several.
    in_time(async {
        loop {
            let mut pending: Pending<'_> = Box::pin(handle.infer(request(&[[1.0, 2.0]])));
            if let Poll::Ready(answer) = poll(&mut pending) {
                assert_eq!(answer.unwrap().outputs[0].tensor, tensor(&[[2.0, 4.0]]));
                return;
            }
            pending.await.unwrap();
        }
    })
    .await;
    let error = in_time(handle.infer(request(&[[TRIGGER_PANIC, 0.0]]))).await.unwrap_err();
    assert!(matches!(error, InferError::Run(RunError::Panicked(_))), "{error}");
    assert!(in_time(handle.infer(request(&[[1.0, 2.0]]))).await.is_ok());
    let mut unloaded = pin!(tokio::task::spawn_blocking(move || drop(models)));
    in_time(unloaded.as_mut()).await.unwrap();
    assert_eq!(fake.counts().dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_session_that_panics_when_rows_come_together_is_replaced_and_none_share_a_run() {
    let fake = FakeEngine::new(Script { panics_together: true, ..Script::default() });
    let (house, models) = load(&fake, batching()).await;
    let models = models.unwrap();
    let expected = "rows are not answered alike together: the model panicked: the fake model panics on several rows";
    assert_eq!((settled(&house).max_rows, settled(&house).reason.as_str()), (1, expected));
    assert_eq!(fake.counts().sessions.load(Ordering::SeqCst), 2);
    assert!(models.running[0].handle().infer(request(&[[1.0, 2.0]])).await.is_ok());
}
