//! Each rule on sources that break it, and on the nearest ones that don't.

use super::*;

fn library(modules: &str) -> Source {
    Source::new(
        "lib.rs",
        modules
            .split_whitespace()
            .map(|name| format!("pub mod {name};\n"))
            .collect::<String>(),
    )
}

fn import_faults(path: &str, text: &str) -> Vec<String> {
    imports(&[
        library("error model routing ports broker adapters api app"),
        Source::new(path, text),
    ])
}

fn assert_import(path: &str, text: &str, fault: Option<&str>) {
    let found = import_faults(path, text);
    let expected: Vec<String> = fault
        .map(|fault| format!("{path}: {fault}"))
        .into_iter()
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn modules_out_of_order_are_found() {
    let modules = |text: &str| declared(&[library(text)]);
    assert!(order_of_modules(&modules("error model ports cli")).is_empty());
    assert_eq!(order_of_modules(&modules("model error")).len(), 1);
    assert_eq!(order_of_modules(&modules("error helpers model")).len(), 2);
}

#[test]
fn an_import_from_below_is_found() {
    assert_import("routing/mod.rs", "use crate::model::Id;", None);
    assert_import("routing/mod.rs", "use crate::routing::fit;", None);
    assert_import(
        "routing/mod.rs",
        "use crate::ports::Store;",
        Some("`routing` imports `ports`"),
    );
    assert_import("routing/mod.rs", "use crate::{error, model::{Id, Name}};", None);
    assert_import(
        "routing/mod.rs",
        "use crate::{error, ports::{Store}};",
        Some("`routing` imports `ports`"),
    );
    assert_import(
        "model.rs",
        "fn f() -> crate::api::X {}",
        Some("`model` imports `api`"),
    );
    assert_import(
        "model.rs",
        "use spark_broker::api;",
        Some("`model` imports `api`"),
    );
    assert_import("model.rs", "// crate::api\nconst X: &str = \"crate::api\";", None);
}

#[test]
fn a_climb_to_the_root_is_found() {
    assert_import(
        "routing/fit.rs",
        "use super::super::ports::Store;",
        Some("`routing` imports `ports`"),
    );
    assert_import("routing/fit.rs", "use super::ports;", None);
    assert_import("routing/fit.rs", "mod tests { use super::super::ports; }", None);
    assert_import("model.rs", "use super::ports;", Some("`model` imports `ports`"));
    assert_import(
        "model.rs",
        "mod a { fn f() {} } use super::ports;",
        Some("`model` imports `ports`"),
    );
}

#[test]
fn strangers_are_found() {
    assert_import(
        "adapters/sqs.rs",
        "use crate::broker::X;",
        Some("`adapters` imports `broker`"),
    );
    assert_import(
        "api/mod.rs",
        "use crate::adapters::X;",
        Some("`api` imports `adapters`"),
    );
    assert_import("api/mod.rs", "use crate::ports::X;", None);
    assert_import("app.rs", "use crate::{broker, adapters, api};", None);
}

#[test]
fn files_that_nobody_declares_are_found() {
    let sources = [
        library("broker"),
        Source::new("broker/mod.rs", "mod lease; mod tests { fn f() {} }"),
        Source::new("broker/lease.rs", ""),
        Source::new("broker/lease/clock.rs", ""),
        Source::new("broker/tests.rs", ""),
        Source::new("main.rs", ""),
    ];
    let orphans =
        ["broker/lease/clock.rs", "broker/tests.rs"].map(|path| format!("{path}: no `mod` declares it"));
    assert_eq!(undeclared_files(&sources), orphans);
}

#[test]
fn vendor_crates_out_of_place_are_found() {
    let faults = |path: &str, text: &str| vendor_crates(&[Source::new(path, text)]).len();
    assert_eq!(faults("adapters/sqs.rs", "use aws_sdk_sqs::Client;"), 0);
    assert_eq!(faults("broker/intake.rs", "use aws_sdk_sqs::Client;"), 1);
    assert_eq!(faults("broker/intake.rs", "fn f(c: ::kube::Client) {}"), 1);
    assert_eq!(faults("broker/intake.rs", "fn f(c: &dyn ::kube::Client) {}"), 1);
    assert_eq!(
        faults(
            "broker/intake.rs",
            "fn f(c: super::kube::Client, d: Vec::<u8>::kube::X) {}"
        ),
        0
    );
    assert_eq!(faults("broker/intake.rs", "use kube;"), 1);
    assert_eq!(faults("broker/intake.rs", "use {kube::Api, std::fmt};"), 1);
    assert_eq!(faults("lifecycle/step.rs", "use tokio::time;"), 1);
    assert_eq!(faults("main.rs", "use clap::Parser;"), 1);
    assert_eq!(faults("adapters/mod.rs", "use axum::Router;"), 1);
    assert_eq!(faults("api/mod.rs", "use crate::ports::clap::X;"), 0);
}

#[test]
fn long_files_are_found() {
    let file = |lines: usize| Source::new("model.rs", "\n".repeat(lines));
    assert!(long_files(&[file(LINES)]).is_empty());
    assert_eq!(long_files(&[file(LINES + 1)]).len(), 1);
}
