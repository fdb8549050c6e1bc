//! Guard rails: what a job queue allows its submissions to ask for.
