//! The `spark-broker` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    spark_broker::cli::main()
}
