//! live, ready, startup and "not yet", at every phase.

use std::convert::Infallible;
use std::sync::mpsc;

use axum::{Json, Router, routing::get};
use loadonce_lifespan::status::{Phase, ReadyRules, Stage};
use loadonce_lifespan::{Config, Paths, Startup, StartupError};
use serde_json::json;
use tokio::sync::oneshot;

use crate::support::{Client, bound, config, get_once, loaded, serve, within_deadline};

#[tokio::test]
async fn while_loading_it_is_live_not_ready_and_everything_else_waits() {
    within_deadline(async {
        let bound = bound().await;
        let (address, status) = (bound.addresses()[0].clone(), bound.status());
        let (finish, blocked) = mpsc::channel();
        let loading = tokio::spawn(bound.load(async move |startup: &Startup| {
            let pool = startup.task("pool", async { Ok::<_, Infallible>("pool") });
            let iris = startup.blocking("iris", move |progress| {
                progress.expect(40);
                progress.advance(10);
                blocked.recv()
            });
            pool.await?;
            iris.await
        }));
        status.wait_until(|now| now.component("pool").is_some_and(|pool| pool.stage == Stage::Ready)).await;
        while status.snapshot().component("iris").is_none_or(|iris| iris.bytes_read == 0) {
            tokio::task::yield_now().await;
        }

        let live = get_once(&address, "/health/live").await;
        assert_eq!((live.status, live.json()), (200, json!({ "live": true })));

        let ready = get_once(&address, "/health/ready").await;
        assert_eq!((ready.status, ready.headers["retry-after"].as_str()), (503, "1"));
        let body = ready.json();
        assert_eq!(body["ready"], false);
        assert_eq!(body["phase"], "loading");
        assert_eq!(body["reason"], "loading, 1 of 2 done");
        assert_eq!(body["resources"]["pool"]["state"], "ready");
        assert_eq!(body["resources"]["iris"]["state"], "loading");
        assert_eq!(body["resources"]["iris"]["bytes"], json!({ "read": 10, "total": 40 }));
        assert!(body["resources"]["iris"]["milliseconds"].is_u64());

        let other = get_once(&address, "/predict").await;
        assert_eq!((other.status, other.headers["retry-after"].as_str()), (503, "1"));
        let expected = "not ready: loading, 1 of 2 done; waiting for 'iris' (loading, 10 of 40 bytes)";
        assert_eq!(other.json(), json!({ "error": expected }));

        let startup = get_once(&address, "/health/startup").await;
        assert_eq!((startup.status, startup.json()["finished"].clone()), (503, json!(false)));

        finish.send("model").unwrap();
        assert_eq!(*loading.await.unwrap().unwrap().state(), "model");
    })
    .await;
}

#[tokio::test]
async fn loaded_is_not_ready_yet_and_serving_is() {
    within_deadline(async {
        let loaded = loaded(config()).await;
        let before = get_once(&loaded.addresses()[0], "/health/ready").await;
        assert_eq!((before.status, before.json()["reason"].clone()), (503, json!("loading")));
        let serving = serve(loaded, Router::new()).await;
        let after = get_once(&serving.address, "/health/ready").await;
        assert_eq!((after.status, after.json()), (200, json!({ "ready": true })));
        let startup = get_once(&serving.address, "/health/startup").await;
        assert_eq!(startup.status, 200);
        assert_eq!(startup.json()["finished"], true);
        assert!(startup.json()["phases"]["loading"].is_u64());
        assert!(serving.stop().await.is_clean());
    })
    .await;
}

