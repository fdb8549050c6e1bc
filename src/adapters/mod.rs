//! The outside: each port fulfilled with one vendor's crates, which nothing but this module and `app` names.

pub mod aws;
pub mod dynamodb;
pub mod embedded;
pub mod simulated;
pub mod spark_operator;
pub mod sqs;
