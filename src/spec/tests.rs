//! Demand
