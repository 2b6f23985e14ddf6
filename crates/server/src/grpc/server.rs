//! Methods about the server.

use crate::api::Telemetry;
use crate::facts;
use crate::wire::grpc::proto::{ServerLiveResponse, ServerMetadataResponse, ServerReadyResponse};

pub(super) fn live() -> ServerLiveResponse {
    ServerLiveResponse { live: true }
}

pub(super) fn ready(telemetry: &Telemetry) -> ServerReadyResponse {
    ServerReadyResponse { ready: telemetry.status.readiness().is_ready() }
}

pub(super) fn metadata() -> ServerMetadataResponse {
    ServerMetadataResponse {
        name: facts::NAME.to_owned(),
        version: facts::VERSION.to_owned(),
        extensions: facts::EXTENSIONS.map(str::to_owned).to_vec(),
    }
}
