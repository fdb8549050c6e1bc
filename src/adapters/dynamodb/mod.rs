//! The store in one DynamoDB table.

pub mod table;
