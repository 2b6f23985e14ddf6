//! A file that claims to be LightGBM's: read, and run on small inputs of zeros.

#![no_main]

use libfuzzer_sys::fuzz_target;
use loadonce_engines::lightgbm;
use loadonce_fuzz::run_on_zeros;

fuzz_target!(|content: &[u8]| {
    if let Ok(model) = lightgbm::parse(content) {
        run_on_zeros(&*model);
    }
});
