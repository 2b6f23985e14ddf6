//! `loadonce serve`: bind, load, serve, drain.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use loadonce_core::loader::{Engines, LoadOptions, Serving};
use loadonce_core::plan::Admission;
use loadonce_core::status::{Phase, Readiness, ReadyRules, Snapshot, StatusView};
use loadonce_core::{Budget, LoadError, LoadErrorKind, ModelSpec};
use loadonce_lifespan::{
    Address, Application, BindError, Bound, Config, Drain, Failed, Loaded, Observer, Paths, Report, Shutdown, Startup,
    StartupErrorKind, signals,
};
use loadonce_server::report::{ErrorReport, StartupReport};
use loadonce_server::{Api, Telemetry};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::access_log::AccessLog;
use super::dev::Dev;
use super::exit::Exit;
use super::narrate::Narrator;
use super::output::say;
use super::plan::Before;
use super::settings::{GRPC_PORT, GRPC_UDS};
use super::{Failure, LogFormat, Settings, find, plan};
use crate::{InstalledEngines, load_serving};

/// Serves until told to stop.
pub(super) async fn serve(mut settings: Settings, engines: Arc<InstalledEngines>) -> Result<Exit, Failure> {
    // What cannot be loaded may be mended while it is developed.
    settings.keep_going |= settings.dev;
    let Some((observer, writer)) = AccessLog::start(settings.access_log) else {
        let report = serve_observed(&settings, engines, None).await?;
        return Ok(close(&settings, &report));
    };
    let served = serve_observed(&settings, engines, Some(Arc::new(observer))).await;
    // A reader who does not read the log would hold the last word up too.
    let is_read = writer.finish().await;
    served.map(|report| if is_read { close(&settings, &report) } else { exit_of(&report) })
}

async fn serve_observed(
    settings: &Settings,
    engines: Arc<InstalledEngines>,
    observer: Option<Arc<dyn Observer>>,
) -> Result<Report, Failure> {
    let mut shutdown =
        signals().map_err(|error| Failure::new(Exit::Internal, format!("cannot listen to signals: {error}")))?;
    let dev = settings.dev.then(|| Dev::new(settings, Arc::clone(&engines)));
    let specs = find(settings)?;
    let admission = plan::admit(settings, &specs, &engines)?;
    let config = Config { observer, ..config(settings) };
    let bound = config.bind_with(|status| meanwhile(settings, &Telemetry::new(status))).await;
    let bound = bound.map_err(|error| not_bound(settings, &error))?;
    announce(settings, bound.addresses(), specs.len());
    if let Some(line) = engines.announcement().filter(|_| settings.log == LogFormat::Text) {
        say(&format!("  {line}"));
    }
    // Its own, because no prediction is counted while loading.
    let telemetry = Telemetry::new(bound.status());
    let before = Before::now();
    let loaded = load(settings, bound, (specs, Arc::clone(&engines), admission), &mut shutdown).await?;
    let herald = tokio::spawn(herald(settings.clone(), loaded.status(), loaded.addresses().to_vec()));
    learn(settings, engines, before, &loaded.status());
    let limits = loadonce_server::Limits {
        body_bytes: settings.max_body_bytes,
        message_bytes: settings.max_grpc_message_bytes,
        large_bodies: loadonce_server::Limits::large_bodies_for(settings.cores),
    };
    let (tell, told) = oneshot::channel();
    let watcher = dev.map(|dev| tokio::spawn(watch(dev, told)));
    let serve = move |serving: Arc<Serving>| {
        let api = Api::new(serving.registry(), telemetry, limits);
        let routes = routes(settings, &api);
        // Nobody listens unless files are watched.
        let _ = tell.send((serving, api));
        routes
    };
    let report = loaded.serve(serve, shutdown).await;
    herald.abort();
    watcher.iter().for_each(JoinHandle::abort);
    Ok(report)
}

