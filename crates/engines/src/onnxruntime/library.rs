//! Opening the library: once in a process, checked first, without telemetry.

use std::error::Error as StdError;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use super::native;
use super::telemetry::{TELEMETRY_VARIABLE, TelemetryError, is_disabled};

/// An opened ONNX Runtime.
#[derive(Clone, Debug)]
pub struct Library {
    path: PathBuf,
    version: String,
    environment: Environment,
}

/// Why a library could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// No file, or one that may not be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file, but no shared library of this machine.
    #[error("{}: is no shared library for this machine", path.display())]
    NotALibrary {
        /// The file.
        path: PathBuf,
    },
    /// A shared library that does not open, is not ONNX Runtime, or is too old.
    #[error("{}: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A process holds one ONNX Runtime for its whole life, and it is another one.
    #[error("{}: this process already uses {}", path.display(), opened.display())]
    AnotherIsOpen {
        /// The file asked for.
        path: PathBuf,
        /// The one in use.
        opened: PathBuf,
    },
    /// Opening it would start its telemetry.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
}

/// The library of this process. The dynamic linker and ONNX Runtime both keep their state for the whole process and
/// allow one environment only, so this mirrors what is global anyway; an environment that is dropped cannot be had again.
static OPENED: Mutex<Option<Library>> = Mutex::new(None);

impl Library {
    /// Opens the library at `path`, or returns the one that was opened there before.
    ///
    /// # Errors
    /// See [`LibraryError`].
    pub fn open(path: &Path) -> Result<Self, LibraryError> {
        let path = path.canonicalize().map_err(|source| LibraryError::Unreadable { path: path.to_owned(), source })?;
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        match &*opened {
            Some(library) if library.path == path => return Ok(library.clone()),
            Some(library) => return Err(LibraryError::AnotherIsOpen { path, opened: library.path.clone() }),
            None => {}
        }
        if !is_disabled() {
            return Err(TelemetryError.into());
        }
        check_header(&path)?;
        Ok(opened.insert(Self::start(path)?).clone())
    }

    fn start(path: PathBuf) -> Result<Self, LibraryError> {
        let refused = |reason: String| LibraryError::Refused { path: path.clone(), reason };
        let builder = ort::init_from(&path).map_err(|error| refused(with_sources(&*error_of(error))))?;
        let builder = builder.with_name("loadonce").with_telemetry(false).with_logger(Arc::new(log));
        let environment = builder.build().map_err(|error| refused(error.to_string()))?;
        environment.set_log_level(LogLevel::Warning);
        let version = native::version(&path).ok_or_else(|| refused("does not give its version".to_owned()))?;
        let file = path.display();
        tracing::info!(%file, version, "ONNX Runtime opened with its telemetry off: {TELEMETRY_VARIABLE}=1");
        Ok(Self { path, version, environment })
    }

    /// Where the library lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version that the library gives itself, such as `1.31.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }
}

/// The library's log becomes ours. Its errors come back to the caller, who answers or logs them, so they are told once.
fn log(level: LogLevel, _category: &str, session: &str, _location: &str, message: &str) {
    match level {
        LogLevel::Warning => tracing::warn!(session, "ONNX Runtime: {message}"),
        LogLevel::Fatal => tracing::error!(session, "ONNX Runtime: {message}"),
        LogLevel::Error | LogLevel::Info | LogLevel::Verbose => tracing::debug!(session, "ONNX Runtime: {message}"),
    }
}

/// The dynamic linker's own words hide behind "dlopen failed".
fn error_of(error: ort::LoadDynamicError) -> Box<dyn StdError> {
    match error {
        ort::LoadDynamicError::Dlopen { error, .. } => Box::new(error),
        ort::LoadDynamicError::MissingApi { .. } => "is not ONNX Runtime: it has no OrtGetApiBase".into(),
        ort::LoadDynamicError::InvalidVersionString => "does not give its version".into(),
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            format!("is ONNX Runtime {version_str}, expected 1.{} or later", ort::MINOR_VERSION).into()
        }
    }
}

fn with_sources(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A file that is no library, or one of another machine, is told apart before the linker sees it.
pub(super) fn check_header(path: &Path) -> Result<(), LibraryError> {
    let mut header = [0_u8; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Ok(()) if is_library_of_this_machine(&header) => Ok(()),
        Err(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            Err(LibraryError::Unreadable { path: path.to_owned(), source })
        }
        _ => Err(LibraryError::NotALibrary { path: path.to_owned() }),
    }
}

/// ELF: magic, then at 16 the type (3 is a shared object) and at 18 the machine ("System V ABI", chapter 4). Other
/// systems leave the check to their linker.
fn is_library_of_this_machine(header: &[u8; 20]) -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let machine: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    header.starts_with(b"\x7fELF") && header[16..18] == [3, 0] && header[18..20] == machine.to_le_bytes()
}
