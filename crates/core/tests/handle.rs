//! Requests: checked, queued, answered, refused, dropped; and what a bad model costs.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loadonce_core::testing::{FakeEngine, Script, TRIGGER_FAIL, TRIGGER_LOSE_ROW, TRIGGER_PANIC, TRIGGER_WAIT};
use loadonce_core::{ErrorKind, InferError, InferRequest, Memory, QueueLoad, RunError};

use crate::support::{in_time, request, single, tensor, wrong_dtype};

/// Polls once, so that the request is in the queue.
fn enqueue<F: Future>(future: std::pin::Pin<&mut F>) {
    assert!(matches!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
}

/// Waits until a session has taken the only request.
async fn until_running(handle: &loadonce_core::ModelHandle) {
    in_time(async {
        while handle.load().running == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_is_answered_with_its_id() {
    let (_house, _models, handle) = single(&FakeEngine::default(), 4).await;
    let response = handle.infer(request(&[[1.0, 2.0], [3.0, 4.0]])).await.unwrap();
    assert_eq!(response.id.as_deref(), Some("7"));
    assert_eq!(response.outputs[0].name, "y");
    assert_eq!(response.outputs[0].tensor, tensor(&[[2.0, 4.0], [6.0, 8.0]]));
}

#[tokio::test]
async fn a_model_says_what_it_takes_until_it_is_unloaded() {
    let (_house, models, handle) = single(&FakeEngine::new(Script { bytes: 7, ..Script::default() }), 4).await;
    assert_eq!(handle.memory(), Some(Memory::in_process(7)));
    drop(models);
    assert_eq!(handle.memory(), None);
}

#[tokio::test]
async fn an_answered_request_is_no_longer_in_flight() {
    let (_house, _models, handle) = single(&FakeEngine::default(), 4).await;
    for _ in 0..1000 {
        handle.infer(request(&[[1.0, 2.0]])).await.unwrap();
        assert_eq!(handle.load(), QueueLoad::default());
    }
}

#[tokio::test]
async fn a_wrong_request_never_reaches_the_engine() {
    let fake = FakeEngine::default();
    let (_house, _models, handle) = single(&fake, 4).await;
    let before = fake.counts().runs.load(Ordering::SeqCst);
    assert_eq!(handle.infer(wrong_dtype()).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    assert_eq!(fake.counts().runs.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn a_full_queue_refuses_and_a_caller_who_left_makes_room() {
    let fake = FakeEngine::default();
    let (_house, _models, handle) = single(&fake, 1).await;
    let mut running = pin!(handle.infer(request(&[[TRIGGER_WAIT, 0.0]])));
    enqueue(running.as_mut());
    until_running(&handle).await;
    let mut waiting = Box::pin(handle.infer(request(&[[1.0, 1.0]])));
    enqueue(waiting.as_mut());
    assert_eq!(handle.load(), QueueLoad { waiting: 1, running: 1 });
    let refused = handle.infer(request(&[[1.0, 1.0]])).await.unwrap_err();
    assert!(matches!(refused, InferError::QueueFull { capacity: 1, .. }), "{refused}");
    drop(waiting);
    let mut next = pin!(handle.infer(request(&[[1.0, 1.0]])));
    enqueue(next.as_mut());
    fake.open_gate();
    assert!(running.await.is_ok());
    assert!(next.await.is_ok());
}

#[tokio::test]
async fn failures_and_lost_rows_are_the_models_fault() {
    let (_house, _models, handle) = single(&FakeEngine::default(), 4).await;
    let error = handle.infer(request(&[[TRIGGER_FAIL, 0.0]])).await.unwrap_err();
    assert_eq!(error, InferError::Run(RunError::Failed("as it was told".to_owned())));
    let error = handle.infer(request(&[[TRIGGER_LOSE_ROW, 0.0], [1.0, 1.0]])).await.unwrap_err();
    assert_eq!(error.to_string(), "the model returned 1 rows of output 'y' for 2 rows of input");
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(handle.infer(request(&[[1.0, 1.0]])).await.is_ok());
}

#[tokio::test]
async fn a_panic_costs_the_session_and_not_the_model() {
    let fake = FakeEngine::default();
    let (_house, _models, handle) = single(&fake, 4).await;
    for _ in 0..4 {
        let error = handle.infer(request(&[[TRIGGER_PANIC, 0.0]])).await.unwrap_err();
        assert!(matches!(error, InferError::Run(RunError::Panicked(_))), "{error}");
    }
    assert!(handle.infer(request(&[[1.0, 1.0]])).await.is_ok());
    assert_eq!(fake.counts().sessions.load(Ordering::SeqCst), 5);
    assert_eq!(fake.counts().loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_model_that_panics_again_and_again_fails_with_its_reason() {
    let (house, _models, handle) = single(&FakeEngine::default(), 4).await;
    let view = house.board.view();
    house.board.enter(loadonce_core::status::Phase::Ready);
    assert!(view.readiness().is_ready());
    for _ in 0..5 {
        handle.infer(request(&[[TRIGGER_PANIC, 0.0]])).await.unwrap_err();
    }
    in_time(view.wait_until(|now| now.components[0].reason.is_some())).await;
    let error = in_time(async {
        loop {
            match handle.infer(request(&[[1.0, 1.0]])).await {
                Err(error @ InferError::NotReady { .. }) => break error,
                other => drop(other),
            }
        }
    })
    .await;
    assert_eq!(error.to_string(), "model 'm' is not ready: the model panicked or was lost 5 times in a row");
    assert!(!view.readiness().is_ready());
}

#[tokio::test]
async fn unloading_answers_what_waits_and_refuses_what_comes() {
    let fake = FakeEngine::default();
    let (_house, models, handle) = single(&fake, 4).await;
    let mut running = pin!(handle.infer(request(&[[TRIGGER_WAIT, 0.0]])));
    enqueue(running.as_mut());
    let mut waiting = pin!(handle.infer(request(&[[1.0, 1.0]])));
    enqueue(waiting.as_mut());
    until_running(&handle).await;
    let unloading = tokio::task::spawn_blocking(move || drop(models));
    in_time(async {
        while handle.closed().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let refused = handle.infer(request(&[[1.0, 1.0]])).await.unwrap_err();
    assert_eq!(refused.to_string(), "model 'm' is not ready: it is being unloaded");
    fake.open_gate();
    assert!(running.await.is_ok());
    assert!(waiting.await.is_ok());
    unloading.await.unwrap();
    assert_eq!(fake.counts().dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_in_time_is_a_deadline() {
    let fake = FakeEngine::default();
    let (_house, _models, handle) = single(&fake, 4).await;
    let error = handle.infer(request(&[[TRIGGER_WAIT, 0.0]])).await.unwrap_err();
    assert_eq!(error.to_string(), "model 'm' did not answer within 60000 ms");
    fake.open_gate();
}

#[tokio::test]
async fn a_request_whose_time_is_over_is_not_run() {
    let fake = FakeEngine::new(Script { quick: true, ..Script::default() });
    let (_house, _models, handle) = single(&fake, 4).await;
    let before = fake.counts().runs.load(Ordering::SeqCst);
    let request = InferRequest { timeout: Some(Duration::ZERO), ..request(&[[1.0, 1.0]]) };
    assert_eq!(handle.infer(request).await.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(fake.counts().runs.load(Ordering::SeqCst), before);
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_give_less_time_than_the_model_but_not_more() {
    let fake = FakeEngine::default();
    let (_house, _models, handle) = single(&fake, 4).await;
    for (seconds, expected) in [(1, "1000 ms"), (3600, "60000 ms")] {
        let timeout = Some(Duration::from_secs(seconds));
        let request = InferRequest { timeout, ..request(&[[TRIGGER_WAIT, 0.0]]) };
        let error = handle.infer(request).await.unwrap_err();
        assert_eq!(error.to_string(), format!("model 'm' did not answer within {expected}"));
    }
    fake.open_gate();
}
