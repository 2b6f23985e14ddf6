//! Requests as hosting platforms send them, which name no model: SageMaker's (Developer Guide, "Custom Inference Code with
//! Hosting Services", "Common Data Formats for Inference") and Vertex AI's ("Custom container requirements").

use axum::body::Body;
use http::Request;
use loadonce_core::testing::FakeEngine;

use crate::support::{Answer, Served, v2};

async fn invoke(served: &Served, headers: &[(&str, &str)], body: &str) -> Answer {
    let request =
        headers.iter().fold(Request::post("/invocations"), |request, (name, value)| request.header(*name, *value));
    served.exchange(request.body(Body::from(body.to_owned())).unwrap()).await
}

/// Headers and body of a request; content type and body of its answer.
type Case<'a> = (&'a [(&'a str, &'a str)], String, &'a str, &'a str);

#[tokio::test]
async fn invocations_are_answered_in_kind() {
    let served = Served::one().await;
    let v2_answer = r#"{"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[2.0,4.0]}]}"#;
    let rows = r#"{"instances":[[1,2]]}"#;
    let (json, csv) = ("application/json", "text/csv");
    let cases: [Case<'_>; 9] = [
        (&[], rows.to_owned(), json, r#"{"predictions":[[2.0,4.0]]}"#),
        (&[("content-type", json), ("accept", "*/*")], rows.to_owned(), json, r#"{"predictions":[[2.0,4.0]]}"#),
        (&[("content-type", json), ("accept", csv)], rows.to_owned(), csv, "2.0,4.0\n"),
        (&[("content-type", json)], v2("[1,2]", "FP32", "[1,2]"), json, v2_answer),
        (
            &[("content-type", json)],
            r#"{"dataframe_split":{"columns":["width","length"],"data":[[2,1]]}}"#.to_owned(),
            json,
            r#"{"predictions":[[2.0,4.0]]}"#,
        ),
        (&[("content-type", csv)], "1,2\n3,4\n".to_owned(), csv, "2.0,4.0\n6.0,8.0\n"),
        (&[("content-type", csv), ("accept", json)], "1,2".to_owned(), json, r#"{"predictions":[[2.0,4.0]]}"#),
        (&[("content-type", "text/csv; charset=utf-8")], "width,length\n2,1\n".to_owned(), csv, "2.0,4.0\n"),
        (&[("x-amzn-sagemaker-target-model", "m")], rows.to_owned(), json, r#"{"predictions":[[2.0,4.0]]}"#),
    ];
    for (headers, body, content_type, expected) in cases {
        let answer = invoke(&served, headers, &body).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, expected), "{headers:?} {body}");
        assert_eq!(answer.headers["content-type"], content_type, "{headers:?} {body}");
    }
    let metrics = served.get("/metrics").await.body;
    assert!(metrics.contains(r#"protocol="sagemaker",outcome="ok"} 9"#), "{metrics}");
}

#[tokio::test]
async fn mistakes_are_json_whatever_was_asked_for() {
    let served = Served::one().await;
    let csv = [("content-type", "text/csv")];
    let answer = invoke(&served, &csv, "1,wide").await;
    assert_eq!(
        (answer.status.as_u16(), answer.error()),
        (400, "rows[0].width: expected FP32, got \"wide\"".to_owned())
    );
    let answer = invoke(&served, &[("content-type", "text/csv; header=absent")], "length,width\n1,2").await;
    assert_eq!(
        (answer.status.as_u16(), answer.error()),
        (400, "rows[0].length: expected FP32, got \"length\"".to_owned())
    );
    assert_eq!(invoke(&served, &[], "1,2").await.status.as_u16(), 400);
    assert_eq!(served.get("/invocations").await.status.as_u16(), 405);
}

#[tokio::test]
async fn of_several_models_one_is_named() {
    let served = Served::new([("a", FakeEngine::default()), ("b", FakeEngine::default())]).await;
    let rows = r#"{"instances":[[1,2]]}"#;
    let answer = invoke(&served, &[], rows).await;
    let expected = "several models are served: a, b; serve one alone, name one in x-amzn-sagemaker-target-model of \
                    /invocations, or ask /v1/models/NAME:predict";
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, expected));
    let named = |name: &'static str| [("x-amzn-sagemaker-target-model", name)];
    assert_eq!(invoke(&served, &named("b"), rows).await.body, r#"{"predictions":[[2.0,4.0]]}"#);
    let unknown = invoke(&served, &named("c"), rows).await;
    assert_eq!((unknown.status.as_u16(), unknown.error().as_str()), (404, "model 'c' is unknown; served are a, b"));
    let none = invoke(&Served::new([]).await, &[], rows).await;
    assert_eq!((none.status.as_u16(), none.error().as_str()), (404, "no model is served"));
}

#[tokio::test]
async fn the_predict_path_may_be_any() {
    let rows = r#"{"instances":[[1,2]],"parameters":{"confidence":0.5}}"#;
    for path in
        ["/predict", "/v1/endpoints/7/deployedModels/8:predict", "/", "/:predict", "/v1/models/m:predict", "/{m}/*"]
    {
        let served = Served::with_predict_path(path).await;
        let answer = served.post(path, rows).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, r#"{"predictions":[[2.0,4.0]]}"#), "{path}");
        assert_eq!(served.get("/v1/models/m").await.status.as_u16(), 200, "{path}");
        assert_eq!(served.get("/").await.status.as_u16(), 200, "{path}");
        assert_eq!(served.post("/nowhere", rows).await.status.as_u16(), 404, "{path}");
        let metrics = served.get("/metrics").await.body;
        assert!(metrics.contains(r#"protocol="vertex",outcome="ok"} 1"#), "{path}: {metrics}");
    }
    let served = Served::with_predict_path("/predict").await;
    let get = served.get("/predict").await;
    assert_eq!(get.status.as_u16(), 404, "{}", get.body);
}
