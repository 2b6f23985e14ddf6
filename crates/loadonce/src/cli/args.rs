//! Arguments as they were typed. Values stay text here; the settings read them like those of the other layers.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::bench::BenchFlags;
use super::check::CheckFlags;
use super::exit;
use super::http_flags::HttpFlags;
use super::optimize::OptimizeFlags;
use super::plan::PlanFlags;
use super::sample::SampleFlags;
use super::settings::PATH_SEPARATOR;

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) struct Arguments {
    pub(super) action: Action,
    pub(super) print_config: bool,
    /// The configuration file.
    pub(super) file: Option<PathBuf>,
    /// Flags by the name of their setting.
    pub(super) flags: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Serve,
    Check(CheckFlags),
    Sample(SampleFlags),
    Plan(PlanFlags),
    Optimize(Box<OptimizeFlags>),
    Measure { workers: Option<usize> },
    Worker { library: Option<PathBuf> },
    Inspect { json: bool },
    Engines { json: bool },
    Bench(Box<BenchFlags>),
}

/// Loads machine-learning models once, proves it, and serves them.
#[derive(Debug, Parser)]
#[command(name = "loadonce", version, after_help = exit::HELP, disable_help_subcommand = true)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Load models and answer predictions over HTTP
    Serve(Box<Serve>),
    /// Load models as serve does, ask each alone and by many threads, and say what is wrong with it
    Check(Box<Check>),
    /// Write a sample of a model: a request that it answers, with the right answers where you have them
    Sample(Box<Sample>),
    /// Say what models will take in memory, and whether that fits, before anything is loaded
    Plan(Box<Plan>),
    /// Write a model in ONNX anew so that it starts fast, prove that it answers as before, and say what was gained
    Optimize(Box<Optimize>),
    /// Load one model and print what it takes, for plan --measure and optimize
    #[command(hide = true)]
    Measure(Box<Measure>),
    /// Load one model for a server that isolates it, and run it in processes that are forked then
    #[command(hide = true)]
    Worker {
        /// ONNX Runtime's library [default: none]
        #[arg(long)]
        onnxruntime: Option<PathBuf>,
    },
    /// Show a model's signature, operators, engine and size
    Inspect(Inspect),
    /// Show the engines: versions, where they were found, and how to get a missing one
    Engines(ShowEngines),
    /// Put load on a server, compare its answers, and show its speed: requests a second, latencies, cores, memory
    Bench(Box<BenchFlags>),
}

#[derive(Debug, Args)]
#[command(after_help = exit::HELP)]
struct Serve {
    #[command(flatten)]
    load: Load,
    /// For development: load a model anew when its files change, and wait for a change where one cannot be loaded
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    dev: Option<String>,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "IP")]
    host: Option<String>,
    /// Port to listen on; 0 for any free one, which is printed; off for none [default: 8000]
    #[arg(long)]
    port: Option<String>,
    /// Unix domain socket to listen on too, with mode 0660 [default: none]
    #[arg(long, value_name = "PATH")]
    uds: Option<String>,
    #[command(flatten)]
    grpc: GrpcFlags,
    #[command(flatten)]
    paths: PathFlags,
    /// Time to go on answering after being told to stop, for load balancers to notice [default: 0s]
    #[arg(long, value_name = "TIME")]
    drain_delay: Option<String>,
    /// Time for requests under way to finish while stopping [default: 30s]
    #[arg(long, value_name = "TIME")]
    drain_timeout: Option<String>,
    #[command(flatten)]
    http: HttpFlags,
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    load: Load,
    #[command(flatten)]
    trial: CheckFlags,
}

#[derive(Debug, Args)]
struct Sample {
    #[command(flatten)]
    load: Load,
    #[command(flatten)]
    sample: SampleFlags,
}

#[derive(Debug, Args)]
struct Plan {
    #[command(flatten)]
    load: Load,
    #[command(flatten)]
    plan: PlanFlags,
}

#[derive(Debug, Args)]
struct Optimize {
    #[command(flatten)]
    load: Load,
    #[command(flatten)]
    optimize: OptimizeFlags,
}

#[derive(Debug, Args)]
struct Measure {
    #[command(flatten)]
    load: Load,
    #[arg(long)]
    workers: Option<usize>,
}

#[derive(Debug, Args)]
struct GrpcFlags {
    /// Port for gRPC, which every other address serves too; 0 for any free one, off for none [default: 8001]
    #[arg(long, value_name = "PORT")]
    grpc_port: Option<String>,
    /// Unix domain socket for gRPC, with mode 0660 [default: none]
    #[arg(long, value_name = "PATH")]
    grpc_uds: Option<String>,
    /// Serve no gRPC at all
    #[arg(long)]
    no_grpc: bool,
    /// Largest message over gRPC [default: 67108864]
    #[arg(long, value_name = "BYTES")]
    max_grpc_message_bytes: Option<String>,
}

#[derive(Debug, Args)]
struct PathFlags {
    /// A further path that answers probes as /v2/health/ready and /ping do
    #[arg(long, value_name = "PATH")]
    health_path: Option<String>,
    /// A further path that takes predictions of the only model, as /v1/models/NAME:predict does
    #[arg(long, value_name = "PATH")]
    predict_path: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = exit::HELP)]
