//! A frame that claims to be a Python worker's: read within its bounds, or refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use loadonce_engines::workers::is_frame;

/// Bytes of the arena that the frame may point into.
const ARENA: u64 = 1 << 20;

fuzz_target!(|datagram: &[u8]| {
    is_frame(datagram, ARENA);
});
