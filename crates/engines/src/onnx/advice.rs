//! What to do about an operator that an engine does not have.

use super::summary::KNOWN_DOMAINS;

/// The command that gets ONNX Runtime where Python is.
pub const INSTALL_ONNX_RUNTIME: &str = "pip install onnxruntime";

/// Which engine would run an operator of that domain (under its long name), and how to get it.
pub fn who_runs(domain: &str) -> String {
    if KNOWN_DOMAINS.contains(&domain) {
        return format!("install ONNX Runtime, which runs it: {INSTALL_ONNX_RUNTIME}");
    }
    no_engine(domain)
}

/// That no engine runs operators of that domain.
pub fn no_engine(domain: &str) -> String {
    format!("export the model without operators of the domain '{domain}', which no engine has")
}
