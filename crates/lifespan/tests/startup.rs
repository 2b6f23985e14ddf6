//! Startup: in parallel, timed, failing fast, and undone in reverse.

use std::convert::Infallible;
use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use loadonce_lifespan::status::{Phase, Stage};
use loadonce_lifespan::{Config, Drain, Shutdown, Startup, StartupError, StartupErrorKind};
use tokio::sync::oneshot;

use crate::support::{bound, config, serve, within_deadline};

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("model file is cut short")]
struct CutShort {
    code: u8,
}

type Log = Arc<Mutex<Vec<&'static str>>>;

fn note(log: &Log, startup: &Startup, name: &'static str) {
    let log = Arc::clone(log);
    startup.on_stop(name, move || async move { log.lock().unwrap().push(name) });
}

#[tokio::test]
async fn resources_are_built_at_the_same_time_and_timed() {
    within_deadline(async {
        // Each of the two can only finish while the other is under way.
        let meeting = Arc::new(Barrier::new(2));
        let startup = async move |startup: &Startup| {
            let (first, second) = (Arc::clone(&meeting), meeting);
            let first = startup.blocking("first", move |_| Ok::<_, Infallible>(first.wait().is_leader()));
            let second = startup.blocking("second", move |_| Ok::<_, Infallible>(second.wait().is_leader()));
            Ok::<_, StartupError>((first.await?, second.await?))
        };
        let loaded = bound().await.load(startup).await.unwrap();
        let (first, second) = *loaded.state();
        assert!(first ^ second);
        let snapshot = loaded.status().snapshot();
        assert_eq!(snapshot.phase, Phase::Loading);
        for name in ["first", "second"] {
            let component = snapshot.component(name).unwrap();
            assert_eq!(component.stage, Stage::Ready);
            assert!(component.startup_time() > Duration::ZERO);
        }
    })
    .await;
}

