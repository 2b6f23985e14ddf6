//! Switching ONNX Runtime's telemetry off, before the library is there to start it.
//!
//! Since 1.28 the official Linux builds carry telemetry, which starts a thread with the library's environment unless
//! the environment variable says no (onnxruntime, `docs/Privacy.md`). The variable is read when the library is opened,
//! so it has to be set before that.

use std::env;
use std::fs;

/// The variable; `1` switches telemetry off.
pub const TELEMETRY_VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// The telemetry of ONNX Runtime could not be switched off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{TELEMETRY_VARIABLE} is not 1 and cannot be set while other threads run; set it before the program starts, or \
     call loadonce_engines::onnxruntime::disable_telemetry first thing in main"
)]
pub struct TelemetryError;

/// Sets [`TELEMETRY_VARIABLE`], unless it is set already.
///
/// # Errors
/// [`TelemetryError`] when the process has other threads: setting a variable would race with their reading one.
pub fn disable_telemetry() -> Result<(), TelemetryError> {
    if is_disabled() {
        return Ok(());
    }
    if thread_count() != Some(1) {
        return Err(TelemetryError);
    }
    #[expect(clippy::disallowed_methods, reason = "the process has one thread, so nobody races")]
    #[expect(unsafe_code, reason = "the variable has to be in the process' own environment")]
    // SAFETY: `set_var` is unsound only while another thread reads or writes the environment. The kernel says that this
    // thread is the only one, and no other can start while it is here.
    unsafe {
        env::set_var(TELEMETRY_VARIABLE, "1");
    }
    Ok(())
}

/// Whether the library, opened now, would start without its telemetry.
pub(super) fn is_disabled() -> bool {
    env::var_os(TELEMETRY_VARIABLE).is_some_and(|value| value == "1")
}

fn thread_count() -> Option<usize> {
    Some(fs::read_dir("/proc/self/task").ok()?.count())
}
