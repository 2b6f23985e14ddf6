//! The craft of HTTP/1.1 on the real binary, byte by byte.

use crate::support::{Folder, Server};

const SETOSA: &str = r#"{"instances":[[5.1,3.5,1.4,0.2]]}"#;

fn server(arguments: &[&str]) -> (Folder, Server) {
    let folder = Folder::new();
    folder.iris("iris");
    folder.iris("my iris");
    let path = folder.path().to_str().unwrap().to_owned();
    let server = Server::start(arguments.iter().copied().chain([path.as_str()]));
    server.until_ready();
    (folder, server)
}

fn predict(headers: &str) -> String {
    let length = SETOSA.len();
    format!("POST /v1/models/iris:predict HTTP/1.1\r\nhost: t\r\ncontent-length: {length}\r\n{headers}\r\n")
}

#[test]
fn pipelined_requests_of_all_kinds_are_all_answered_in_order() {
    let (_folder, server) = server(&[]);
    let mut client = server.client();
    let kinds = [
        (predict("") + SETOSA, 200),
        ("GET /v2/health/live HTTP/1.1\r\nhost: t\r\n\r\n".to_owned(), 200),
        ("GET /nowhere HTTP/1.1\r\nhost: t\r\n\r\n".to_owned(), 404),
        ("DELETE /v2 HTTP/1.1\r\nhost: t\r\n\r\n".to_owned(), 405),
        ("OPTIONS /v2 HTTP/1.1\r\nhost: t\r\n\r\n".to_owned(), 204),
    ];
    client.write(&kinds.iter().map(|(request, _)| request.as_str()).collect::<String>().repeat(20)).unwrap();
    for (_, expected) in kinds.iter().cycle().take(20 * kinds.len()) {
        assert_eq!(client.receive().unwrap().status, *expected);
    }
}

#[test]
fn a_body_that_would_be_refused_is_refused_before_it_is_sent() {
    let (_folder, server) = server(&["--max-body-bytes", "100"]);
    let mut client = server.client();
    client.write(&predict("expect: 100-continue\r\n")).unwrap();
    assert_eq!(client.receive().unwrap().status, 100);
    client.write(SETOSA).unwrap();
    assert_eq!(client.receive().unwrap().status, 200);

    let refused = [
        ("POST /v1/models/iris:predict HTTP/1.1\r\nhost: t\r\ncontent-length: 101\r\n", 413),
        ("POST /v1/models/none:predict HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n", 404),
    ];
    for (head, expected) in refused {
        let mut client = server.client();
        client.write(&format!("{head}expect: 100-continue\r\n\r\n")).unwrap();
        let answer = client.receive().unwrap();
        assert_eq!(answer.status, expected);
        assert!(answer.json()["error"].is_string());
    }
}

#[test]
fn health_and_models_are_found_however_their_path_is_written() {
    let (_folder, server) = server(&[]);
    let mut client = server.client();
    let slashed = ["/v2/health/live/", "/v2/health/ready/", "/v2/", "/v2/models/my%20iris/ready/"];
    let encoded = ["/v2/models/my%20iris", "/v2/models/%69ris/versions/1", "/v1/models/my%20iris"];
    for path in slashed.into_iter().chain(encoded) {
        assert_eq!(client.send("GET", path, "").unwrap().status, 200, "{path}");
    }
    let predicted = client.send("POST", "/v1/models/my%20iris:predict", SETOSA).unwrap();
    assert_eq!(predicted.status, 200, "{}", predicted.body);
}

#[test]
fn health_says_its_methods() {
    let (_folder, server) = server(&[]);
    let mut client = server.client();
    for (method, expected) in [("OPTIONS", 204), ("POST", 405)] {
        let answer = client.send(method, "/v2/health/ready", "").unwrap();
        assert_eq!((answer.status, answer.header("allow")), (expected, Some("GET,HEAD")), "{method}");
    }
}

#[test]
fn what_cannot_be_changed_is_not_offered() {
    let (_folder, server) = server(&[]);
    let mut client = server.client();
    for path in ["/v2/logging", "/v2/trace/setting", "/v2/models/iris/trace/setting"] {
        for method in ["GET", "POST"] {
            let answer = client.send(method, path, "").unwrap();
            assert_eq!((answer.status, answer.json()["error"].is_string()), (404, true), "{method} {path}");
        }
    }
    let extensions = client.send("GET", "/v2", "").unwrap().json()["extensions"].to_string();
    assert!(!extensions.contains("logging") && !extensions.contains("trace"), "{extensions}");
}

#[test]
fn a_body_that_trickles_in_is_ended() {
    let (_folder, server) = server(&["--body-timeout", "50ms"]);
    let mut client = server.client();
    client.write(&predict("")).unwrap();
    client.write("{").unwrap();
    let answer = client.receive().unwrap();
    assert_eq!((answer.status, answer.closes()), (408, true));
    assert!(answer.json()["error"].as_str().unwrap().contains("too slowly"), "{}", answer.body);
}
