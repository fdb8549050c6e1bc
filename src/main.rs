//! The `spark-broker` binary.
fn main() {}
