//! The whole server in this process, over fake engines that are slow or fail on cue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use loadonce::core::loader::{Engines, LoadOptions};
use loadonce::core::registry::Registry;
use loadonce::core::status::{Phase, ReadyRules, Stage};
use loadonce::core::testing::{FakeEngine, Script};
use loadonce::core::{LoadError, LoadErrorKind, ModelSpec};
use loadonce::lifespan::testing::TestApp;
use loadonce::lifespan::{Bound, Config, Failed, Loaded, Startup};
use loadonce::load_models;
use loadonce::server::{Api, Limits, Telemetry};

use crate::support::{in_time, until};

type Fakes = BTreeMap<String, FakeEngine>;

fn fakes<const N: usize>(fakes: [(&str, Script); N]) -> Fakes {
    fakes.into_iter().map(|(name, script)| (name.to_owned(), FakeEngine::new(script))).collect()
}

fn slow() -> Script {
    Script { gated: true, bytes: 1000, ..Script::default() }
}

fn failing() -> Script {
    Script { fails: Some(LoadErrorKind::Unsupported), ..Script::default() }
}

async fn bind(rules: ReadyRules) -> Bound {
    let config = Config { rules, ..Config::new(([127, 0, 0, 1], 0)) };
    config.bind().await.unwrap()
}

async fn load(bound: Bound, fakes: Fakes, options: LoadOptions) -> Result<Loaded<Registry>, Failed> {
    let specs = fakes.keys().map(|name| ModelSpec::new(name, "")).collect();
    let engines: Arc<dyn Engines> = Arc::new(fakes);
    bound.load(async move |startup: &Startup| load_models(startup, specs, &engines, options).await).await
}

#[tokio::test]
async fn a_slow_model_shows_its_bytes_until_it_is_in() {
    let bound = bind(ReadyRules::default()).await;
    let status = bound.status();
    let fakes = fakes([("slow", slow())]);
    let gate = fakes["slow"].clone();
    let loading = tokio::spawn(load(bound, fakes, LoadOptions::default()));
    in_time(status.wait_until(|now| now.component("slow").is_some_and(|slow| slow.record.loads == 1))).await;
    assert_eq!(status.snapshot().component("slow").unwrap().stage, Stage::Loading);
    until(|| status.snapshot().component("slow").unwrap().bytes_read == 500);
    assert!(!status.readiness().is_ready());
    gate.open_gate();
    let loaded = loading.await.unwrap().unwrap();
    assert!(loaded.state().get("slow", None).is_ok());
}

#[tokio::test]
async fn a_late_model_ends_the_startup_by_its_name() {
    let options = LoadOptions { deadline: Some(Duration::from_millis(50)), ..LoadOptions::default() };
    let failed = load(bind(ReadyRules::default()).await, fakes([("slow", slow())]), options).await.err().unwrap();
    let error = failed.error().downcast_ref::<LoadError>().unwrap();
    assert_eq!(error.kind(), LoadErrorKind::TimedOut);
    assert!(error.to_string().contains("'slow' is "), "{error}");
}

#[tokio::test]
async fn a_failing_model_ends_the_startup_though_another_still_loads() {
    let both = fakes([("bad", failing()), ("slow", slow())]);
    let failed = load(bind(ReadyRules::default()).await, both, LoadOptions::default()).await.err().unwrap();
    let error = failed.error().downcast_ref::<LoadError>().unwrap();
    assert_eq!((error.kind(), error.model()), (LoadErrorKind::Unsupported, Some("bad")));
    assert_eq!(failed.snapshot().component("bad").unwrap().stage, Stage::Failed);
}

#[tokio::test]
async fn keep_going_is_ready_without_the_failed_model() {
    let rules = ReadyRules { keep_going: true, allow_empty: false };
    let options = LoadOptions { keep_going: true, ..LoadOptions::default() };
    let bound = bind(rules).await;
    let status = bound.status();
    let loaded = load(bound, fakes([("bad", failing()), ("good", Script::default())]), options).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let telemetry = Telemetry::new(status.clone());
    let routes = move |registry| Api::new(registry, telemetry, Limits::default()).routes();
    let serving = tokio::spawn(loaded.serve(routes, async move { stopped.await.unwrap_or_default() }));
    in_time(status.wait_until(|now| now.phase == Phase::Ready)).await;
    assert!(status.readiness().is_ready());
    stop.send(()).unwrap();
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test]
async fn an_embedding_application_loads_models_in_its_own_startup() {
    let startup = async |startup: &Startup| {
        let engines: Arc<dyn Engines> = Arc::new(fakes([("m", Script::default())]));
        let specs = vec![ModelSpec::new("m", "")];
        let registry = load_models(startup, specs, &engines, LoadOptions::default()).await?;
        Ok(Api::new(registry, Telemetry::new(startup.status()), Limits::default()))
    };
    let app = TestApp::start(startup, Api::routes).await.unwrap();
    assert!(app.status().readiness().is_ready());
    let report = app.stop().await;
    assert!(report.is_clean());
    assert_eq!(report.last.component("m").unwrap().stage, Stage::Unloaded);
}
