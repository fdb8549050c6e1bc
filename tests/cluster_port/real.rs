//! The Spark operator's adapter on a real API server.
