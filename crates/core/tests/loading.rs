//! Loading: once, in parallel, with a deadline, failing fast or keeping going, and honest about it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use loadonce_core::loader::LoadOptions;
use loadonce_core::registry::Registry;
use loadonce_core::sample::{Sample, Tolerance};
use loadonce_core::status::{Phase, Readiness, SampleTally, Stage};
use loadonce_core::testing::{FakeEngine, Script, TRIGGER_FAIL, TRIGGER_PANIC};
use loadonce_core::{ErrorKind, LoadErrorKind, ModelSpec, NamedTensor};

use crate::support::{House, in_time, request, tensor};

fn gated() -> FakeEngine {
    FakeEngine::new(Script { gated: true, bytes: 100, ..Script::default() })
}

fn failing(kind: LoadErrorKind) -> FakeEngine {
    FakeEngine::new(Script { fails: Some(kind), ..Script::default() })
}

fn sample(row: [f32; 2], expected: Option<[f32; 2]>) -> Sample {
    let expected = expected.map(|row| vec![NamedTensor { name: "y".to_owned(), tensor: tensor(&[row]) }]);
    Sample { name: "first.json".to_owned(), request: request(&[row]), expected, tolerance: Tolerance::default() }
}

async fn load_with(sample: Sample) -> (House, Result<(), (LoadErrorKind, String)>) {
    let house = House::new([("m", FakeEngine::default())]);
    let spec = ModelSpec { samples: Arc::new(vec![sample]), ..ModelSpec::new("m", "") };
    let result = house.start(vec![spec], LoadOptions::default()).finish().await;
    (house, result.map(drop).map_err(|error| (error.kind(), error.to_string())))
}

#[tokio::test]
async fn every_model_is_loaded_once_and_sessions_share_it() {
    let house = House::new([("a", FakeEngine::default()), ("b", FakeEngine::default())]);
    let models = house.load().await.unwrap();
    for fake in house.fakes.values() {
        assert_eq!(fake.counts().loads.load(Ordering::SeqCst), 1);
        assert_eq!(fake.counts().dropped.load(Ordering::SeqCst), 0);
    }
    house.board.enter(Phase::Ready);
    assert!(house.board.view().readiness().is_ready());
    assert_eq!(Registry::new(&models).iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "b"]);
    drop(models);
    assert_eq!(house.fakes["a"].counts().dropped.load(Ordering::SeqCst), 1);
    assert!(house.board.view().snapshot().components.iter().all(|component| component.stage == Stage::Unloaded));
}

#[tokio::test]
async fn a_slow_model_shows_its_progress_and_does_not_hold_up_the_others() {
    let house = House::new([("fast", FakeEngine::default()), ("slow", gated())]);
    let specs = vec![ModelSpec::new("slow", ""), ModelSpec::new("fast", "")];
    let loading = house.start(specs, LoadOptions::default());
    let view = house.board.view();
    let snapshot = in_time(view.wait_until(|now| now.component("fast").unwrap().stage == Stage::Ready)).await;
    let slow = snapshot.component("slow").unwrap();
    assert!(slow.stage <= Stage::Loading, "{slow:?}");
    in_time(view.wait_until(|now| now.component("slow").unwrap().record.loads == 1)).await;
    assert!(matches!(view.readiness(), Readiness::NotReady(reason) if reason == "loading, 1 of 2 done"));
    house.fakes["slow"].open_gate();
    let models = loading.finish().await.unwrap();
    assert_eq!(models.running[0].handle().name(), "slow");
    let slow = view.snapshot().component("slow").unwrap().clone();
    assert_eq!((slow.stage, slow.bytes_read, slow.bytes_total), (Stage::Ready, 100, 100));
}

#[tokio::test]
async fn the_first_failure_ends_the_startup() {
    let house = House::new([("bad", failing(LoadErrorKind::Corrupt)), ("slow", gated())]);
    let error = house.load().await.unwrap_err();
    assert_eq!((error.kind(), error.model()), (LoadErrorKind::Corrupt, Some("bad")));
    let view = house.board.view();
    let reason = view.readiness();
    assert!(matches!(&reason, Readiness::NotReady(reason) if reason.contains("'bad' failed")), "{reason:?}");
    in_time(view.wait_until(|now| now.component("slow").unwrap().stage > Stage::Testing)).await;
}

