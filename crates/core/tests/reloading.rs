//! A model that is loaded anew while it serves.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use loadonce_core::loader::{Engines, LoadOptions, Serving};
use loadonce_core::registry::Registry;
use loadonce_core::sample::{Sample, Tolerance};
use loadonce_core::status::{Phase, Stage};
use loadonce_core::testing::{FakeEngine, Script, TRIGGER_WAIT};
use loadonce_core::{ErrorKind, LoadErrorKind, ModelHandle, ModelSpec, NamedTensor};

use crate::support::{House, in_time, request, tensor};

/// Models that serve, and the registry that requests see.
struct Served {
    house: House,
    serving: Serving,
    registry: Mutex<Registry>,
}

impl Served {
    async fn new(fake: FakeEngine) -> Self {
        let house = House::new([("m", fake)]);
        let fakes = house.fakes.clone();
        Self::with_others(house, fakes).await
    }

    /// What fails is left out, and loaded anew with other fakes.
    async fn with_others(house: House, fakes: BTreeMap<String, FakeEngine>) -> Self {
        let options = LoadOptions { keep_going: true, ..LoadOptions::default() };
        let specs = house.fakes.keys().map(|name| ModelSpec::new(name, "")).collect();
        let models = house.start(specs, options.clone()).finish().await.unwrap();
        let engines: Arc<dyn Engines> = Arc::new(fakes);
        let serving = Serving::new(models, engines, house.board.view(), options);
        house.board.enter(Phase::Ready);
        Self { house, registry: Mutex::new(serving.registry()), serving }
    }

    async fn reload(&self, spec: ModelSpec) -> Result<(), (LoadErrorKind, String)> {
        let loads = || self.house.board.view().snapshot().component("m").unwrap().record.loads;
        let before = loads();
        let publish = |registry| {
            assert_eq!(loads(), before, "the board tells of the new model before it can be asked");
            *self.registry.lock().unwrap() = registry;
        };
        let outcome = in_time(self.serving.reload(spec, publish)).await;
        outcome.map_err(|error| (error.kind(), error.to_string()))
    }

    fn handle(&self) -> ModelHandle {
        self.registry.lock().unwrap().get("m", None).unwrap().clone()
    }

    fn dropped(&self) -> usize {
        self.house.fakes["m"].counts().dropped.load(Ordering::SeqCst)
    }
}

fn version(version: &str) -> ModelSpec {
    ModelSpec { version: version.to_owned(), ..ModelSpec::new("m", "") }
}

#[tokio::test]
async fn a_new_model_takes_the_place_and_the_former_finishes_what_it_has() {
    let served = Served::new(FakeEngine::default()).await;
    let handle = served.handle();
    let (asked, answer) = (request(&[[TRIGGER_WAIT, 1.0]]), tensor(&[[2.0 * TRIGGER_WAIT, 2.0]]));
    let waits = tokio::spawn(async move { handle.infer(asked).await });
    in_time(async {
        while served.handle().load().running == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let former = served.handle();
    let swapped = async {
        while served.handle().version() != "2" {
            tokio::task::yield_now().await;
        }
        let last = former.infer(request(&[[1.0, 2.0]]));
        served.house.fakes["m"].open_gate();
        assert!(last.await.is_ok(), "who found the former is answered");
        assert_eq!(served.dropped(), 0);
        drop(former);
        assert!(served.handle().infer(request(&[[1.0, 2.0]])).await.is_ok());
    };
    let (reloaded, ()) = tokio::join!(served.reload(version("2")), in_time(swapped));
    reloaded.unwrap();
    assert_eq!(waits.await.unwrap().unwrap().outputs[0].tensor, answer);
    assert_eq!(served.dropped(), 1);
    let snapshot = served.house.board.view().snapshot();
    let [model] = snapshot.components.as_slice() else { panic!("one model, not {snapshot:?}") };
    assert_eq!((model.stage, model.record.loads, model.record.version.as_deref()), (Stage::Ready, 2, Some("2")));
    assert!(served.house.board.view().readiness().is_ready());
}

#[tokio::test]
async fn a_new_model_that_fails_changes_nothing() {
    let served = Served::new(FakeEngine::default()).await;
    let expected = vec![NamedTensor { name: "y".to_owned(), tensor: tensor(&[[7.0, 7.0]]) }];
    let request_of_sample = request(&[[1.0, 1.0]]);
    let sample = Sample {
        name: "wrong.json".to_owned(),
        request: request_of_sample,
        expected: Some(expected),
        tolerance: Tolerance::default(),
    };
    let (kind, message) =
        served.reload(ModelSpec { samples: Arc::new(vec![sample]), ..version("2") }).await.unwrap_err();
    assert_eq!(kind, LoadErrorKind::SampleFailed, "{message}");
    assert_eq!(served.handle().version(), "1");
    assert!(served.handle().infer(request(&[[1.0, 2.0]])).await.is_ok());
    assert!(served.house.board.view().readiness().is_ready());
    let (kind, message) = served.reload(ModelSpec::new("other", "")).await.unwrap_err();
    assert_eq!(kind, LoadErrorKind::NotFound, "{message}");
}

#[tokio::test]
async fn a_model_that_had_failed_may_be_loaded_later() {
    let failing = FakeEngine::new(Script { fails: Some(LoadErrorKind::Corrupt), ..Script::default() });
    let house = House::new([("m", failing), ("other", FakeEngine::default())]);
    let served = Served::with_others(house, House::new([("m", FakeEngine::default())]).fakes).await;
    let unavailable = served.registry.lock().unwrap().get("m", None).unwrap_err().kind();
    assert_eq!(unavailable, ErrorKind::Unavailable);
    served.reload(version("1")).await.unwrap();
    assert!(served.handle().infer(request(&[[1.0, 2.0]])).await.is_ok());
    let snapshot = served.house.board.view().snapshot();
    let stages: Vec<_> = snapshot.components.iter().map(|model| (model.name.as_str(), model.stage)).collect();
    assert_eq!(stages, [("m", Stage::Ready), ("other", Stage::Ready)]);
}

#[tokio::test]
async fn after_the_end_nothing_is_loaded() {
    let served = Served::new(FakeEngine::default()).await;
    served.serving.stop();
    assert_eq!(served.dropped(), 1);
    assert!(served.reload(version("2")).await.is_err());
    assert_eq!(served.dropped(), 1);
}
