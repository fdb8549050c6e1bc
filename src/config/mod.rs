//! Settings from one YAML file.
