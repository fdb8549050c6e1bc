//! What is told and wished of clusters and job queues.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::arguments::{ApiOptions, Output};
use super::client::{Client, Failure};
use super::commands::json;
use super::exit::Exit;
use super::table;
use crate::api::ClusterLine;
use crate::model::ClusterName;

/// Options of `clusters`.
#[derive(Debug, Args)]
pub struct Clusters {
    /// What to do; default: list.
    #[command(subcommand)]
    pub command: Option<ClusterCommand>,
    /// The API.
    #[command(flatten)]
    pub api: ApiOptions,
}

/// What to do with a cluster.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// List the clusters: whether they take jobs, and why not
    List(Listing),
    /// Close a cluster to new jobs; those that are there go on
    Cordon(Cordon),
    /// Open a cluster that was cordoned
    Uncordon(Named),
    /// Close a cluster and empty it by a deadline: jobs that never started go elsewhere
    Drain(Drain),
    /// End a drain
    Undrain(Named),
    /// Say that what is missing on a cluster is lost; where it can't be reached, that it is gone with all its jobs
    ConfirmLost(ConfirmLost),
}

/// Options of `clusters list` and of `queues`.
#[derive(Debug, Args)]
pub struct Listing {
    /// The API.
    #[command(flatten)]
    pub api: ApiOptions,
}

/// A cluster.
#[derive(Debug, Args)]
pub struct Named {
    /// The cluster's name
    pub cluster: ClusterName,
    /// The API.
    #[command(flatten)]
    pub api: ApiOptions,
}

/// Why, and who says so.
#[derive(Debug, Args)]
pub struct Why {
    /// Why: others will ask
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who you are
    #[arg(long, env = "USER", value_name = "NAME")]
    pub author: Option<String>,
}

/// Options of `clusters cordon`.
#[derive(Debug, Args)]
pub struct Cordon {
    /// The cluster's name
    pub cluster: ClusterName,
    /// Why.
    #[command(flatten)]
    pub why: Why,
    /// When it ends by itself: a time, or a duration from now such as 2h
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// The API.
    #[command(flatten)]
    pub api: ApiOptions,
}

/// Options of `clusters drain`.
#[derive(Debug, Args)]
pub struct Drain {
    /// The cluster's name
    pub cluster: ClusterName,
    /// Why.
    #[command(flatten)]
    pub why: Why,
    /// When it is to be empty: a time, or a duration from now such as 10m
    #[arg(long, value_name = "WHEN")]
    pub deadline: String,
    /// What becomes of jobs that have started: left, or cancelled a minute before
    #[arg(long, value_name = "WHAT", default_value = "leave", value_parser = ["leave", "cancel"])]
    pub then: String,
    /// The API.
    #[command(flatten)]
    pub api: ApiOptions,
}

/// Options of `clusters confirm-lost`.
#[derive(Debug, Args)]
pub struct ConfirmLost {
    /// The cluster's name
    pub cluster: ClusterName,
    /// Why.
    #[command(flatten)]
    pub why: Why,
    /// The API.
    #[command(flatten)]
    pub api: ApiOptions,
}

pub(super) fn clusters(arguments: &Clusters, out: &mut dyn Write) -> Result<Exit, Failure> {
    let listing = match &arguments.command {
        None => &arguments.api,
        Some(ClusterCommand::List(list)) => &list.api,
        Some(ClusterCommand::Cordon(cordon)) => {
            let mut wish = body(&cordon.why);
            wish["until"] = json!(cordon.until);
            return wished(&cordon.api, &cordon.cluster, ("PUT", "cordon"), wish, out);
        }
        Some(ClusterCommand::Uncordon(named)) => {
            return wished(&named.api, &named.cluster, ("DELETE", "cordon"), json!(null), out);
        }
        Some(ClusterCommand::Drain(drain)) => {
            let mut wish = body(&drain.why);
            (wish["deadline"], wish["then"]) = (json!(drain.deadline), json!(drain.then));
            return wished(&drain.api, &drain.cluster, ("PUT", "drain"), wish, out);
        }
        Some(ClusterCommand::Undrain(named)) => {
            return wished(&named.api, &named.cluster, ("DELETE", "drain"), json!(null), out);
        }
        Some(ClusterCommand::ConfirmLost(lost)) => {
            let wish = body(&lost.why);
            return wished(&lost.api, &lost.cluster, ("POST", "confirm-lost"), wish, out);
        }
    };
    let all = Client::new(listing)?.clusters()?;
    match listing.output {
        Output::Json => json(&all, out)?,
        Output::Table => writeln!(out, "{}", table::of_clusters(&all.clusters))?,
    }
    Ok(Exit::Done)
}

pub(super) fn queues(arguments: &Listing, out: &mut dyn Write) -> Result<Exit, Failure> {
    let all = Client::new(&arguments.api)?.queues()?;
    match arguments.api.output {
        Output::Json => json(&all, out)?,
        Output::Table => writeln!(out, "{}", table::of_queues(&all.queues))?,
    }
    Ok(Exit::Done)
}

/// What says so in a request.
pub(super) fn body(why: &Why) -> serde_json::Value {
    let mut body = json!({"reason": why.reason});
    if let Some(author) = &why.author {
        body["author"] = json!(author);
    }
    body
}

fn wished(
    api: &ApiOptions,
    cluster: &ClusterName,
    (method, wish): (&str, &str),
    mut body: serde_json::Value,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    let line: ClusterLine = Client::new(api)?.wish(method, cluster, wish, &body)?;
    match api.output {
        Output::Json => json(&line, out)?,
        Output::Table => writeln!(out, "{}", table::of_clusters(&[line]))?,
    }
    Ok(Exit::Done)
}
