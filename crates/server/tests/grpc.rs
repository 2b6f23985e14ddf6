//! The methods of the inference service: facts, predictions, streams.

use futures_util::StreamExt as _;
use loadonce_core::LoadErrorKind;
use loadonce_core::status::Phase;
use loadonce_core::testing::{FakeEngine, Script, TRIGGER_FAIL, TRIGGER_WAIT};
use loadonce_server::wire::grpc::proto::infer_parameter::ParameterChoice;
use loadonce_server::wire::grpc::proto::{
    DataType, ModelConfigRequest, ModelConfigResponse, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest,
    ModelReadyResponse, ModelStatisticsRequest, ModelStatisticsResponse, ModelStreamInferResponse,
    RepositoryIndexRequest, RepositoryIndexResponse, ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest,
    ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
};
use tonic::Code;

use crate::rpc::{call, infer, infer_all, input, method, open, output, raw, typed};
use crate::support::Served;

fn named(name: &str) -> (String, String) {
    (name.to_owned(), String::new())
}

#[tokio::test]
async fn the_server_and_its_models_tell_what_they_are() {
    let broken = Script { fails: Some(LoadErrorKind::Corrupt), ..Script::default() };
    let served = Served::new([("b", FakeEngine::new(broken)), ("m", FakeEngine::default())]).await;
    let router = &served.router;
    let live: ServerLiveResponse = call(router, &method("ServerLive"), ServerLiveRequest {}).await.unwrap();
    let ready: ServerReadyResponse = call(router, &method("ServerReady"), ServerReadyRequest {}).await.unwrap();
    assert!(live.live && ready.ready);
    let about: ServerMetadataResponse =
        call(router, &method("ServerMetadata"), ServerMetadataRequest {}).await.unwrap();
    let over_http = served.get("/v2").await.json();
    assert_eq!(
        (over_http["name"].as_str(), over_http["version"].as_str()),
        (Some(&*about.name), Some(&*about.version))
    );
    assert_eq!(over_http["extensions"], serde_json::json!(about.extensions));
    for (name, expected) in [("m", Ok(true)), ("b", Ok(false)), ("none", Err(Code::NotFound))] {
        let (name, version) = named(name);
        let answer = call(router, &method("ModelReady"), ModelReadyRequest { name, version }).await;
        assert_eq!(answer.map(|answer: ModelReadyResponse| answer.ready).map_err(|status| status.code()), expected);
    }
}

#[tokio::test]
async fn metadata_configuration_and_index_are_those_of_http() {
    let served = Served::one().await;
    let router = &served.router;
    let (name, version) = named("m");
    let request = ModelMetadataRequest { name: name.clone(), version: version.clone() };
    let metadata: ModelMetadataResponse = call(router, &method("ModelMetadata"), request).await.unwrap();
    assert_eq!((&*metadata.name, &*metadata.platform, &*metadata.versions[0]), ("m", "loadonce_fake", "1"));
    let x = &metadata.inputs[0];
    assert_eq!((&*x.name, &*x.datatype, &*x.shape), ("x", "FP32", &[-1, 2][..]));
    assert_eq!(&*metadata.outputs[0].name, "y");
    let request = ModelConfigRequest { name: name.clone(), version: version.clone() };
    let answer: ModelConfigResponse = call(router, &method("ModelConfig"), request).await.unwrap();
    let config = answer.config.unwrap();
    assert_eq!((&*config.name, config.max_batch_size, &*config.backend), ("m", 0, "fake"));
    assert_eq!((config.input[0].data_type(), &*config.input[0].dims), (DataType::TypeFp32, &[-1, 2][..]));
    let over_http = served.get("/v2/models/m/config").await.json();
    assert_eq!(over_http["instance_group"][0]["count"], config.instance_group[0].count);
    let index: RepositoryIndexResponse =
        call(router, &method("RepositoryIndex"), RepositoryIndexRequest::default()).await.unwrap();
    assert_eq!((&*index.models[0].name, &*index.models[0].state), ("m", "READY"));
    for method_name in ["ModelMetadata", "ModelConfig", "ModelStatistics"] {
        let request = ModelMetadataRequest { name: "none".to_owned(), version: String::new() };
        let answer: Result<ModelMetadataResponse, _> = call(router, &method(method_name), request).await;
        assert_eq!(answer.unwrap_err().code(), Code::NotFound, "{method_name}");
    }
}

