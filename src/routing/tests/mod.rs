//! Tests of the core as a whole. Each file is one promise; `harness` builds worlds, `reference` judges them slowly.

mod harness;
mod reference;

mod capacity;
mod explain;
mod fairness;
mod handbook;
mod holds;
mod order;
mod policies;
mod pools;
mod room;
