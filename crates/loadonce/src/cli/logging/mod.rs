//! Logging to stderr. `LOADONCE_LOG` sets the form; `RUST_LOG` which events, as elsewhere in Rust.

mod fields;
#[cfg(feature = "isolation")]
mod records;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use self::fields::Fields;
use super::settings::LogFormat;

/// Starts to log. For people, the program's own lines tell what happens, so that only warnings are logged.
pub(super) fn start(format: LogFormat) {
    let level = match format {
        LogFormat::Text => LevelFilter::WARN,
        LogFormat::Json => LevelFilter::INFO,
    };
    let mut filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    // What models themselves print goes by that name, and is meant to be seen.
    if !filter.to_string().contains("model=")
        && let Ok(models) = "model=info".parse()
    {
        filter = filter.add_directive(models);
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start, as in tests, keeps the first.
    let _ = match format {
        LogFormat::Text => builder.fmt_fields(Fields).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// Starts to log to the server that started this process, whose own rules decide what is seen.
#[cfg(feature = "isolation")]
pub(super) fn start_for_server() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = builder.fmt_fields(Fields).event_format(records::Records).try_init();
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    /// What was logged.
    #[derive(Clone, Default)]
    pub(super) struct Lines(pub(super) Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