/// Keeps what the model took for later plans. Reads its files once more, which takes no thread of the runtime.
fn learn(settings: &Settings, engines: Arc<InstalledEngines>, before: Option<Before>, status: &StatusView) {
    let (settings, snapshot) = (settings.clone(), status.snapshot());
    tokio::task::spawn_blocking(move || before.map(|before| before.learn(&settings, &engines, &snapshot)));
}

/// Loads anew what changes, once there is something that serves.
async fn watch(dev: Dev, serving: oneshot::Receiver<(Arc<Serving>, Api)>) {
    if let Ok((serving, api)) = serving.await {
        dev.watch(serving, api).await;
    }
}

fn config(settings: &Settings) -> Config {
    Config {
        listen: settings.listeners().into_iter().map(|(_, address)| address).collect(),
        paths: paths(settings),
        rules: rules(settings),
        drain: Drain { delay: settings.drain_delay, timeout: settings.drain_timeout, ..Drain::default() },
        limits: settings.limits,
        resources_key: "models",
        ..Config::default()
    }
}

/// Where probes ask: `/ping` is SageMaker's path, another one may be the platform's choice.
fn paths(settings: &Settings) -> Paths {
    let also_ready = settings.health_path.iter().cloned().chain(["/ping".to_owned()]).collect();
    Paths { live: "/v2/health/live", ready: "/v2/health/ready", also_ready, startup: None }
}

/// What answers while models are loading.
fn meanwhile(settings: &Settings, telemetry: &Telemetry) -> Router {
    let routes = settings.cors_origins.clone().allow(telemetry.routes());
    if settings.grpc { routes.merge(telemetry.grpc_routes()) } else { routes }
}

/// What answers once they are loaded.
fn routes(settings: &Settings, api: &Api) -> Application {
    let with_others = |http| {
        let routes = settings.cors_origins.clone().allow(http);
        if settings.grpc { routes.merge(api.clone().grpc_routes()) } else { routes }
    };
    match &settings.predict_path {
        // It may be any, also one that the shortcut would take for its own.
        Some(path) => with_others(api.clone().routes_and(path)).into(),
        None => Application::new(api.clone().before(with_others(api.clone().routes()))),
    }
}

fn not_bound(settings: &Settings, error: &BindError) -> Failure {
    let listeners = settings.listeners();
    let flag = listeners.iter().find(|(_, address)| address == error.address()).map_or("", |(flag, _)| flag);
    Failure::new(Exit::Address, format!("{error} ({flag})"))
}

/// What readiness tolerates.
pub(super) fn rules(settings: &Settings) -> ReadyRules {
    ReadyRules { allow_empty: settings.allow_empty, keep_going: settings.keep_going }
}

/// How to load.
pub(super) fn load_options(settings: &Settings) -> LoadOptions {
    let (deadline, keep_going) = (settings.startup_timeout, settings.keep_going);
    LoadOptions { deadline, keep_going, budget: Budget::new(settings.cores), ..LoadOptions::default() }
}

async fn load(
    settings: &Settings,
    bound: Bound,
    (specs, engines, admission): (Vec<ModelSpec>, Arc<InstalledEngines>, Admission),
    shutdown: &mut Shutdown,
) -> Result<Loaded<Arc<Serving>>, Failure> {
    let status = bound.status();
    let narrator = Narrator::start(status, settings.log);
    let options = LoadOptions { admission, ..load_options(settings) };
    let engines: Arc<dyn Engines> = engines;
    let startup = async move |startup: &Startup| load_serving(startup, specs, &engines, options).await;
    let loaded = bound.load_unless(startup, shutdown).await;
    narrator.finish().await;
    loaded.map_err(|failed| startup_failure(settings, &failed))
}

