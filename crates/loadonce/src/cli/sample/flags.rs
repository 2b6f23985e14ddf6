//! The flags of `sample`.

use std::path::PathBuf;

use clap::Args;
use loadonce_core::sample::Tolerance;

/// Flags of `sample`.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(in crate::cli) struct SampleFlags {
    /// The model, where the paths have several
    #[arg(long = "model", value_name = "NAME")]
    pub(super) model: Option<String>,
    /// Rows to ask: a .json array, .jsonl, or .csv with a header [default: a request made from the signature]
    #[arg(long, value_name = "FILE")]
    pub(super) rows: Option<PathBuf>,
    /// The right answers, one for each of these rows and in the same forms; the model's own must be equal
    #[arg(long, value_name = "FILE", requires = "rows", conflicts_with = "record")]
    pub(super) expected: Option<PathBuf>,
    /// Write the model's own answer too, which shows later changes, and does not prove that it is right
    #[arg(long)]
    pub(super) record: bool,
    /// How far a float may lie from the expected one, in its own units
    #[arg(long, value_name = "NUMBER", default_value_t = Tolerance::default().absolute, value_parser = distance)]
    pub(super) tolerance: f64,
    /// How far it may lie besides, as a part of the expected one
    #[arg(long, value_name = "NUMBER", default_value_t = Tolerance::default().relative, value_parser = distance)]
    pub(super) relative_tolerance: f64,
    /// Write a sample for each row, and number the files
    #[arg(long, requires = "rows")]
    pub(super) each: bool,
    /// Name of the file, without .json
    #[arg(long, default_value = "sample", value_parser = file_name)]
    pub(super) name: String,
    /// Write over a sample of that name; the model is loaded without the samples that it has
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Write expected answers too that the model does not give, which it is not ready with
    #[arg(long, requires = "expected")]
    pub(super) write_anyway: bool,
    /// Seed of the request that is made from the signature
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(super) seed: u64,
}

impl SampleFlags {
    pub(super) fn tolerance(&self) -> Tolerance {
        Tolerance { absolute: self.tolerance, relative: self.relative_tolerance }
    }
}

/// How far apart answers may lie.
pub(in crate::cli) fn distance(text: &str) -> Result<f64, String> {
    let distance = text.parse().ok().filter(|distance: &f64| distance.is_finite() && *distance >= 0.0);
    distance.ok_or_else(|| format!("expected a number from 0 on, got '{text}'"))
}

fn file_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.starts_with('.') || text.contains(['/', '\\']) {
        return Err(format!("expected the name of a file, got '{text}'"));
    }
    Ok(text.to_owned())
}
