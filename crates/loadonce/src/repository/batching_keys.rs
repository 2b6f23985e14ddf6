//! `[batching]` of `model.toml`: how requests share runs.

use std::time::Duration;

use loadonce_core::{Batching, SharedRuns};
use serde::Deserialize;

use super::model_toml::expect_count;

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BatchingKeys {
    enabled: Option<bool>,
    max_rows: Option<usize>,
    max_bytes: Option<usize>,
    max_delay_ms: Option<f64>,
}

impl BatchingKeys {
    /// The defaults with these overrides.
    pub(super) fn apply(&self) -> Batching {
        let defaults = Batching::default();
        Batching {
            shared_runs: match self.enabled {
                None => SharedRuns::WhereProven,
                Some(true) => SharedRuns::Always,
                Some(false) => SharedRuns::Never,
            },
            max_rows: self.max_rows,
            max_bytes: self.max_bytes.unwrap_or(defaults.max_bytes),
            max_delay: self.max_delay_ms.map_or(defaults.max_delay, |delay| Duration::from_secs_f64(delay / 1e3)),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        expect_count("batching.max_rows", self.max_rows, 1 << 20)?;
        expect_count("batching.max_bytes", self.max_bytes, 1 << 40)?;
        if self.max_delay_ms.is_some_and(|delay| !(0.0..=60_000.0).contains(&delay)) {
            return Err("batching.max_delay_ms: expected 0 to 60000".to_owned());
        }
        Ok(())
    }
}
