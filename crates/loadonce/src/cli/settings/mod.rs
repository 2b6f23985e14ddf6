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
    pub(crate) allow_empty: bool,
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
            allow_empty: false,
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
