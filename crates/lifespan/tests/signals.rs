//! The process' own signals. One test, because every listener in a process sees every signal.

use std::io;
use std::process::Command;

use axum::Router;
use loadonce_lifespan::status::{Phase, StatusView};
use loadonce_lifespan::{Config, Drain, RunError, Startup, run, signals};
use tokio::sync::oneshot;

use crate::support::{Client, Gate, bound, config, loaded, within_deadline};

fn send(signal: &str) {
    let process = std::process::id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &process]).status().unwrap().success());
}

#[tokio::test]
async fn the_first_drains_and_the_second_ends_it() {
    within_deadline(async {
        the_whole_life_in_one_call().await;
        a_port_that_is_taken().await;
        a_second_signal().await;
    })
    .await;
}

async fn the_whole_life_in_one_call() {
    let (sender, status) = oneshot::channel::<StatusView>();
    let startup = async move |startup: &Startup| {
        drop(sender.send(startup.status()));
        Ok(())
    };
    let running = tokio::spawn(run(config(), startup, |()| Router::new()));
    status.await.unwrap().wait_until(|now| now.phase == Phase::Ready).await;
    send("TERM");
    assert!(running.await.unwrap().unwrap().is_clean());
}

async fn a_port_that_is_taken() {
    let first = bound().await;
    let error =
        run(Config { listen: first.addresses().to_vec(), ..config() }, async |_: &Startup| Ok(()), |()| Router::new())
            .await
            .unwrap_err();
    assert!(matches!(&error, RunError::Bind(error) if error.kind() == io::ErrorKind::AddrInUse));
    assert_eq!(format!("{error:?}"), error.to_string());
}

async fn a_second_signal() {
    let gate = Gate::new();
    let loaded = loaded(Config { drain: Drain::default(), ..config() }).await;
    let (address, status, routes) = (loaded.addresses()[0].clone(), loaded.status(), gate.routes());
    let shutdown = signals().unwrap();
    let report = tokio::spawn(async move { loaded.serve(|()| routes, shutdown).await });
    status.wait_until(|now| now.phase == Phase::Ready).await;
    let mut client = Client::connect(&address).await;
    client.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
    gate.entered().await;
    send("INT");
    status.wait_until(|now| now.phase == Phase::Draining).await;
    send("TERM");
    let report = report.await.unwrap();
    assert_eq!((report.at_once, report.cut_off), (true, 1));
}