/// Says that the server is ready, and writes the startup report, once that is true.
async fn herald(settings: Settings, status: StatusView, addresses: Vec<Address>) {
    let snapshot = status.wait_until(|now| now.phase >= Phase::Ready).await;
    if settings.log == LogFormat::Text {
        let milliseconds = snapshot.uptime.as_secs_f64() * 1e3;
        let page = addresses.iter().find_map(Address::tcp).map(|address| format!(", docs page http://{address}/docs"));
        say(&format!("ready after {milliseconds:.0} ms{}", page.unwrap_or_default()));
    }
    if let Err(failure) = write_report(&settings, &StartupReport::new(&snapshot, &status.readiness())) {
        tracing::error!("{}", failure.message);
    }
}

fn startup_failure(settings: &Settings, failed: &Failed) -> Failure {
    let error = failed.error();
    let Some(cause) = error.downcast_ref::<LoadError>() else {
        let exit = match error.kind() {
            StartupErrorKind::Interrupted => Exit::Interrupted,
            StartupErrorKind::TimedOut => Exit::StartupTimeout,
            _ => Exit::Internal,
        };
        return Failure::new(exit, error.to_string());
    };
    failed_load(settings, failed.snapshot(), cause)
}

/// The failure of a load, and its startup report where one is wanted.
pub(super) fn failed_load(settings: &Settings, snapshot: &Snapshot, cause: &LoadError) -> Failure {
    let exit = Exit::from(cause.kind());
    let mut report = StartupReport::new(snapshot, &Readiness::NotReady(cause.to_string()));
    report.error = Some(ErrorReport::new(cause, exit.code()));
    match write_report(settings, &report) {
        Ok(()) => Failure::new(exit, cause.to_string()),
        Err(also) => Failure::new(exit, format!("{cause}\n{}", also.message)),
    }
}

/// Writes the startup report where one is wanted.
pub(super) fn write_report(settings: &Settings, report: &StartupReport) -> Result<(), Failure> {
    let Some(path) = &settings.startup_report else { return Ok(()) };
    write_json(path, report).map_err(|error| {
        let message = format!("{}: cannot write the startup report: {error}", path.display());
        Failure::new(LoadErrorKind::Configuration.into(), message)
    })
}

fn write_json(path: &Path, report: &StartupReport) -> std::io::Result<()> {
    std::fs::write(path, serde_json::to_string_pretty(report)? + "\n")
}

/// For people; the shell logs the same as events.
fn announce(settings: &Settings, addresses: &[Address], models: usize) {
    if settings.log == LogFormat::Text {
        let listeners = settings.listeners();
        let of = |grpc: bool, in_words: fn(&Address) -> String| {
            let flags = listeners.iter().map(|(flag, _)| [GRPC_PORT, GRPC_UDS].contains(flag));
            let these = flags.zip(addresses).filter(|(is_grpc, _)| *is_grpc == grpc);
            these.map(|(_, address)| in_words(address)).collect::<Vec<_>>().join(" and ")
        };
        let (http, grpc) = (of(false, in_words), of(true, Address::to_string));
        let parts = [("listening on", http), ("gRPC on", grpc), ("loading", counted(models, "model"))];
        let parts = parts.into_iter().filter(|(_, what)| !what.is_empty());
        let parts: Vec<_> = parts.map(|(word, what)| format!("{word} {what}")).collect();
        say(&format!("loadonce {}, {}", env!("CARGO_PKG_VERSION"), parts.join(", ")));
    }
}

/// A URL, where there is one.
fn in_words(address: &Address) -> String {
    match address {
        Address::Tcp(address) => format!("http://{address}"),
        Address::Unix(_) => address.to_string(),
    }
}

fn close(settings: &Settings, report: &Report) -> Exit {
    if settings.log == LogFormat::Text {
        say(&report.to_string());
    }
    exit_of(report)
}

fn exit_of(report: &Report) -> Exit {
    if report.is_clean() { Exit::Fine } else { Exit::Interrupted }
}

/// `1 model`, `4 models`.
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
