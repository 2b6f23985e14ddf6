//! The table of settings. A new setting is a field of [`Settings`], a row here, and a flag in `cli/args.rs`.

use std::num::NonZeroU64;

use loadonce_server::NoOrigin;

use super::Settings;
use super::value::PATH_SEPARATOR;
use super::value::{
    bounded, duration, library, parse, path, port, quoted, show_duration, show_library, show_path, show_port, size,
    url_path,
};

/// How one setting is read and shown.
pub(super) struct Key {
    /// The name in the file; `LOADONCE_` and upper case in the environment; with dashes as a flag.
    pub(super) name: &'static str,
    /// Reads a value; the error says what was expected and what came.
    pub(super) set: fn(&mut Settings, &str) -> Result<(), String>,
    /// The value as TOML; nothing where it is not set.
    pub(super) show: fn(&Settings) -> Option<String>,
}

const TRUTH: &str = "true or false";
const ONE_TEBIBYTE: usize = 1 << 40;
/// The length of a message has four bytes.
const MOST_GRPC_BYTES: usize = u32::MAX as usize;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "models",
        set: |settings, text| {
            text.split(PATH_SEPARATOR).map(path).collect::<Result<_, _>>().map(|value| settings.models = value)
        },
        show: |settings| {
            let paths: Vec<_> = settings.models.iter().map(|path| show_path(path)).collect();
            Some(format!("[{}]", paths.join(", ")))
        },
    },
    Key {
        name: "host",
        set: |settings, text| parse(text, "an IP address").map(|value| settings.host = value),
        show: |settings| Some(quoted(&settings.host.to_string())),
    },
    Key {
        name: "port",
        set: |settings, text| port(text).map(|value| settings.port = value),
        show: |settings| Some(show_port(settings.port)),
    },
    Key {
        name: "uds",
        set: |settings, text| path(text).map(|value| settings.uds = Some(value)),
        show: |settings| settings.uds.as_deref().map(show_path),
    },
    Key {
        name: "health_path",
        set: |settings, text| url_path(text).map(|value| settings.health_path = Some(value)),
        show: |settings| settings.health_path.as_deref().map(quoted),
    },
    Key {
        name: "predict_path",
        set: |settings, text| url_path(text).map(|value| settings.predict_path = Some(value)),
        show: |settings| settings.predict_path.as_deref().map(quoted),
    },
    Key {
        name: "grpc",
        set: |settings, text| parse(text, TRUTH).map(|value| settings.grpc = value),
        show: |settings| Some(settings.grpc.to_string()),
    },
    Key {
        name: "grpc_port",
        set: |settings, text| port(text).map(|value| settings.grpc_port = value),
        show: |settings| Some(show_port(settings.grpc_port)),
    },
    Key {
        name: "grpc_uds",
        set: |settings, text| path(text).map(|value| settings.grpc_uds = Some(value)),
        show: |settings| settings.grpc_uds.as_deref().map(show_path),
    },
    Key {
        name: "keep_going",
        set: |settings, text| parse(text, TRUTH).map(|value| settings.keep_going = value),
        show: |settings| Some(settings.keep_going.to_string()),
    },
    Key {
        name: "dev",
        set: |settings, text| parse(text, TRUTH).map(|value| settings.dev = value),
        show: |settings| Some(settings.dev.to_string()),
    },
    Key {
        name: "allow_empty",
        set: |settings, text| parse(text, TRUTH).map(|value| settings.allow_empty = value),
        show: |settings| Some(settings.allow_empty.to_string()),
    },
    Key {
        name: "memory_limit",
        set: |settings, text| size(text).map(|value| settings.memory_limit = Some(value)),
        show: |settings| settings.memory_limit.map(|bytes| bytes.to_string()),
    },
    Key {
        name: "force",
        set: |settings, text| parse(text, TRUTH).map(|value| settings.force = value),
        show: |settings| Some(settings.force.to_string()),
    },
    Key {
        name: "state",
        set: |settings, text| path(text).map(|value| settings.state = Some(value)),
        show: |settings| settings.state.as_deref().map(show_path),
    },
    Key {
        name: "startup_timeout",
        set: |settings, text| duration(text).map(|value| settings.startup_timeout = Some(value)),
        show: |settings| settings.startup_timeout.map(show_duration),
    },
    Key {
        name: "drain_delay",
        set: |settings, text| duration(text).map(|value| settings.drain_delay = value),
        show: |settings| Some(show_duration(settings.drain_delay)),
    },
    Key {
        name: "drain_timeout",
        set: |settings, text| duration(text).map(|value| settings.drain_timeout = value),
        show: |settings| Some(show_duration(settings.drain_timeout)),
    },
    Key {
        name: "startup_report",
        set: |settings, text| path(text).map(|value| settings.startup_report = Some(value)),
        show: |settings| settings.startup_report.as_deref().map(show_path),
    },
    Key {
        name: "log",
        set: |settings, text| text.parse().map(|value| settings.log = value),
        show: |settings| Some(quoted(settings.log.as_str())),
    },
    Key {
        name: "access_log",
        set: |settings, text| text.parse().map(|value| settings.access_log = value),
        show: |settings| Some(quoted(settings.access_log.as_str())),
    },
    Key {
        name: "threads",
        set: |settings, text| bounded(text, 1, 1024).map(|value| settings.threads = value),
        show: |settings| Some(settings.threads.to_string()),
    },
    Key {
        name: "cores",
        set: |settings, text| bounded(text, 1, 1024).map(|value| settings.cores = value),
        show: |settings| Some(settings.cores.to_string()),
    },
    Key {
        name: "max_body_bytes",
        set: |settings, text| bounded(text, 1, ONE_TEBIBYTE).map(|value| settings.max_body_bytes = value),
        show: |settings| Some(settings.max_body_bytes.to_string()),
    },
    Key {
        name: "max_grpc_message_bytes",
        set: |settings, text| bounded(text, 1, MOST_GRPC_BYTES).map(|value| settings.max_grpc_message_bytes = value),
        show: |settings| Some(settings.max_grpc_message_bytes.to_string()),
    },
    Key {
        name: "max_connections",
        set: |settings, text| bounded(text, 1, 1_000_000).map(|value| settings.limits.max_connections = value),
        show: |settings| Some(settings.limits.max_connections.to_string()),
    },
    Key {
        name: "header_timeout",
        set: |settings, text| duration(text).map(|value| settings.limits.header_timeout = value),
        show: |settings| Some(show_duration(settings.limits.header_timeout)),
    },
    Key {
        name: "max_header_bytes",
        set: |settings, text| bounded(text, 1024, 1 << 30).map(|value| settings.limits.max_header_bytes = value),
        show: |settings| Some(settings.limits.max_header_bytes.to_string()),
    },
    Key {
        name: "body_timeout",
        set: |settings, text| duration(text).map(|value| settings.limits.body_timeout = value),
        show: |settings| Some(show_duration(settings.limits.body_timeout)),
    },
    Key {
        name: "body_rate",
        set: |settings, text| {
            bounded(text, NonZeroU64::MIN, NonZeroU64::MAX).map(|value| settings.limits.body_rate = value)
        },
        show: |settings| Some(settings.limits.body_rate.to_string()),
    },
    Key {
        name: "idle_timeout",
        set: |settings, text| duration(text).map(|value| settings.limits.idle_timeout = value),
        show: |settings| Some(show_duration(settings.limits.idle_timeout)),
    },
    Key {
        name: "write_timeout",
        set: |settings, text| duration(text).map(|value| settings.limits.write_timeout = value),
        show: |settings| Some(show_duration(settings.limits.write_timeout)),
    },
    Key {
        name: "max_streams",
        set: |settings, text| bounded(text, 1, 1_000_000).map(|value| settings.limits.max_streams = value),
        show: |settings| Some(settings.limits.max_streams.to_string()),
    },
    Key {
        name: "ping_interval",
        set: |settings, text| duration(text).map(|value| settings.limits.ping_interval = value),
        show: |settings| Some(show_duration(settings.limits.ping_interval)),
    },
    Key {
        name: "cors_origins",
        set: |settings, text| {
            text.parse().map(|value| settings.cors_origins = value).map_err(|error: NoOrigin| error.to_string())
        },
        show: |settings| Some(quoted(&settings.cors_origins.to_string())),
    },
    Key {
        name: "onnxruntime",
        set: |settings, text| library(text).map(|value| settings.engines.onnx_runtime = value),
        show: |settings| Some(show_library(&settings.engines.onnx_runtime)),
    },
    Key {
        name: "python",
        set: |settings, text| path(text).map(|value| settings.engines.python = Some(value)),
        show: |settings| settings.engines.python.as_deref().map(show_path),
    },
    Key {
        name: "allow_pickle",
        set: |settings, text| parse(text, TRUTH).map(|value| settings.engines.allow_pickle = value),
        show: |settings| Some(settings.engines.allow_pickle.to_string()),
    },
];
