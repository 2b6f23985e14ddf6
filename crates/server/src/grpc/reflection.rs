//! Reflection, in both versions that clients ask for: which services there are, and what their messages look like.

use axum::Router;
use tonic_reflection::server::Builder;

use crate::wire::grpc::proto::DESCRIPTIONS;

/// Adds the services. The descriptions are built with the program, so that only a test can find them wrong.
pub(super) fn add_to(mut router: Router) -> Router {
    let builder = || Builder::configure().register_encoded_file_descriptor_set(DESCRIPTIONS);
    if let Ok(service) = builder().build_v1() {
        router = router.route_service("/grpc.reflection.v1.ServerReflection/{method}", service);
    }
    if let Ok(service) = builder().build_v1alpha() {
        router = router.route_service("/grpc.reflection.v1alpha.ServerReflection/{method}", service);
    }
    router
}
