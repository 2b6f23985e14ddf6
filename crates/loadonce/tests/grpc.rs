//! Where gRPC is served. The methods themselves are tested in the server's crate.

use crate::support::{Client, Folder, Server};

/// The status that a path has at an address of the server.
fn status(client: &mut Client, path: &str) -> u16 {
    client.send("POST", path, "").unwrap().status
}

const METHOD: &str = "/inference.GRPCInferenceService/ModelInfer";

#[test]
fn every_address_serves_both_protocols_from_the_first_moment() {
    let folder = Folder::new();
    let pipe = folder.pipe("iris");
    let socket = folder.path().join("grpc.sock");
    let server = Server::start([folder.path().to_str().unwrap(), "--grpc-uds", socket.to_str().unwrap()]);
    let of_grpc = server.grpc_address().expect("an address of its own");
    let clients = || [server.client(), Client::connect(of_grpc).unwrap(), Client::connect_unix(&socket).unwrap()];
    for mut client in clients() {
        assert_eq!(client.send("GET", "/v2/health/ready", "").unwrap().status, 503);
    }
    std::fs::write(pipe, std::fs::read(crate::support::example("iris")).unwrap()).unwrap();
    server.until_ready();
    for mut client in clients() {
        assert_eq!(client.send("GET", "/v2/health/ready", "").unwrap().status, 200);
        // It is no gRPC call, and told so by the method itself.
        assert_eq!(status(&mut client, METHOD), 415);
    }
    assert_eq!(server.stop().code, Some(0));
    assert!(!socket.exists());
}

#[test]
fn without_grpc_there_is_neither_its_port_nor_its_methods() {
    let folder = Folder::new();
    folder.iris("iris");
    let server = Server::start([folder.path().to_str().unwrap(), "--no-grpc"]);
    assert_eq!(server.grpc_address(), None);
    server.until_ready();
    assert_eq!(status(&mut server.client(), METHOD), 404);
}
