//! The page for people and the document for machines.

use http::StatusCode;
use loadonce_core::LoadErrorKind;
use loadonce_core::testing::{FakeEngine, Script};
use serde_json::{Value, json};

use crate::support::{Answer, Served, v2};

/// The operations of a document: method, path, and what the document says.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    operations.collect()
}

fn is_html(answer: &Answer) -> bool {
    answer.headers["content-type"].to_str().unwrap().starts_with("text/html")
}

#[tokio::test]
async fn every_operation_of_the_document_is_served_and_answers_as_declared() {
    let served = Served::one().await;
    let document = served.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    for (method, path, operation) in operations(&document) {
        // The shell around the API answers these.
        if path.starts_with("/v2/health/") || path == "/ping" {
            continue;
        }
        let path = path.replace("{name}", "m").replace("{version}", "1");
        let answer = served.send(&method, &path, "{}").await;
        assert!(![404, 405].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.body);
        let declared = &operation["responses"][answer.status.as_str()];
        assert!(declared.is_object(), "{method} {path} answers {}", answer.status);
        if answer.status == StatusCode::OK {
            let media = answer.headers["content-type"].to_str().unwrap();
            let media = media.split("; charset").next().unwrap();
            let declared = declared["content"].as_object().unwrap();
            assert!(declared.keys().any(|key| key.starts_with(media)), "{path} answers {media}");
        }
    }
}

#[tokio::test]
async fn each_example_is_answered_as_the_document_says() {
    let served = Served::new([("m", FakeEngine::default()), ("a b/c", FakeEngine::default())]).await;
    let document = served.get("/openapi.json").await.json();
    let mut asked = 0;
    for (_, path, operation) in operations(&document) {
        let examples = operation["requestBody"]["content"]["application/json"]["examples"].as_object();
        for (key, example) in examples.into_iter().flatten() {
            let answer = served.post(&path, &example["value"].to_string()).await;
            let expected = &operation["responses"]["200"]["content"]["application/json"]["examples"][key]["value"];
            assert_eq!(&answer.json(), expected, "{path} {key}");
            asked += 1;
        }
    }
    // Named rows, rows, columns and tensors, of both models.
    assert_eq!(asked, 8);
}

#[tokio::test]
async fn a_failed_model_has_no_operation_of_its_own() {
    let failing = FakeEngine::new(Script { fails: Some(LoadErrorKind::Corrupt), ..Script::default() });
    let served = Served::new([("bad", failing), ("m", FakeEngine::default())]).await;
    let document = served.get("/openapi.json").await.json();
    assert!(document["paths"]["/v2/models/m/infer"].is_object());
    assert!(document["paths"]["/v2/models/bad/infer"].is_null());
    assert_eq!(document["components"]["parameters"]["name"]["schema"]["enum"], json!(["bad", "m"]));
}

#[tokio::test]
async fn the_page_may_load_and_ask_its_own_server_only() {
    let served = Served::one().await;
    for path in ["/", "/docs"] {
        let asked = http::Request::get(path).header("accept", "text/html,*/*;q=0.8").body(axum::body::Body::empty());
        let page = served.exchange(asked.unwrap()).await;
        assert!(is_html(&page), "{page:?}");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"));
        for (reference, media) in [("docs/page.css", "text/css"), ("docs/page.js", "text/javascript")] {
            assert!(page.body.contains(&format!("\"{reference}\"")), "{}", page.body);
            let file = served.get(&format!("/{reference}")).await;
            assert!(file.headers["content-type"].to_str().unwrap().starts_with(media));
            assert_eq!(file.headers["x-content-type-options"], "nosniff");
        }
    }
}

#[tokio::test]
async fn who_asks_for_no_page_is_told_that_the_server_lives() {
    let served = Served::one().await;
    assert_eq!(served.get("/").await.json(), json!({ "status": "alive" }));
}

#[tokio::test]
async fn mlservers_paths_lead_to_the_page() {
    let served = Served::new([("a b", FakeEngine::default())]).await;
    for (path, location) in [("/v2/docs", "/docs"), ("/docs/", "/docs"), ("/v2/models/a%20b/docs", "/docs#a%20b")] {
        let answer = served.get(path).await;
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(answer.headers["location"], location);
    }
    assert!(served.get("/v2/models/none/docs").await.error().contains("model 'none' is unknown"));
    assert_eq!(served.post("/v2/models/a%20b/infer", &v2("[1,2]", "FP32", "[1,2]")).await.status, StatusCode::OK);
}
