//! A gRPC client for the API, without a socket.

use axum::Router;
use futures_util::StreamExt as _;
use http::uri::PathAndQuery;
use loadonce_server::wire::grpc::proto::infer_parameter::ParameterChoice;
use loadonce_server::wire::grpc::proto::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use loadonce_server::wire::grpc::proto::{
    InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse, ModelStreamInferResponse,
};
use prost::Message;
use tonic::client::Grpc;
use tonic::codec::{CompressionEncoding, Streaming};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// The path of a method of the service that predicts.
pub(crate) fn method(name: &str) -> String {
    format!("/inference.GRPCInferenceService/{name}")
}

async fn client(router: &Router) -> Grpc<Router> {
    let mut client = Grpc::new(router.clone()).accept_compressed(CompressionEncoding::Gzip);
    client.ready().await.unwrap();
    client
}

/// One message, one answer.
pub(crate) async fn call<M, R>(router: &Router, path: &str, message: M) -> Result<R, Status>
where
    M: Message + 'static,
    R: Message + Default + 'static,
{
    call_with(router, path, Request::new(message)).await.map(Response::into_inner)
}

/// The same, with metadata both ways.
pub(crate) async fn call_with<M, R>(router: &Router, path: &str, request: Request<M>) -> Result<Response<R>, Status>
where
    M: Message + 'static,
    R: Message + Default + 'static,
{
    let path = PathAndQuery::try_from(path).unwrap();
    client(router).await.unary(request, path, ProstCodec::default()).await
}

/// The same, with a packed message.
pub(crate) async fn call_packed(router: &Router, message: ModelInferRequest) -> Result<ModelInferResponse, Status> {
    let path = PathAndQuery::try_from(method("ModelInfer")).unwrap();
    let mut client = client(router).await.send_compressed(CompressionEncoding::Gzip);
    let response = client.unary(Request::new(message), path, ProstCodec::default()).await?;
    assert_eq!(response.metadata().get("grpc-encoding").unwrap(), "gzip");
    Ok(response.into_inner())
}

/// The answers to messages that come as `messages` gives them.
pub(crate) async fn open<M, R>(
    router: &Router,
    path: &str,
    messages: impl futures_util::Stream<Item = M> + Send + 'static,
) -> Streaming<R>
where
    M: Message + 'static,
    R: Message + Default + 'static,
{
    let path = PathAndQuery::try_from(path).unwrap();
    let answers = client(router).await.streaming(Request::new(messages), path, ProstCodec::default()).await;
    answers.unwrap().into_inner()
}

/// A stream of predictions, read to its end.
pub(crate) async fn infer_all(
    router: &Router,
    messages: Vec<ModelInferRequest>,
) -> Vec<Result<ModelStreamInferResponse, Status>> {
    open(router, &method("ModelStreamInfer"), futures_util::stream::iter(messages)).await.collect().await
}

/// A prediction.
pub(crate) async fn infer(router: &Router, message: ModelInferRequest) -> Result<ModelInferResponse, Status> {
    call(router, &method("ModelInfer"), message).await
}

/// A request to `m` for `x` with these rows in typed form.
pub(crate) fn typed(shape: &[i64], elements: &[f32]) -> ModelInferRequest {
    let contents = InferTensorContents { fp32_contents: elements.to_vec(), ..InferTensorContents::default() };
    let x = InferInputTensor { contents: Some(contents), ..input("x", "FP32", shape) };
    ModelInferRequest { model_name: "m".to_owned(), inputs: vec![x], ..ModelInferRequest::default() }
}

/// The same in raw form.
pub(crate) fn raw(shape: &[i64], elements: &[f32]) -> ModelInferRequest {
    let bytes: Vec<u8> = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
    ModelInferRequest {
        model_name: "m".to_owned(),
        inputs: vec![input("x", "FP32", shape)],
        raw_input_contents: vec![bytes.into()],
        ..ModelInferRequest::default()
    }
}

/// An input without elements.
pub(crate) fn input(name: &str, datatype: &str, shape: &[i64]) -> InferInputTensor {
    let (name, datatype, shape) = (name.to_owned(), datatype.to_owned(), shape.to_vec());
    InferInputTensor { name, datatype, shape, ..InferInputTensor::default() }
}

/// An output that is asked for, with a parameter.
pub(crate) fn output(name: &str, parameter: Option<(&str, ParameterChoice)>) -> InferRequestedOutputTensor {
    let parameters = parameter.map(|(name, value)| (name.to_owned(), choice(value))).into_iter().collect();
    InferRequestedOutputTensor { name: name.to_owned(), parameters }
}

/// A parameter's value.
pub(crate) fn choice(value: ParameterChoice) -> InferParameter {
    InferParameter { parameter_choice: Some(value) }
}
