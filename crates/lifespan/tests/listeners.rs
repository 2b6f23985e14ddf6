//! Several addresses, and Unix domain sockets: taken together, drained together, and their files cleaned up.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use axum::{Extension, Json, Router, routing::get};
use loadonce_lifespan::{Address, BindError, Config, Drain, Identity, Limits, Peer};
use serde_json::json;
use tempfile::TempDir;

use crate::drain::refused;
use crate::support::{
    Client, Gate, Serving, bound, config, get_once, loaded, serve, serving_with, unix_config, within_deadline,
};

/// Two TCP ports and a Unix domain socket.
fn three(folder: &TempDir) -> Config {
    let port = || config().listen.remove(0);
    Config { listen: vec![port(), Address::Unix(folder.path().join("socket")), port()], ..config() }
}

async fn serving_three(config: Config, routes: Router) -> (Vec<Address>, Serving) {
    let loaded = loaded(config).await;
    let addresses = loaded.addresses().to_vec();
    (addresses, serve(loaded, routes).await)
}

async fn bind_error(path: &Path) -> BindError {
    let listen = vec![config().listen.remove(0), Address::Unix(path.to_owned())];
    Config { listen, ..config() }.bind().await.unwrap_err()
}

#[tokio::test]
async fn every_address_answers_and_handlers_know_the_kind_of_their_peer() {
    within_deadline(async {
        let folder = TempDir::new().unwrap();
        let peer = async |Extension(identity): Extension<Identity>| Json(identity.peer == Peer::Unix);
        let (addresses, serving) = serving_three(three(&folder), Router::new().route("/", get(peer))).await;
        for (address, is_unix) in addresses.iter().zip([false, true, false]) {
            assert_eq!(get_once(address, "/").await.json(), is_unix, "{address}");
            assert_eq!(get_once(address, "/health/ready").await.status, 200);
        }
        assert_eq!(serving.stop().await.answered, 6);
    })
    .await;
}

#[tokio::test]
async fn a_request_in_flight_on_each_is_answered_while_all_drain() {
    within_deadline(async {
        let (folder, gate) = (TempDir::new().unwrap(), Gate::new());
        let (addresses, serving) = serving_three(three(&folder), gate.routes()).await;
        let mut clients = Vec::new();
        for address in &addresses {
            let mut client = Client::connect(address).await;
            client.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
            gate.entered().await;
            clients.push(client);
        }
        serving.ask.send(()).unwrap();
        for address in &addresses {
            refused(address).await;
        }
        gate.let_go(3);
        for client in &mut clients {
            assert!(client.answer().await.unwrap().is_last());
            client.closed().await;
        }
        let report = serving.report.await.unwrap();
        assert_eq!((report.answered_while_draining, report.is_clean()), (3, true));
    })
    .await;
}

#[tokio::test]
async fn one_bound_on_connections_holds_for_all_addresses_together() {
    within_deadline(async {
        let folder = TempDir::new().unwrap();
        let limits = Limits { max_connections: 1, ..Limits::default() };
        let (addresses, serving) = serving_three(Config { limits, ..three(&folder) }, Gate::new().routes()).await;
        // Each in turn takes the only place and gives it back: none of the sockets keeps one for itself.
        for address in addresses.iter().chain(&addresses) {
            let mut client = Client::connect(address).await;
            assert_eq!(client.get("/quick").await.status, 200, "{address}");
        }
        let mut first = Client::connect(&addresses[0]).await;
        assert_eq!(first.get("/quick").await.status, 200);
        let mut second = Client::connect(&addresses[1]).await;
        second.send("GET /quick HTTP/1.1\r\nhost: test\r\n\r\n").await;
        assert_eq!(first.get("/quick").await.status, 200);
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(50), second.answer()).await;
        assert!(waiting.is_err(), "answered above the bound");
        drop(first);
        assert_eq!(second.answer().await.unwrap().status, 200);
        drop(second);
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_in_the_queue_of_a_socket_is_answered_when_the_process_stops() {
    within_deadline(async {
        // One thread: nothing is accepted while this test does not yield, and it does not between here and the signal.
        let (_folder, config) = unix_config();
        let serving = serving_with(config, Gate::new().routes()).await;
        let path = serving.address.unix().unwrap().to_owned();
        let connect = |_| {
            let mut stream = UnixStream::connect(&path).unwrap();
            stream.write_all(b"GET /quick HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
            stream
        };
        let streams: Vec<_> = (0..50).map(connect).collect();
        serving.ask.send(()).unwrap();
        let report = serving.report.await.unwrap();
        assert_eq!((report.answered, report.is_clean()), (50, true), "{report}");
        for mut stream in streams {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_file_is_for_its_owner_and_group_and_goes_with_the_server() {
    within_deadline(async {
        let (_folder, config) = unix_config();
        let serving = serving_with(config.clone(), Router::new()).await;
        let path = serving.address.unix().unwrap().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        serving.stop().await;
        assert!(!path.exists());
        // Also where nothing was ever served.
        drop(config.bind().await.unwrap());
        while path.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_file_of_a_dead_server_is_replaced_that_of_a_live_one_is_not() {
    within_deadline(async {
        let (_folder, config) = unix_config();
        let path = config.listen[0].unix().unwrap().to_owned();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a socket's file outlives it");
        let serving = serving_with(config, Router::new()).await;
        let error = bind_error(&path).await;
        assert_eq!((error.kind(), error.address()), (io::ErrorKind::AddrInUse, &serving.address));
        assert!(error.to_string().starts_with(&format!("cannot listen on unix:{}: ", path.display())), "{error}");
        assert_eq!(get_once(&serving.address, "/health/live").await.json(), json!({ "live": true }));
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_successor_at_the_same_path_keeps_its_file() {
    within_deadline(async {
        let (_folder, config) = unix_config();
        let path = config.listen[0].unix().unwrap().to_owned();
        let first = serving_with(config, Router::new()).await;
        std::fs::remove_file(&path).unwrap();
        let _second = UnixListener::bind(&path).unwrap();
        first.stop().await;
        assert!(path.exists());
    })
    .await;
}

#[tokio::test]
async fn what_is_no_socket_is_never_removed() {
    within_deadline(async {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "dear diary").unwrap();
        let error = bind_error(&path).await;
        assert!(error.to_string().ends_with("is no socket; remove it, or choose another path"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "dear diary");
        let error = bind_error(&folder.path().join("none/socket")).await;
        assert!(error.to_string().ends_with("make the folder first"), "{error}");
        let error = bind_error(&folder.path().join("x".repeat(200))).await;
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
    })
    .await;
}

#[tokio::test]
async fn one_address_that_is_taken_gives_the_others_back() {
    within_deadline(async {
        let (folder, first) = (TempDir::new().unwrap(), bound().await);
        let path = folder.path().join("socket");
        let listen = vec![Address::Unix(path.clone()), first.addresses()[0].clone()];
        let error = Config { listen, drain: Drain::default(), ..config() }.bind().await.unwrap_err();
        assert_eq!((error.kind(), error.address()), (io::ErrorKind::AddrInUse, &first.addresses()[0]));
        assert!(!path.exists());
    })
    .await;
}
