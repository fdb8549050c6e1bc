//! The object that is created.