#[tokio::test]
async fn statistics_count_what_both_protocols_did() {
    let served = Served::one().await;
    let router = &served.router;
    infer(router, typed(&[3, 2], &[0.0; 6])).await.unwrap();
    infer(router, typed(&[1, 2], &[TRIGGER_FAIL, 0.0])).await.unwrap_err();
    served.post("/v2/models/m/infer", &crate::support::v2("[1,2]", "FP32", "[1,2]")).await;
    for name in ["m", ""] {
        let (name, version) = named(name);
        let request = ModelStatisticsRequest { name, version };
        let answer: ModelStatisticsResponse = call(router, &method("ModelStatistics"), request).await.unwrap();
        let [model] = answer.model_stats.as_slice() else { panic!("{answer:?}") };
        assert_eq!((model.inference_count, model.execution_count), (4, 2));
        let counts = model.inference_stats.as_ref().unwrap();
        assert_eq!((counts.success.unwrap().count, counts.fail.unwrap().count), (2, 1));
        assert_eq!((model.batch_stats[1].batch_size, &*model.memory_usage[0].r#type), (3, "CPU"));
    }
    let metrics = served.get("/metrics").await.body;
    for line in [
        r#"loadonce_requests_total{model="m",version="1",protocol="grpc",outcome="ok"} 1"#,
        r#"loadonce_requests_total{model="m",version="1",protocol="grpc",outcome="internal"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn an_answer_has_the_form_of_its_request() {
    let served = Served::one().await;
    let mut request = typed(&[1, 2], &[0.5, f32::NAN]);
    request.id = "7".to_owned();
    let answer = infer(&served.router, request.clone()).await.unwrap();
    assert_eq!((&*answer.model_name, &*answer.model_version, &*answer.id), ("m", "1", "7"));
    let y = &answer.outputs[0];
    assert_eq!((&*y.name, &*y.datatype, &*y.shape), ("y", "FP32", &[1, 2][..]));
    let elements = &y.contents.as_ref().unwrap().fp32_contents;
    assert!(answer.raw_output_contents.is_empty() && format!("{elements:?}") == "[1.0, NaN]");
    let binary = |truth| Some(("binary_data", ParameterChoice::BoolParam(truth)));
    let expected: Vec<u8> = [1.0_f32, 4.0].iter().flat_map(|element| element.to_le_bytes()).collect();
    request.outputs = vec![output("y", binary(true))];
    request.inputs = typed(&[1, 2], &[0.5, 2.0]).inputs;
    for request in [raw(&[1, 2], &[0.5, 2.0]), request] {
        let answer = infer(&served.router, request).await.unwrap();
        assert_eq!(answer.raw_output_contents, std::slice::from_ref(&expected));
        assert_eq!(answer.outputs[0].contents, None);
    }
}

#[tokio::test]
async fn a_large_tensor_is_answered_like_a_small_one() {
    let served = Served::one().await;
    let elements = vec![1.25; 200_000];
    let answer = infer(&served.router, raw(&[100_000, 2], &elements)).await.unwrap();
    assert_eq!(answer.raw_output_contents[0].len(), 800_000);
    let answer = infer(&served.router, typed(&[100_000, 2], &elements)).await.unwrap();
    assert_eq!(answer.outputs[0].contents.as_ref().unwrap().fp32_contents, vec![2.5; 200_000]);
}

#[tokio::test]
async fn each_message_of_a_stream_is_answered_in_order_and_a_mistake_ends_none() {
    let served = Served::one().await;
    let mut messages: Vec<_> = (0..40).map(|number: u8| typed(&[1, 2], &[f32::from(number), 0.0])).collect();
    for (position, message) in messages.iter_mut().enumerate() {
        message.id = position.to_string();
    }
    messages[7].inputs = vec![input("z", "FP32", &[1, 2])];
    messages[9].model_name = "none".to_owned();
    let answers = infer_all(&served.router, messages).await;
    assert_eq!(answers.len(), 40);
    for (position, answer) in answers.into_iter().enumerate() {
        let ModelStreamInferResponse { error_message, infer_response } = answer.unwrap();
        let response = infer_response.unwrap();
        assert_eq!(response.id, position.to_string());
        match position {
            7 => assert!(error_message.starts_with("inputs[0].contents.fp32_contents: "), "{error_message}"),
            9 => assert_eq!(error_message, "model 'none' is unknown; served are m"),
            _ => {
                let elements = &response.outputs[0].contents.as_ref().unwrap().fp32_contents;
                assert_eq!((format!("{:.0}", elements[0]), &*error_message), ((position * 2).to_string(), ""));
            }
        }
    }
}

#[tokio::test]
async fn an_open_stream_does_not_keep_the_server_from_stopping() {
    let served = Served::one().await;
    let messages = futures_util::stream::iter([typed(&[1, 2], &[1.0, 2.0])]).chain(futures_util::stream::pending());
    let mut answers = open::<_, ModelStreamInferResponse>(&served.router, &method("ModelStreamInfer"), messages).await;
    assert_eq!(answers.message().await.unwrap().unwrap().error_message, "");
    served.board.enter(Phase::Draining);
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the server is stopping"));
}

#[tokio::test]
async fn a_caller_that_leaves_is_dropped_from_the_queue() {
    let fake = FakeEngine::new(Script { exclusive: true, ..Script::default() });
    let served = Served::new([("m", fake.clone())]).await;
    let before = fake.counts().runs.load(std::sync::atomic::Ordering::SeqCst);
    let router = served.router.clone();
    let first = tokio::spawn(async move { infer(&router, typed(&[1, 2], &[TRIGGER_WAIT, 0.0])).await });
    let handle = served.models.running[0].handle();
    while handle.load().running == 0 {
        tokio::task::yield_now().await;
    }
    let router = served.router.clone();
    let second = tokio::spawn(async move { infer(&router, typed(&[1, 2], &[1.0, 0.0])).await });
    while handle.load().waiting == 0 {
        tokio::task::yield_now().await;
    }
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    fake.open_gate();
    first.await.unwrap().unwrap();
    infer(&served.router, typed(&[1, 2], &[1.0, 0.0])).await.unwrap();
    assert_eq!(fake.counts().runs.load(std::sync::atomic::Ordering::SeqCst) - before, 2);
}
