//! A server for one model as a good engineer writes it by hand: axum, ONNX Runtime, and a struct for each body.
//!
//! It takes and gives what loadonce takes and gives on the same path, and nothing else: it knows its one model, so it has
//! no signature, no queue, no batches, no metrics, no log, no readiness.

mod big;
mod error;
mod minilm;
mod sessions;
mod tabular;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::serve::ListenerExt as _;
use clap::{Parser, ValueEnum};

use self::sessions::Sessions;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As large as loadonce takes by default.
const MAX_BODY_BYTES: usize = 64 << 20;

/// Serves one model.
#[derive(Parser)]
struct Arguments {
    work: Work,
    /// The model's file
    model: PathBuf,
    /// The ONNX Runtime library
    #[arg(long)]
    library: PathBuf,
    #[arg(long)]
    address: SocketAddr,
    /// Session objects of ONNX Runtime, each with a copy of the weights and one thread a run
    #[arg(long, default_value_t = 2)]
    sessions: usize,
    /// Threads of the async runtime
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Work {
    Iris,
    Forest,
    Minilm,
    Big,
}

impl Work {
    fn routes(self, sessions: Sessions) -> Router {
        match self {
            Self::Iris => tabular::routes::<4, 3>("/v1/models/iris:predict", sessions),
            Self::Forest => tabular::routes::<30, 2>("/v1/models/forest:predict", sessions),
            Self::Minilm => minilm::routes(sessions),
            Self::Big => big::routes(sessions),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(arguments.threads).enable_all().build()?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let environment = ort::init_from(&arguments.library)?.with_telemetry(false).build()?;
    let sessions = Sessions::open(&environment, &arguments.model, arguments.sessions)?;
    let routes = arguments.work.routes(sessions).layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    let listener = tokio::net::TcpListener::bind(arguments.address).await?;
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, routes).await?)
}