#[tokio::test]
async fn ready_is_not_said_before_the_routes_are_built() {
    within_deadline(async {
        let loaded = loaded(config()).await;
        let status = loaded.status();
        let routes = |()| {
            assert_eq!(status.phase(), Phase::Loading);
            Router::new()
        };
        loaded.serve(routes, async {}).await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_opened_while_loading_sees_the_routes_afterwards() {
    within_deadline(async {
        let bound = bound().await;
        let mut client = Client::connect(&bound.addresses()[0]).await;
        assert_eq!(client.get("/greeting").await.status, 503);
        let loaded = bound.load(async |_: &Startup| Ok("hello")).await.unwrap();
        assert_eq!(client.get("/greeting").await.status, 503);
        let greeting = *loaded.state();
        let routes = Router::new().route("/greeting", get(async move || Json(greeting)));
        let serving = serve(loaded, routes).await;
        let answer = client.get("/greeting").await;
        assert_eq!((answer.status, answer.json()), (200, json!("hello")));
        drop(client);
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn routes_given_for_meanwhile_answer_while_loading_only() {
    within_deadline(async {
        let metrics = Router::new().route("/metrics", get(async || Json("few")));
        let bound = config().bind_with(|_| metrics).await.unwrap();
        let address = bound.addresses()[0].clone();
        assert_eq!(get_once(&address, "/metrics").await.json(), "few");
        assert_eq!(get_once(&address, "/other").await.status, 503);
        let serving = serve(bound.load(async |_: &Startup| Ok(())).await.unwrap(), Router::new()).await;
        assert_eq!(get_once(&address, "/metrics").await.status, 404);
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn probes_know_get_and_head_only() {
    within_deadline(async {
        let bound = bound().await;
        let mut client = Client::connect(&bound.addresses()[0]).await;
        for path in ["/health/live", "/health/ready", "/health/startup"] {
            let get = client.get(path).await;
            let head = client.ask("HEAD", path).await;
            assert_eq!(head.status, get.status, "{path}");
            assert_eq!(head.headers["content-type"], "application/json", "{path}");
            assert!(head.headers["content-length"].parse::<usize>().unwrap() > 0, "{path}");
            for method in ["POST", "PUT", "DELETE"] {
                let refused = client.ask(method, path).await;
                assert_eq!((refused.status, refused.headers["allow"].as_str()), (405, "GET,HEAD"), "{method} {path}");
                assert!(refused.json()["error"].as_str().unwrap().contains(method));
            }
            let options = client.ask("OPTIONS", path).await;
            assert_eq!((options.status, options.headers["allow"].as_str()), (204, "GET,HEAD"), "{path}");
            assert_eq!(client.get(&format!("{path}/")).await.status, get.status, "{path}/");
        }
    })
    .await;
}

#[tokio::test]
async fn paths_and_words_are_the_operators() {
    within_deadline(async {
        let also_ready = vec!["/ping".to_owned()];
        let paths = Paths { live: "/v2/health/live", ready: "/v2/health/ready", also_ready, startup: None };
        let bound = Config { paths, resources_key: "models", ..config() }.bind().await.unwrap();
        assert_eq!(get_once(&bound.addresses()[0], "/v2/health/live").await.status, 200);
        assert_eq!(get_once(&bound.addresses()[0], "/v2/health/ready").await.json()["models"], json!({}));
        let mut client = Client::connect(&bound.addresses()[0]).await;
        assert_eq!(client.get("/ping").await.json(), client.get("/v2/health/ready").await.json());
        assert_eq!(client.ask("POST", "/ping").await.status, 503);
        let left_to_the_application = get_once(&bound.addresses()[0], "/health/startup").await;
        assert_eq!(left_to_the_application.json(), json!({ "error": "not ready: loading" }));
    })
    .await;
}

#[tokio::test]
async fn what_failed_and_is_tolerated_is_named() {
    within_deadline(async {
        let rules = ReadyRules { allow_empty: true, keep_going: true };
        let bound = Config { rules, ..config() }.bind().await.unwrap();
        let startup = async |startup: &Startup| {
            let broken = startup.blocking("broken", |_| Err::<(), _>("no such file"));
            startup.blocking("iris", |_| Ok::<_, Infallible>(())).await?;
            drop(broken.await);
            Ok::<_, StartupError>(())
        };
        let serving = serve(bound.load(startup).await.unwrap(), Router::new()).await;
        let ready = get_once(&serving.address, "/health/ready").await;
        assert_eq!((ready.status, ready.json()), (200, json!({ "ready": true, "without": ["broken"] })));
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_ready_where_nothing_was_not_asked_for() {
    within_deadline(async {
        let rules = ReadyRules { allow_empty: false, keep_going: false };
        let serving = serve(loaded(Config { rules, ..config() }).await, Router::new()).await;
        let ready = get_once(&serving.address, "/health/ready").await;
        assert_eq!((ready.status, ready.json()["reason"].clone()), (503, json!("nothing is declared to be served")));
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn readiness_follows_a_component_that_is_declared_later() {
    within_deadline(async {
        let (sender, component) = oneshot::channel();
        let startup = async move |startup: &Startup| {
            let component = startup.declare("iris");
            component.enter(Stage::Ready);
            drop(sender.send(component));
            Ok(())
        };
        let serving = serve(bound().await.load(startup).await.unwrap(), Router::new()).await;
        assert_eq!(get_once(&serving.address, "/health/ready").await.status, 200);
        drop(component.await.unwrap());
        let ready = get_once(&serving.address, "/health/ready").await;
        assert_eq!((ready.status, ready.json()["reason"].clone()), (503, json!("'iris' is unloaded")));
        serving.stop().await;
    })
    .await;
}
