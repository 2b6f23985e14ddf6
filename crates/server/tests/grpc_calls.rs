//! What all calls share: limits, deadlines, compression, what is not served; and health and reflection.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use http::{Request, StatusCode};
use loadonce_core::status::{Board, Phase, ReadyRules};
use loadonce_core::testing::{FakeEngine, TRIGGER_WAIT};
use loadonce_server::Telemetry;
use loadonce_server::wire::grpc::proto::health::health_check_response::ServingStatus;
use loadonce_server::wire::grpc::proto::health::{HealthCheckRequest, HealthCheckResponse};
use loadonce_server::wire::grpc::proto::{
    ModelInferRequest, ModelInferResponse, ServerLiveRequest, ServerLiveResponse, ServerReadyRequest,
    ServerReadyResponse,
};
use tonic::{Code, Status};
use tonic_reflection::pb::{v1, v1alpha};

use crate::rpc::{call, call_packed, call_with, infer, infer_all, input, method, open, raw, typed};
use crate::support::{BODY_LIMIT, Served};

/// What a call that must fail was told.
async fn refusal(router: &Router, path: &str) -> (Code, String) {
    let answer: Result<ServerLiveResponse, Status> = call(router, path, ServerLiveRequest {}).await;
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_and_the_flag_named() {
    let served = Served::one().await;
    let large = raw(&[200_000, 2], &vec![0.0; 400_000]);
    let expected = format!(
        "the message is larger than the limit of {BODY_LIMIT} bytes; the operator can raise --max-grpc-message-bytes"
    );
    let status = infer(&served.router, large.clone()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, expected.as_str()));
    // Small on the wire, too large when unpacked.
    let status = call_packed(&served.router, large.clone()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, expected.as_str()));
    // It ends a stream, whose messages cannot be told apart any more.
    let answers = infer_all(&served.router, vec![typed(&[1, 2], &[1.0, 2.0]), large]).await;
    assert!(answers[0].is_ok());
    assert_eq!(answers[1].as_ref().unwrap_err().code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_message_that_would_grow_in_memory_is_refused() {
    let served = Served::one().await;
    let message = ModelInferRequest { inputs: vec![input("", "", &[]); 5000], ..typed(&[1, 2], &[1.0, 2.0]) };
    let status = infer(&served.router, message).await.unwrap_err();
    let expected = "the message: has 5000 inputs, outputs and raw contents, at most 4096 are taken";
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, expected));
}

#[tokio::test]
async fn what_is_packed_is_answered_packed_if_it_is_small() {
    let served = Served::one().await;
    for rows in [1000, 50_000] {
        let shape = [i64::try_from(rows).unwrap(), 2];
        let answer = call_packed(&served.router, typed(&shape, &vec![1.0; rows * 2])).await.unwrap();
        assert_eq!(answer.outputs[0].contents.as_ref().unwrap().fp32_contents, vec![2.0; rows * 2]);
    }
    let request = tonic::Request::new(typed(&[1, 2], &[1.0, 2.0]));
    let answer = call_with::<_, ModelInferResponse>(&served.router, &method("ModelInfer"), request).await.unwrap();
    assert!(!answer.metadata().contains_key("grpc-encoding"));
}

#[tokio::test]
async fn a_deadline_is_kept() {
    let fake = FakeEngine::default();
    let served = Served::new([("m", fake.clone())]).await;
    let mut request = tonic::Request::new(typed(&[1, 2], &[TRIGGER_WAIT, 0.0]));
    request.set_timeout(Duration::from_millis(20));
    let answer = call_with::<_, ModelInferResponse>(&served.router, &method("ModelInfer"), request).await;
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert!(status.message().starts_with("model 'm' did not answer within "), "{status}");
    assert!(!status.message().ends_with("within 60000 ms"), "the model's own limit: {status}");
    fake.open_gate();
    let mut request = tonic::Request::new(typed(&[1, 2], &[1.0, 0.0]));
    request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
    let answer = call_with::<_, ModelInferResponse>(&served.router, &method("ModelInfer"), request).await;
    let status = answer.unwrap_err();
    let expected = "grpc-timeout: expected 8 digits at most and a unit of H, M, S, m, u, n, got \"soon\"";
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, expected));
}

