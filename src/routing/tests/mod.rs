//! Tests of the core as a whole. Each file is one promise; `harness` builds worlds, `reference` judges them slowly.

mod harness;
mod reference;
mod simulation;

mod capacity;
mod explain;
mod fairness;
mod freshness;
mod handbook;
mod holds;
mod laws;
mod order;
mod pacing;
mod policies;
mod pools;
mod replay;
mod rests;
mod room;
mod shares;
mod starvation;
mod tenants;
mod unbound;
