//! A file that claims to be XGBoost's, JSON or UBJSON: read, and run on small inputs of zeros.

#![no_main]

use libfuzzer_sys::fuzz_target;
use loadonce_engines::xgboost;
use loadonce_fuzz::run_on_zeros;

fuzz_target!(|content: &[u8]| {
    if let Ok(model) = xgboost::parse(content) {
        run_on_zeros(&*model);
    }
});
