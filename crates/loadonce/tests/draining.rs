//! Stopping: no accepted request is lost, probes learn of it first, a second signal ends it at once.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Client, Folder, Server, until};

const SETOSA: &str = r#"{"instances":[[5.1,3.5,1.4,0.2]]}"#;
const CALLERS: usize = 16;

/// What happened to the requests of one caller.
#[derive(Debug, Default)]
struct Fate {
    answered: usize,
    lost: Vec<String>,
}

fn server(arguments: &[&str]) -> (Folder, Server) {
    let folder = Folder::new();
    folder.iris("iris");
    let path = folder.path().to_str().unwrap().to_owned();
    let server = Server::start(arguments.iter().copied().chain([path.as_str()]));
    server.until_ready();
    (folder, server)
}

/// Sends one request after another until the server takes no more connections.
fn call(connect: impl Fn() -> io::Result<Client>, total: &AtomicUsize) -> Fate {
    let mut fate = Fate::default();
    while let Ok(mut client) = connect() {
        let mut fresh = true;
        loop {
            match client.send("POST", "/v1/models/iris:predict", SETOSA) {
                Ok(answer) => {
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    fate.answered += 1;
                    total.fetch_add(1, Ordering::SeqCst);
                    fresh = false;
                    if answer.closes() {
                        break;
                    }
                }
                // The server never took this connection from the kernel's queue, so it accepted no request.
                Err(_) if fresh => return fate,
                Err(error) => {
                    fate.lost.push(error.to_string());
                    return fate;
                }
            }
        }
    }
    fate
}

#[test]
fn a_signal_under_load_loses_no_accepted_request() {
    for arguments in [&[][..], &["--drain-delay", "100ms"]] {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("loadonce.sock");
        let arguments = [arguments, &["--uds", socket.to_str().unwrap()]].concat();
        let (_models, server) = server(&arguments);
        let address = server.address();
        let total = AtomicUsize::new(0);
        let (ended, fates) = std::thread::scope(|scope| {
            let by_port = (0..CALLERS / 2).map(|_| scope.spawn(|| call(|| Client::connect(address), &total)));
            let by_file = (0..CALLERS / 2).map(|_| scope.spawn(|| call(|| Client::connect_unix(&socket), &total)));
            let callers: Vec<_> = by_port.chain(by_file).collect();
            until(|| total.load(Ordering::SeqCst) >= CALLERS * 20);
            let ended = server.stop();
            (ended, callers.into_iter().map(|caller| caller.join().unwrap()).collect::<Vec<_>>())
        });
        let lost: Vec<_> = fates.iter().flat_map(|fate| &fate.lost).collect();
        assert!(lost.is_empty(), "{lost:?}");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let answered: usize = fates.iter().map(|fate| fate.answered).sum();
        assert!(ended.stdout.contains("answered"), "{}", ended.stdout);
        assert!(answered >= CALLERS * 20);
        assert!(!socket.exists());
    }
}

#[test]
fn probes_learn_of_the_end_while_requests_are_still_answered() {
    let (_folder, server) = server(&["--drain-delay", "1h"]);
    let mut client = server.client();
    server.signal();
    let mut ready = client.send("GET", "/v2/health/ready", "").unwrap();
    until(|| {
        ready = client.send("GET", "/v2/health/ready", "").unwrap();
        ready.status == 503
    });
    assert_eq!(ready.json()["phase"], "draining");
    assert_eq!(client.send("GET", "/v2/health/live", "").unwrap().status, 200);
    assert_eq!(client.send("POST", "/v1/models/iris:predict", SETOSA).unwrap().status, 200);
    // The second signal does not wait for the hour to pass.
    let ended = server.stop();
    assert_eq!(ended.code, Some(130), "{ended:?}");
}
