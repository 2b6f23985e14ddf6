//! The example's own code, with its real startup and with a fake in the model's place.

#[path = "../examples/iris.rs"]
#[expect(dead_code, reason = "its main is for `cargo run`")]
mod iris;

use std::sync::Arc;

use loadonce_lifespan::testing::TestApp;

use crate::support::{Answer, Client, within_deadline};

async fn predict(app: &TestApp, flower: &str) -> Answer {
    let mut client = Client::connect(&app.address().into()).await;
    let head = "POST /predict HTTP/1.1\r\nhost: test\r\ncontent-type: application/json";
    client.send(&format!("{head}\r\ncontent-length: {}\r\n\r\n{flower}", flower.len())).await;
    client.answer().await.unwrap()
}

#[tokio::test]
async fn the_real_startup() {
    within_deadline(async {
        let app = TestApp::start(iris::startup, iris::routes).await.unwrap();
        assert_eq!(predict(&app, "[5.1, 3.5, 1.4, 0.2]").await.json(), "setosa");
        assert_eq!(predict(&app, "[6.9, 3.1, 5.4, 2.1]").await.json(), "virginica");
        assert!(app.stop().await.is_clean());
    })
    .await;
}

#[tokio::test]
async fn a_fake_model() {
    struct Fake;
    impl iris::Classifier for Fake {
        fn classify(&self, flower: [f32; 4]) -> &'static str {
            if flower[0] > 1.0 { "big" } else { "small" }
        }
    }
    within_deadline(async {
        let app = TestApp::with_state(iris::App { model: Arc::new(Fake) }, iris::routes).await.unwrap();
        assert_eq!(predict(&app, "[2, 0, 0, 0]").await.json(), "big");
        assert_eq!(predict(&app, "[1, 0, 0, 0]").await.json(), "small");
        assert!(app.stop().await.is_clean());
    })
    .await;
}
