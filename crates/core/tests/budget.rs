//! Models that share processors.

use loadonce_core::loader::LoadOptions;
use loadonce_core::testing::{FakeEngine, TRIGGER_WAIT};
use loadonce_core::{Budget, ModelSpec};

use crate::support::{House, in_time, request};

#[tokio::test]
async fn a_run_waits_for_a_processor_that_another_model_has() {
    let (first, second) = (FakeEngine::default(), FakeEngine::default());
    let house = House::new([("first", first.clone()), ("second", second.clone())]);
    let options = LoadOptions { budget: Budget::new(1), ..LoadOptions::default() };
    let specs = ["first", "second"].map(|name| ModelSpec::new(name, "")).into();
    let models = house.start(specs, options).finish().await.unwrap();
    let [one, two] = [0, 1].map(|position| models.running[position].handle());
    let (holds, waits) = (one.clone(), two.clone());
    let holds = tokio::spawn(async move { holds.infer(request(&[[TRIGGER_WAIT, 0.0]])).await });
    in_time(async {
        while one.load().running == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let waits = tokio::spawn(async move { waits.infer(request(&[[1.0, 2.0]])).await });
    in_time(async {
        while two.load().waiting == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(two.load().running, 0);
    first.open_gate();
    assert!(in_time(holds).await.unwrap().is_ok() && in_time(waits).await.unwrap().is_ok());
}
