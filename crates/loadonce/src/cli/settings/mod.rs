//! Settings: typed as given by five layers, resolved in one place, each with its source.
//!
//! The order is defaults, then the configuration file, then the variables of a hosting platform, then `LOADONCE_*`, then
//! flags. Unknown keys are refused, and all mistakes of all layers are told at once.

mod keys;
mod layers;
mod platform;
mod value;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use loadonce_core::Budget;
use loadonce_lifespan::{Address, Limits};
use loadonce_server::Origins;

use self::keys::KEYS;
use crate::cli::access_log::AccessLogForm;
use crate::engines::EngineOptions;

pub(crate) use self::layers::{Layers, Mistakes};
pub(crate) use self::value::{LogFormat, PATH_SEPARATOR, duration};

/// The flags of the listeners that gRPC has for itself.
pub(crate) const GRPC_PORT: &str = "--grpc-port";
pub(crate) const GRPC_UDS: &str = "--grpc-uds";

/// Everything that can be set, resolved.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "a list of independent switches")]
pub(crate) struct Settings {
    pub(crate) models: Vec<PathBuf>,
    pub(crate) host: IpAddr,
    /// `None` listens on no TCP port.
    pub(crate) port: Option<u16>,
    /// A Unix domain socket to listen on too.
    pub(crate) uds: Option<PathBuf>,
    /// Whether gRPC is served, on every address.
    pub(crate) grpc: bool,
    /// A port of its own for it.
    pub(crate) grpc_port: Option<u16>,
    /// A Unix domain socket of its own for it.
    pub(crate) grpc_uds: Option<PathBuf>,
    pub(crate) health_path: Option<String>,
    pub(crate) predict_path: Option<String>,
    pub(crate) keep_going: bool,
    /// Whether models whose files change are loaded anew.
    pub(crate) dev: bool,
    pub(crate) allow_empty: bool,
    /// Bytes that the program and its models may take; what the system allows when absent.
    pub(crate) memory_limit: Option<u64>,
    /// Whether models are loaded though there seems to be no room for them.
    pub(crate) force: bool,
    /// Where it is kept what models were measured to take.
    pub(crate) state: Option<PathBuf>,
    pub(crate) startup_timeout: Option<Duration>,
    pub(crate) drain_delay: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) startup_report: Option<PathBuf>,
    pub(crate) log: LogFormat,
    pub(crate) access_log: AccessLogForm,
    pub(crate) threads: usize,
    /// Processors that runs of all models share.
    pub(crate) cores: usize,
    pub(crate) max_body_bytes: usize,
    pub(crate) max_grpc_message_bytes: usize,
    pub(crate) limits: Limits,
    pub(crate) cors_origins: Origins,
    pub(crate) engines: EngineOptions,
    /// The flags and the file as they were given.
    given: BTreeMap<String, String>,
    sources: BTreeMap<&'static str, Source>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File(PathBuf),
    Environment(String),
    Flag(String),
}

impl Default for Settings {
    fn default() -> Self {
        let cores = Budget::of_this_process().cores();
        Self {
            models: Vec::new(),
            host: IpAddr::from([127, 0, 0, 1]),
            port: Some(8000),
            uds: None,
            grpc: true,
            grpc_port: Some(8001),
            grpc_uds: None,
            health_path: None,
            predict_path: None,
            keep_going: false,
            dev: false,
            allow_empty: false,
            memory_limit: None,
            force: false,
            state: None,
            startup_timeout: None,
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(30),
            startup_report: None,
            log: LogFormat::Text,
            access_log: AccessLogForm::Off,
            threads: cores,
            cores,
            max_body_bytes: 64 << 20,
            max_grpc_message_bytes: 64 << 20,
            limits: Limits::default(),
            cors_origins: Origins::Own,
            engines: EngineOptions::default(),
            given: BTreeMap::new(),
            sources: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Where to listen, the port first, and which flag says so.
    pub(crate) fn listeners(&self) -> Vec<(&'static str, Address)> {
        let tcp = |port| SocketAddr::new(self.host, port).into();
        // One port can serve both.
        let grpc_port = self.grpc_port.filter(|port| self.grpc && (*port == 0 || Some(*port) != self.port));
        let grpc_uds = self.grpc_uds.clone().filter(|path| self.grpc && Some(path) != self.uds.as_ref());
        let all = [
            ("--port", self.port.map(tcp)),
            ("--uds", self.uds.clone().map(Address::Unix)),
            (GRPC_PORT, grpc_port.map(tcp)),
            (GRPC_UDS, grpc_uds.map(Address::Unix)),
        ];
        all.into_iter().filter_map(|(flag, address)| Some((flag, address?))).collect()
    }

    /// What was given on the command line, but the models, as variables for a child of this program.
    pub(crate) fn as_variables(&self) -> &BTreeMap<String, String> {
        &self.given
    }

    /// What is wrong with the settings together, though each may be right.
    fn contradictions(&self) -> Option<String> {
        let nowhere = self.listeners().is_empty();
        nowhere.then(|| "all ports are off and there is no uds, so nothing would be listened on: set one".to_owned())
    }

    /// The settings as a configuration file, each with its source.
    pub(crate) fn print(&self) -> String {
        let mut text = String::new();
        for key in KEYS {
            let source = self.sources.get(key.name).unwrap_or(&Source::Default);
            let line = match (key.show)(self) {
                Some(value) => format!("{} = {value}", key.name),
                None => format!("# {} is not set", key.name),
            };
            let _ = writeln!(text, "{line:<40} # {source}");
        }
        text
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Environment(name) | Self::Flag(name) => formatter.write_str(name),
        }
    }
}
