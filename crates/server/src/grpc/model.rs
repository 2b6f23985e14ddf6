//! Methods about models: metadata, and Triton's configuration, statistics and index.

use axum::extract::{Request, State};
use axum::response::Response;
use loadonce_core::{ModelHandle, TensorSpec};

use super::call::{Bound, answer_one, decode};
use crate::api::Api;
use crate::error::ApiError;
use crate::facts::{self, IndexEntry};
use crate::wire::grpc::proto::model_instance_group::Kind;
use crate::wire::grpc::proto::model_metadata_response::TensorMetadata;
use crate::wire::grpc::proto::model_version_policy::{PolicyChoice, Specific};
use crate::wire::grpc::proto::repository_index_response::ModelIndex;
use crate::wire::grpc::proto::{
    DataType, ModelConfig, ModelConfigRequest, ModelConfigResponse, ModelInput, ModelInstanceGroup,
    ModelMetadataRequest, ModelMetadataResponse, ModelOutput, ModelReadyRequest, ModelReadyResponse,
    ModelResponseCache, ModelStatisticsRequest, ModelStatisticsResponse, ModelTransactionPolicy, ModelVersionPolicy,
    RepositoryIndexRequest, RepositoryIndexResponse,
};

/// A version as messages have it, where empty is none.
pub(super) fn version(version: &str) -> Option<&str> {
    (!version.is_empty()).then_some(version)
}

fn find(api: &Api, name: &str, given: &str) -> Result<ModelHandle, ApiError> {
    Ok(api.model(name, version(given))?)
}

pub(super) fn ready(api: &Api, request: &ModelReadyRequest) -> Result<ModelReadyResponse, ApiError> {
    let entry = api.entry(&request.name, version(&request.version))?;
    Ok(ModelReadyResponse { ready: entry.not_ready().is_none() })
}

pub(super) fn metadata(api: &Api, request: &ModelMetadataRequest) -> Result<ModelMetadataResponse, ApiError> {
    let model = find(api, &request.name, &request.version)?;
    let tensors = |specs: &[TensorSpec]| specs.iter().map(tensor_metadata).collect();
    Ok(ModelMetadataResponse {
        name: model.name().to_owned(),
        versions: vec![model.version().to_owned()],
        platform: facts::platform(&model),
        inputs: tensors(&model.signature().inputs),
        outputs: tensors(&model.signature().outputs),
    })
}

fn tensor_metadata(spec: &TensorSpec) -> TensorMetadata {
    TensorMetadata { name: spec.name.clone(), datatype: spec.dtype.as_str().to_owned(), shape: facts::axes(spec) }
}

pub(super) fn config(api: &Api, request: &ModelConfigRequest) -> Result<ModelConfigResponse, ApiError> {
    let model = find(api, &request.name, &request.version)?;
    let specific = Specific { versions: facts::numbered_versions(&model) };
    let sessions = i32::try_from(facts::sessions(api, &model)).unwrap_or(i32::MAX);
    let config = ModelConfig {
        name: model.name().to_owned(),
        platform: facts::platform(&model),
        backend: model.engine().to_owned(),
        version_policy: Some(ModelVersionPolicy { policy_choice: Some(PolicyChoice::Specific(specific)) }),
        // Shapes are whole: no axis is left out for batches.
        max_batch_size: 0,
        input: model.signature().inputs.iter().map(input).collect(),
        output: model.signature().outputs.iter().map(output).collect(),
        instance_group: vec![ModelInstanceGroup {
            name: model.name().to_owned(),
            count: sessions,
            kind: Kind::Cpu.into(),
        }],
        model_transaction_policy: Some(ModelTransactionPolicy { decoupled: false }),
        response_cache: Some(ModelResponseCache { enable: false }),
    };
    Ok(ModelConfigResponse { config: Some(config) })
}

fn input(spec: &TensorSpec) -> ModelInput {
    ModelInput { name: spec.name.clone(), data_type: data_type(spec), dims: facts::axes(spec) }
}

fn output(spec: &TensorSpec) -> ModelOutput {
    ModelOutput { name: spec.name.clone(), data_type: data_type(spec), dims: facts::axes(spec) }
}

fn data_type(spec: &TensorSpec) -> i32 {
    DataType::from_str_name(&facts::data_type(spec.dtype)).unwrap_or_default().into()
}

/// Of all models where none is named (`extension_statistics.md`, "GRPC").
pub(super) async fn statistics(State(api): State<Api>, request: Request) -> Response {
    let api = &api;
    answer_one(request, Bound::SMALL, async |_, message| {
        let request: ModelStatisticsRequest = decode(&message?)?;
        let all = match request.name.as_str() {
            "" => facts::all_statistics(api).await,
            name => vec![facts::statistics(api, &find(api, name, &request.version)?).await],
        };
        Ok(ModelStatisticsResponse { model_stats: all.into_iter().map(Into::into).collect() })
    })
    .await
}

pub(super) fn index(api: &Api, request: &RepositoryIndexRequest) -> RepositoryIndexResponse {
    let models = facts::index(api, request.ready).into_iter().map(|entry| {
        let IndexEntry { name, version, state, reason } = entry;
        ModelIndex { name, version, state: state.to_owned(), reason }
    });
    RepositoryIndexResponse { models: models.collect() }
}
