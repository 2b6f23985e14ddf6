//! The flags of `optimize`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use loadonce_core::sample::Tolerance;

use crate::cli::sample::distance;

/// Flags of `optimize`.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct OptimizeFlags {
    /// Folder to write, which `serve` takes as a model
    #[arg(long, short, value_name = "FOLDER")]
    pub(super) output: PathBuf,
    /// What becomes of the graph, where its engine can rewrite it; rewritten, it may run on no other engine
    #[arg(long, value_name = "WHAT", default_value = "auto")]
    pub(super) graph: Graph,
    /// Put the weights' checksum into the model: each load then reads all of them, and verifies it
    #[arg(long)]
    pub(super) checksum_weights: bool,
    /// Replace a model that the folder has
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Loads of each model that are timed, in turns
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) loads: u16,
    /// How far a float of an answer may lie from the one before, in its own units
    #[arg(long, value_name = "NUMBER", default_value_t = 1e-4, value_parser = distance)]
    pub(super) tolerance: f64,
    /// How far it may lie besides, as a part of the one before
    #[arg(long, value_name = "NUMBER", default_value_t = 1e-4, value_parser = distance)]
    pub(super) relative_tolerance: f64,
    /// Print what was written and gained as one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

/// What becomes of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Graph {
    /// Both are tried: rewritten where that gains something beyond the layout of the weights
    Auto,
    /// As it is, for any engine
    Keep,
    /// Rewritten by the engine
    Optimized,
}

impl OptimizeFlags {
    pub(super) fn tolerance(&self) -> Tolerance {
        Tolerance { absolute: self.tolerance, relative: self.relative_tolerance }
    }
}
