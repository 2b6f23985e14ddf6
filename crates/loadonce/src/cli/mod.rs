//! The program: arguments, settings, wiring, exit codes.

mod access_log;
mod args;
mod bench;
mod check;
mod dev;
mod engines;
mod exit;
mod http_flags;
mod inspect;
mod loaded;
mod logging;
mod narrate;
mod numbers;
mod optimize;
mod output;
mod plan;
mod sample;
mod serve;
mod settings;
mod worker;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use loadonce_core::{LoadError, LoadErrorKind, ModelSpec};

use self::args::{Action, Arguments};
use self::exit::Exit;
use self::output::{complain, say};
use self::settings::{Layers, LogFormat, Mistakes, Settings};
use crate::InstalledEngines;
use crate::engines::prepare_process;
use crate::repository::RepositoryErrors;

/// Why the program ends before its time: the exit code, and the line for stderr.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    message: String,
}

/// Runs the program with these arguments (the first is its name) and this environment.
pub fn main(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    prepare_process();
    let arguments = match Arguments::parse(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are errors to clap; it prints to the right stream and knows the code.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() };
        }
    };
    run(arguments, &text_variables(environment)).into()
}

fn run(arguments: Arguments, environment: &BTreeMap<String, String>) -> Exit {
    let Arguments { action, print_config, file, flags } = arguments;
    // What a server starts has its settings from there, and may not have a second thread.
    if let Action::Worker { library } = action {
        return worker::worker(library, environment);
    }
    let mut settings = match (Layers { file, environment: environment.clone(), flags }).resolve() {
        Ok(settings) => settings,
        Err(mistakes) => return Failure::from(mistakes).tell(LogFormat::Text),
    };
    if print_config {
        say(settings.print().trim_end());
        return Exit::Fine;
    }
    settings.engines.worker_program = std::env::current_exe().ok();
    let log = settings.log;
    logging::start(log);
    let engines = Arc::new(InstalledEngines::find(&settings.engines, environment));
    act(action, settings, engines).unwrap_or_else(|failure| failure.tell(log))
}

fn act(action: Action, settings: Settings, engines: Arc<InstalledEngines>) -> Result<Exit, Failure> {
    match action {
        Action::Serve => runtime(&settings)?.block_on(serve::serve(settings, engines)),
        Action::Check(flags) => runtime(&settings)?.block_on(check::check(settings, engines, flags)),
        Action::Sample(flags) => runtime(&settings)?.block_on(sample::sample(settings, engines, flags)),
        Action::Optimize(flags) => runtime(&settings)?.block_on(optimize::optimize(settings, engines, *flags)),
        Action::Plan(flags) => plan::plan(&settings, &engines, &flags),
        Action::Worker { library } => Ok(worker::worker(library, &BTreeMap::new())),
        Action::Measure { workers } => runtime(&settings)?.block_on(plan::measure(settings, engines, workers)),
        Action::Inspect { json } => inspect::inspect(&settings, &engines, json),
        Action::Engines { json } => engines::engines(&engines, json),
        Action::Bench(flags) => client_runtime()?.block_on(bench::bench(&flags, &settings)),
    }
}

fn runtime(settings: &Settings) -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.threads)
        .thread_name("http")
        .enable_all()
        .build();
    runtime.map_err(|error| no_runtime(&error))
}

/// For who only waits.
fn client_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| no_runtime(&error))
}

fn no_runtime(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Internal, format!("cannot start the async runtime: {error}"))
}

/// Variables that are text; ours always are.
fn text_variables(environment: impl IntoIterator<Item = (OsString, OsString)>) -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    environment.into_iter().filter_map(text).collect()
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// Says on stderr what went wrong.
    fn tell(self, log: LogFormat) -> Exit {
        for line in self.message.lines() {
            match log {
                LogFormat::Text => complain(&format!("error: {line}")),
                LogFormat::Json => tracing::error!(exit_code = self.exit.code(), "{line}"),
            }
        }
        self.exit
    }
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        Self::new(Exit::Configuration, mistakes.to_string())
    }
}

impl From<RepositoryErrors> for Failure {
    fn from(errors: RepositoryErrors) -> Self {
        Self::new(errors.kind().into(), errors.to_string())
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::new(error.kind().into(), error.to_string())
    }
}

/// An empty set of models is a mistake unless it was asked for.
fn find(settings: &Settings) -> Result<Vec<ModelSpec>, Failure> {
    let found = crate::repository::discover(&settings.models)?;
    if found.is_empty() && !settings.allow_empty {
        let paths: Vec<_> = settings.models.iter().map(|path| path.display().to_string()).collect();
        let message = if paths.is_empty() {
            "no path is named; say where the models are, as in 'loadonce serve models'".to_owned()
        } else {
            format!("no model in {}; add one, or start empty with --allow-empty", paths.join(", "))
        };
        return Err(Failure::new(LoadErrorKind::NotFound.into(), message));
    }
    Ok(found)
}
