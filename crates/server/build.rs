//! The messages of gRPC, from `proto/`: Rust types, and descriptions for reflection.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

#[expect(clippy::disallowed_methods, reason = "this is how cargo tells where generated files go")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let files = protox::compile(["inference.proto", "grpc/health/v1/health.proto"], ["proto"])?;
    std::fs::write(out.join("descriptions.bin"), files.encode_to_vec())?;
    // `Bytes` share the memory of what was received; a tensor is not copied out of its message.
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(files)?;
    Ok(())
}