/// The shell around the API gives such a body up with this error.
#[tokio::test]
async fn a_call_whose_message_comes_too_slowly_has_its_status() {
    let served = Served::one().await;
    for (kind, code) in
        [(io::ErrorKind::TimedOut, Code::DeadlineExceeded), (io::ErrorKind::BrokenPipe, Code::Cancelled)]
    {
        let pieces = [Ok("\0\0\0"), Err(io::Error::from(kind))];
        let request = Request::post(method("ModelInfer")).header("content-type", "application/grpc");
        let answer = served.exchange(request.body(Body::from_stream(stream::iter(pieces))).unwrap()).await;
        assert_eq!(answer.headers["grpc-status"], i32::from(code).to_string(), "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    let served = Served::one().await;
    for (path, expected) in [
        (method("RepositoryModelLoad"), "RepositoryModelLoad is not served: models are loaded once"),
        (method("CudaSharedMemoryRegister"), "CudaSharedMemoryRegister is not served: tensors travel in messages"),
        (method("LogSettings"), "LogSettings is not served: logging is set when the server starts"),
        (method("Nothing"), "no such method '/inference.GRPCInferenceService/Nothing'"),
        ("/other.Service/Method".to_owned(), "no such method '/other.Service/Method'"),
    ] {
        let (code, text) = refusal(&served.router, &path).await;
        assert_eq!(code, Code::Unimplemented, "{path}");
        assert!(text.starts_with(expected), "{text}");
    }
    let request = Request::post(method("ModelInfer")).header("content-type", "application/json");
    let answer = served.exchange(request.body("{}".into()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(answer.error().contains("expected application/grpc"), "{answer:?}");
}

#[tokio::test]
async fn a_message_that_is_none_is_the_callers_mistake() {
    let served = Served::one().await;
    // A message of this type has its fields 1 and 2 as strings.
    let strange = HealthCheckResponse { status: 1 };
    for name in ["ModelInfer", "ModelReady"] {
        let answer: Result<ServerLiveResponse, Status> = call(&served.router, &method(name), strange).await;
        let status = answer.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{name}: {status}");
        assert!(status.message().starts_with("the message cannot be read: "), "{status}");
    }
}

#[tokio::test]
async fn while_models_load_calls_are_told_why_not() {
    let board = Board::new(ReadyRules::default());
    let _component = board.declare("m");
    board.enter(Phase::Loading);
    let router = Telemetry::new(board.view()).grpc_routes();
    let live: ServerLiveResponse = call(&router, &method("ServerLive"), ServerLiveRequest {}).await.unwrap();
    let ready: ServerReadyResponse = call(&router, &method("ServerReady"), ServerReadyRequest {}).await.unwrap();
    assert_eq!((live.live, ready.ready), (true, false));
    assert_eq!(health(&router, "").await, Ok(ServingStatus::NotServing));
    let expected = "not ready: loading, 0 of 1 done".to_owned();
    assert_eq!(refusal(&router, &method("ModelInfer")).await, (Code::Unavailable, expected));
}

async fn health(router: &Router, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer: Result<HealthCheckResponse, _> = call(router, "/grpc.health.v1.Health/Check", request).await;
    answer.map(|answer| answer.status()).map_err(|status| status.code())
}

#[tokio::test]
async fn health_follows_the_board() {
    let served = Served::one().await;
    for service in ["", "inference.GRPCInferenceService"] {
        assert_eq!(health(&served.router, service).await, Ok(ServingStatus::Serving));
    }
    assert_eq!(health(&served.router, "other").await, Err(Code::NotFound));
    let watch = async |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        open::<_, HealthCheckResponse>(&served.router, "/grpc.health.v1.Health/Watch", stream::iter([request])).await
    };
    let (mut known, mut unknown) = (watch("").await, watch("other").await);
    assert_eq!(known.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    assert_eq!(unknown.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    served.board.enter(Phase::Draining);
    assert_eq!(health(&served.router, "").await, Ok(ServingStatus::NotServing));
    assert_eq!(known.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    for ended in [known.message().await, unknown.message().await] {
        assert_eq!(ended.unwrap_err().code(), Code::Unavailable);
    }
}

#[tokio::test]
async fn reflection_lists_the_services_in_both_versions() {
    let served = Served::one().await;
    let expected = ["grpc.health.v1.Health", "inference.GRPCInferenceService"];
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let mut answers = open::<_, v1::ServerReflectionResponse>(&served.router, path, stream::iter([request])).await;
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    let v1::server_reflection_response::MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}")
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(expected.iter().all(|name| names.contains(name)), "{names:?}");
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
            "inference.ModelConfig".to_owned(),
        )),
    };
    let path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
    let mut answers = open::<_, v1alpha::ServerReflectionResponse>(&served.router, path, stream::iter([request])).await;
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    let is_file =
        |it: &_| matches!(it, v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_));
    assert!(is_file(&answer), "{answer:?}");
}