#[tokio::test]
async fn keep_going_serves_the_rest_and_says_so() {
    let house = House::new([("bad", failing(LoadErrorKind::Corrupt)), ("good", FakeEngine::default())]);
    let specs = vec![ModelSpec::new("bad", ""), ModelSpec::new("good", "")];
    let models = house.start(specs, LoadOptions { keep_going: true, ..LoadOptions::default() }).finish().await.unwrap();
    let registry = Registry::new(&models);
    let error = registry.get("bad", None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("fails as it was told"), "{error}");
    assert!(registry.get("good", Some("1")).is_ok());
    assert_eq!(registry.get("good", Some("2")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(registry.get("none", None).unwrap_err().to_string(), "model 'none' is unknown; served are bad, good");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_names_who_was_late() {
    let house = House::new([("slow", gated())]);
    let options = LoadOptions { deadline: Some(Duration::from_secs(30)), ..LoadOptions::default() };
    let error = house.start(vec![ModelSpec::new("slow", "")], options).finish().await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::TimedOut);
    assert!(error.to_string().starts_with("not ready after 30 s: 'slow' is "), "{error}");
}

#[tokio::test]
async fn a_panicking_load_is_a_failure_with_its_message() {
    let house = House::new([("m", FakeEngine::new(Script { panics: true, ..Script::default() }))]);
    let error = house.load().await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Internal);
    assert!(error.to_string().contains("the fake engine panics as it was told"), "{error}");
}

#[tokio::test]
async fn right_samples_are_counted() {
    let (house, result) = load_with(sample([1.0, 2.0], Some([2.0, 4.0]))).await;
    assert_eq!(result, Ok(()));
    let record = house.board.view().snapshot().components[0].record.clone();
    assert_eq!(record.samples, SampleTally { found: 1, answered: 1, right: 1 });
    let (house, _) = load_with(sample([1.0, 2.0], None)).await;
    let record = house.board.view().snapshot().components[0].record.clone();
    assert_eq!(record.samples, SampleTally { found: 1, answered: 1, right: 0 });
}

#[tokio::test]
async fn a_wrong_or_failing_sample_is_a_load_failure() {
    let (_, result) = load_with(sample([1.0, 2.0], Some([2.0, 5.0]))).await;
    let (kind, text) = result.unwrap_err();
    assert_eq!(kind, LoadErrorKind::SampleFailed);
    assert!(text.contains("sample 'first.json' was answered wrongly: output 'y' has 4 at [1], expected 5"), "{text}");
    for trigger in [TRIGGER_FAIL, TRIGGER_PANIC] {
        let (house, result) = load_with(sample([trigger, 0.0], None)).await;
        assert_eq!(result.unwrap_err().0, LoadErrorKind::SampleFailed);
        assert_eq!(house.board.view().snapshot().components[0].stage, Stage::Failed);
    }
}

#[tokio::test]
async fn an_exclusive_model_has_one_session_and_cannot_be_shared() {
    let exclusive = FakeEngine::new(Script { exclusive: true, ..Script::default() });
    let house = House::new([("m", exclusive)]);
    house.load().await.unwrap();
    assert_eq!(house.fakes["m"].counts().sessions.load(Ordering::SeqCst), 1);
    let spec = ModelSpec { contract: Some(loadonce_core::Contract::Shared), ..ModelSpec::new("m", "") };
    let error = house.start(vec![spec], LoadOptions::default()).finish().await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Configuration);
}

#[tokio::test]
async fn the_smallest_sample_with_its_answer_is_the_example() {
    let house = House::new([("m", FakeEngine::default())]);
    let two_rows = Sample { request: request(&[[1.0, 2.0], [3.0, 4.0]]), ..sample([0.0, 0.0], None) };
    let samples = vec![two_rows, sample([5.0, 6.0], None), sample([7.0, 8.0], None)];
    let spec = ModelSpec { samples: Arc::new(samples), ..ModelSpec::new("m", "") };
    let models = house.start(vec![spec], LoadOptions::default()).finish().await.unwrap();
    let handle = models.running[0].handle();
    let example = handle.example().unwrap();
    assert_eq!((example.inputs[0].name.as_str(), &example.inputs[0].tensor), ("x", &tensor(&[[5.0, 6.0]])));
    assert_eq!((example.outputs[0].name.as_str(), &example.outputs[0].tensor), ("y", &tensor(&[[10.0, 12.0]])));
}

#[tokio::test]
async fn without_samples_zeros_are_the_example() {
    let house = House::new([("m", FakeEngine::default())]);
    let models = house.load().await.unwrap();
    let handle = models.running[0].handle();
    assert_eq!(handle.example().unwrap().inputs[0].tensor, tensor(&[[0.0, 0.0]]));
}

#[tokio::test]
async fn options_are_refused_where_the_engine_has_none() {
    let fake = FakeEngine::default();
    let house = House::new([("m", fake.clone())]);
    let mut spec = ModelSpec::new("m", "");
    spec.options.insert("threads".to_owned(), "2".to_owned());
    let error = house.start(vec![spec], LoadOptions::default()).finish().await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Configuration);
    assert!(error.to_string().contains("option 'threads', but engine 'fake' has no options"), "{error}");
    assert_eq!(fake.counts().loads.load(Ordering::SeqCst), 0);
}
