//! The program put together.