#[tokio::test]
async fn a_startup_function_that_blocks_its_thread_does_not_block_the_probes() {
    within_deadline(async {
        let bound = bound().await;
        let address = bound.addresses()[0].clone();
        let (finish, blocked) = mpsc::channel::<()>();
        let loading = tokio::spawn(bound.load(async move |_: &Startup| Ok(blocked.recv()?)));
        // This test's runtime has one thread only.
        assert_eq!(crate::support::get_once(&address, "/health/live").await.status, 200);
        finish.send(()).unwrap();
        loading.await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_error_of_startup_keeps_its_type_and_closes_the_socket() {
    within_deadline(async {
        let bound = bound().await;
        let (address, status) = (bound.addresses()[0].clone(), bound.status());
        let failed = bound.load::<(), _>(async |_: &Startup| Err(CutShort { code: 3 }.into())).await.unwrap_err();
        assert_eq!(failed.to_string(), "model file is cut short");
        assert_eq!(failed.error().kind(), StartupErrorKind::Failed);
        assert_eq!(failed.error().downcast_ref(), Some(&CutShort { code: 3 }));
        assert_eq!(failed.snapshot().phase, Phase::Loading);
        assert_eq!(status.phase(), Phase::Stopped);
        assert_eq!(TcpStream::connect(address.tcp().unwrap()).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    })
    .await;
}

#[tokio::test]
async fn the_first_failure_ends_startup_though_another_resource_still_loads() {
    within_deadline(async {
        let (told, cancelled) = mpsc::channel();
        let startup = async move |startup: &Startup| {
            let slow = startup.blocking("slow", move |progress| {
                while !progress.is_cancelled() {
                    std::thread::yield_now();
                }
                told.send(())
            });
            let broken = startup.blocking("broken", |_| Err::<(), _>(CutShort { code: 7 }));
            // Awaits the one that never ends.
            slow.await?;
            broken.await
        };
        let failed = bound().await.load(startup).await.unwrap_err();
        assert_eq!(failed.to_string(), "'broken' failed: model file is cut short");
        assert_eq!(failed.error().resource(), Some("broken"));
        assert_eq!(failed.error().downcast_ref(), Some(&CutShort { code: 7 }));
        assert_eq!(failed.snapshot().component("broken").unwrap().stage, Stage::Failed);
        assert_eq!(failed.snapshot().component("slow").unwrap().stage, Stage::Loading);
        cancelled.recv().unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_load_that_nobody_waits_for_is_told() {
    within_deadline(async {
        let (sender, progress) = oneshot::channel();
        let startup = async move |startup: &Startup| -> Result<(), _> {
            let weights = startup.declare("weights");
            drop(sender.send(weights.progress().clone()));
            std::future::pending().await
        };
        let loading = Box::pin(bound().await.load(startup));
        let progress = tokio::select! {
            _ = loading => unreachable!("startup never ends"),
            progress = progress => progress.unwrap(),
        };
        // The select has dropped the load.
        assert!(progress.is_cancelled());
    })
    .await;
}

#[tokio::test]
async fn panics_are_failures_that_name_who_and_what() {
    within_deadline(async {
        let failed = bound().await.load::<(), _>(async |_: &Startup| panic!("no {}", "luck")).await.unwrap_err();
        assert_eq!(failed.to_string(), "startup panicked: no luck");
        assert_eq!(failed.error().kind(), StartupErrorKind::Panicked);

        let in_thread = async |startup: &Startup| -> Result<(), _> {
            startup.blocking("iris", |_| -> Result<(), Infallible> { panic!("bad weights") }).await
        };
        let failed = bound().await.load(in_thread).await.unwrap_err();
        assert_eq!(failed.to_string(), "'iris' panicked: bad weights");
        assert_eq!(failed.snapshot().component("iris").unwrap().reason.as_deref(), Some("panicked: bad weights"));

        let in_task = async |startup: &Startup| -> Result<(), _> {
            startup.task("pool", async { panic!("no route") as Result<(), Infallible> }).await
        };
        let failed = bound().await.load(in_task).await.unwrap_err();
        assert_eq!(failed.to_string(), "'pool' panicked: no route");
        assert_eq!(failed.error().resource(), Some("pool"));
    })
    .await;
}

#[tokio::test]
async fn a_deadline_names_everything_that_was_not_ready() {
    within_deadline(async {
        let bound = Config { startup_timeout: Some(Duration::from_millis(20)), ..config() }.bind().await.unwrap();
        let status = bound.status();
        let startup = async |startup: &Startup| {
            startup.task("done", async { Ok::<_, Infallible>(()) }).await?;
            let weights = startup.declare("weights");
            weights.progress().expect(40);
            weights.progress().advance(12);
            startup.task("pool", std::future::pending::<Result<(), Infallible>>()).await
        };
        let failed = bound.load(startup).await.unwrap_err();
        assert_eq!(failed.error().kind(), StartupErrorKind::TimedOut);
        let text = failed.to_string();
        assert!(text.starts_with("startup did not finish within 0.02 s: waited for 'weights' (declared for 0.0 s, 12 of 40 bytes); 'pool' (loading for 0.0 s)"), "{text}");
        assert!(!text.contains("done"), "{text}");
        assert_eq!(status.phase(), Phase::Stopped);
    })
    .await;
}

#[tokio::test]
async fn a_resource_that_startup_drops_or_leaves_is_not_ready() {
    within_deadline(async {
        let dropping = async |startup: &Startup| {
            drop(startup.task("pool", std::future::pending::<Result<(), Infallible>>()));
            Ok::<_, StartupError>(())
        };
        let failed = bound().await.load(dropping).await.unwrap_err();
        assert_eq!(failed.error().kind(), StartupErrorKind::Unfinished);
        let expected = "startup returned before 'pool' (failed: given up: startup no longer waits for it) was ready";
        assert_eq!(failed.to_string(), expected);

        let (keep, kept) = oneshot::channel();
        let leaving = async move |startup: &Startup| {
            drop(keep.send(startup.declare("iris")));
            Ok(())
        };
        let failed = bound().await.load(leaving).await.unwrap_err();
        assert!(failed.to_string().starts_with("startup returned before 'iris' (declared"), "{failed}");
        drop(kept);
    })
    .await;
}

#[tokio::test]
async fn teardown_runs_in_reverse_after_serving() {
    within_deadline(async {
        let log = Log::default();
        let startup = {
            let log = Arc::clone(&log);
            async move |startup: &Startup| {
                note(&log, startup, "pool");
                note(&log, startup, "model");
                Ok(DropNote(Arc::clone(&log)))
            }
        };
        let loaded = bound().await.load(startup).await.unwrap();
        let report = loaded.serve(keeping, async {}).await;
        assert!(report.is_clean());
        // The state goes first: it was made last.
        assert_eq!(*log.lock().unwrap(), ["state", "model", "pool"]);
        assert_eq!(report.last.phase, Phase::Stopped);
    })
    .await;
}

struct DropNote(Log);

impl Drop for DropNote {
    fn drop(&mut self) {
        self.0.lock().unwrap().push("state");
    }
}

fn keeping(state: DropNote) -> axum::Router {
    axum::Router::new().with_state(Arc::new(state)).route("/", axum::routing::get(async || ()))
}

#[tokio::test]
async fn teardown_runs_in_reverse_after_a_failed_startup() {
    within_deadline(async {
        let log = Log::default();
        let noted = Arc::clone(&log);
        let startup = async move |startup: &Startup| -> Result<(), _> {
            note(&noted, startup, "pool");
            note(&noted, startup, "model");
            Err(StartupError::new("no"))
        };
        bound().await.load(startup).await.unwrap_err();
        assert_eq!(*log.lock().unwrap(), ["model", "pool"]);
    })
    .await;
}

#[tokio::test]
async fn a_teardown_that_panics_or_hangs_does_not_stop_the_others() {
    within_deadline(async {
        let log = Log::default();
        let noted = Arc::clone(&log);
        let drain = Drain { teardown: Duration::from_millis(20), ..Drain::default() };
        let startup = async move |startup: &Startup| {
            note(&noted, startup, "last");
            startup.on_stop("hangs", std::future::pending);
            startup.on_stop("panics", || async { panic!("while closing") });
            Ok(())
        };
        let loaded = Config { drain, ..config() }.bind().await.unwrap().load(startup).await.unwrap();
        let report = serve(loaded, axum::Router::new()).await.stop().await;
        assert_eq!(report.not_torn_down, ["panics", "hangs"]);
        assert!(!report.is_clean());
        assert_eq!(*log.lock().unwrap(), ["last"]);
    })
    .await;
}

#[tokio::test]
async fn the_word_to_stop_ends_a_startup_that_is_under_way() {
    within_deadline(async {
        let (stop, stopped) = oneshot::channel::<()>();
        let mut shutdown = Shutdown::on(async { drop(stopped.await) });
        let bound = bound().await;
        let status = bound.status();
        let startup =
            async |startup: &Startup| startup.task("pool", std::future::pending::<Result<(), Infallible>>()).await;
        let loading = tokio::spawn(async move { bound.load_unless(startup, &mut shutdown).await });
        status.wait_until(|now| !now.components.is_empty()).await;
        drop(stop);
        let failed = loading.await.unwrap().unwrap_err();
        assert_eq!(failed.error().kind(), StartupErrorKind::Interrupted);
        assert_eq!(status.phase(), Phase::Stopped);
    })
    .await;
}

#[tokio::test]
async fn resources_are_unloaded_in_the_end() {
    within_deadline(async {
        let startup = async |startup: &Startup| startup.blocking("iris", |_| Ok::<_, Infallible>(1)).await;
        let loaded = bound().await.load(startup).await.unwrap();
        let report = serve(loaded, axum::Router::new()).await.stop().await;
        assert_eq!(report.last.component("iris").unwrap().stage, Stage::Unloaded);
        let phases: Vec<_> = report.last.phases.iter().map(|(phase, _)| *phase).collect();
        assert_eq!(phases, [Phase::Binding, Phase::Loading, Phase::Ready, Phase::Draining, Phase::Stopped]);
    })
    .await;
}
