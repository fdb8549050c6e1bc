//! The outside: what fulfils the ports.

pub mod simulated;
pub mod spark_operator;
