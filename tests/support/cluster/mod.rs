//! A real Kubernetes control plane on this machine, for the tests: API server, etcd and, where a test wants them,
//! scheduler, controller manager, KWOK's nodes and pods, and Kubeflow's Spark operator with Spark's own spark-submit.
//!
//! Nothing is installed: the programs are built from their Go modules or downloaded by pip, by versions and hashes that
//! stand beside this file, once, into the target folder. Every process, port and folder is gone when its value is
//! dropped, and also when the test process dies.
//!
//! A test binary takes it in by `#[path = "../support/cluster/mod.rs"] mod cluster;`.

// Each test binary uses its own part of this module.
#![allow(dead_code, unused_imports, reason = "no suite uses all of it")]

mod access;
mod control_plane;
mod crd;
mod family;
mod folders;
mod kwok;
mod manifests;
mod objects;
mod operator;
#[path = "../ports.rs"]
mod ports;
mod spark;
mod stand_in;
mod stand_in_pods;
mod tools;
mod webhook;
mod yunikorn;

pub use access::User;
pub use control_plane::{ControlPlane, Options, TokenWebhook};
pub use crd::{every_field_once, validate_by_models};
pub use family::Process;
pub use kwok::Driver;
pub use manifests::documents;
pub use objects::{
    Node, Outcome, applications, create_strictly, eventually, outcome, set_status, try_set_status, typed,
};
pub use operator::{DRIVER_ACCOUNT, Operator, OperatorOptions, operator_module};
pub use ports::free_ports;
pub use spark::spark_home;
pub use stand_in::{RawState, Script, StandInOperator, Step, runs_for, runs_pods};
pub use tools::{Tool, binary};
pub use webhook::WebhookOptions;
pub use yunikorn::{QUEUE, StandInYunikorn};