struct Load {
    /// Model files, model folders, or folders of those
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// Configuration file [default: loadonce.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Serve the rest when a model cannot be loaded, and say so
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    keep_going: Option<String>,
    /// Start without any model
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    allow_empty: Option<String>,
    /// Memory that the program and its models may take, such as 2G [default: what the system allows]
    #[arg(long, value_name = "SIZE")]
    memory_limit: Option<String>,
    /// Load the models though there seems to be no room for them
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    force: Option<String>,
    /// Folder in which it is kept what models were measured to take [default: loadonce in the user's state folder]
    #[arg(long, value_name = "FOLDER")]
    state: Option<String>,
    /// Time for all models to be ready, such as 90s or 5m [default: none]
    #[arg(long, value_name = "TIME")]
    startup_timeout: Option<String>,
    /// Write how the startup went to a file, as JSON
    #[arg(long, value_name = "FILE")]
    startup_report: Option<String>,
    /// Form of messages: text or json [default: text]
    #[arg(long, value_name = "FORM")]
    log: Option<String>,
    /// Threads of the HTTP side [default: the cores this process may use]
    #[arg(long, value_name = "COUNT")]
    threads: Option<String>,
    /// Processors that runs of all models share [default: those that affinity and the cgroup's quota allow]
    #[arg(long, visible_alias = "cpus", value_name = "COUNT")]
    cores: Option<String>,
    #[command(flatten)]
    engines: EngineFlags,
    /// Show the settings and where each comes from, then exit
    #[arg(long)]
    print_config: bool,
}

#[derive(Debug, Args)]
struct EngineFlags {
    /// ONNX Runtime's library, its folder, auto to look for it, or off to do without [default: auto]
    #[arg(long, value_name = "PATH")]
    onnxruntime: Option<String>,
    /// Python interpreter or environment, of models in Python and to look for packages in [default: the active one]
    #[arg(long, value_name = "PATH")]
    python: Option<String>,
    /// Load pickled objects (model.joblib, model.pkl): that runs what the files say
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    allow_pickle: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = exit::HELP)]
struct Inspect {
    /// Model files, model folders, or folders of those
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
    #[command(flatten)]
    engines: EngineFlags,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = exit::HELP)]
struct ShowEngines {
    #[command(flatten)]
    engines: EngineFlags,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Parses the command line; help and version are errors that want to be printed.
    pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Ok(match Program::try_parse_from(arguments)?.command {
            Command::Serve(serve) => {
                let Serve { load, dev, host, port, uds, grpc, drain_delay, drain_timeout, http, paths } = *serve;
                let mut arguments = load.arguments(Action::Serve);
                arguments.add(grpc.flags());
                arguments.add(paths.flags());
                arguments.add([
                    ("dev", dev),
                    ("host", host),
                    ("port", port),
                    ("uds", uds),
                    ("drain_delay", drain_delay),
                    ("drain_timeout", drain_timeout),
                ]);
                arguments.add(http.flags());
                arguments
            }
            Command::Check(check) => check.load.arguments(Action::Check(check.trial)),
            Command::Sample(sample) => sample.load.arguments(Action::Sample(sample.sample)),
            Command::Plan(plan) => plan.load.arguments(Action::Plan(plan.plan)),
            Command::Optimize(optimize) => {
                let Optimize { load, optimize } = *optimize;
                load.arguments(Action::Optimize(Box::new(optimize)))
            }
            Command::Measure(measure) => measure.load.arguments(Action::Measure { workers: measure.workers }),
            Command::Worker { onnxruntime } => Self::new(Action::Worker { library: onnxruntime }),
            Command::Inspect(Inspect { paths, engines, json }) => {
                let mut arguments = Self::new(Action::Inspect { json });
                arguments.add([("models", joined(&paths))]);
                arguments.add(engines.flags());
                arguments
            }
            Command::Engines(ShowEngines { engines, json }) => {
                let mut arguments = Self::new(Action::Engines { json });
                arguments.add(engines.flags());
                arguments
            }
            Command::Bench(flags) => {
                let models = joined(&flags.paths);
                let mut arguments = Self::new(Action::Bench(flags));
                arguments.add([("models", models)]);
                arguments
            }
        })
    }

    fn new(action: Action) -> Self {
        Self { action, print_config: false, file: None, flags: Vec::new() }
    }

    fn add<const N: usize>(&mut self, flags: [(&'static str, Option<String>); N]) {
        self.flags.extend(flags.into_iter().filter_map(|(name, text)| Some((name, text?))));
    }
}

impl Load {
    fn arguments(self, action: Action) -> Arguments {
        let mut arguments = Arguments { print_config: self.print_config, file: self.config, ..Arguments::new(action) };
        arguments.add(self.engines.flags());
        arguments.add([
            ("models", joined(&self.paths)),
            ("keep_going", self.keep_going),
            ("allow_empty", self.allow_empty),
            ("memory_limit", self.memory_limit),
            ("force", self.force),
            ("state", self.state),
            ("startup_timeout", self.startup_timeout),
            ("startup_report", self.startup_report),
            ("log", self.log),
            ("threads", self.threads),
            ("cores", self.cores),
        ]);
        arguments
    }
}

impl GrpcFlags {
    fn flags(self) -> [(&'static str, Option<String>); 4] {
        [
            ("grpc_port", self.grpc_port),
            ("grpc_uds", self.grpc_uds),
            ("grpc", self.no_grpc.then(|| "false".to_owned())),
            ("max_grpc_message_bytes", self.max_grpc_message_bytes),
        ]
    }
}

impl PathFlags {
    fn flags(self) -> [(&'static str, Option<String>); 2] {
        [("health_path", self.health_path), ("predict_path", self.predict_path)]
    }
}

impl EngineFlags {
    fn flags(self) -> [(&'static str, Option<String>); 3] {
        [("onnxruntime", self.onnxruntime), ("python", self.python), ("allow_pickle", self.allow_pickle)]
    }
}

/// Paths as one text, as every layer has them; none when there are none.
fn joined(paths: &[String]) -> Option<String> {
    (!paths.is_empty()).then(|| paths.join(PATH_SEPARATOR))
}
