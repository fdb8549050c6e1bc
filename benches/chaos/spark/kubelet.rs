//! Runs driver pods as their annotations say, and deletes those whose object has gone.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, watcher};
use kube::{Api, Client, Error};
use rand::Rng;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::cluster::applications;

/// Milliseconds from the pod to its running container.
const STARTS: std::ops::Range<u64> = 50..300;
/// How late the garbage collector is.
const COLLECTS: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(200);

/// For how long a driver runs, in milliseconds.
pub const RUN_TIME: &str = "chaos/run-time";
/// How it ends.
pub const EXIT_CODE: &str = "chaos/exit-code";

pub async fn run_pods(client: Client, namespace: String) {
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let mut events = watcher(pods.clone(), Config::default())
        .default_backoff()
        .touched_objects()
        .boxed();
    let (mut seen, mut lives) = (HashSet::new(), JoinSet::new());
    while let Some(event) = events.next().await {
        while lives.try_join_next().is_some() {}
        let Ok(pod) = event else { continue };
        if seen.insert(pod.metadata.uid.clone()) {
            lives.spawn(live(pods.clone(), pod));
        }
    }
}

/// A driver's life; it ends early where the pod is deleted.
async fn live(pods: Api<Pod>, pod: Pod) {
    let told = |name: &str| pod.metadata.annotations.as_ref()?.get(name)?.parse::<u64>().ok();
    let (time, code) = (told(RUN_TIME).unwrap_or(0), told(EXIT_CODE).unwrap_or(0));
    let starts = rand::rng().random_range(STARTS);
    tokio::time::sleep(Duration::from_millis(starts)).await;
    let start = super::operator::now();
    let running = json!({"running": {"startedAt": start}});
    if !written(&pods, &pod, "Running", &running).await {
        return;
    }
    tokio::time::sleep(Duration::from_millis(time)).await;
    let (phase, reason) = if code == 0 {
        ("Succeeded", "Completed")
    } else {
        ("Failed", "Error")
    };
    let end =
        json!({"exitCode": code, "reason": reason, "startedAt": start, "finishedAt": super::operator::now()});
    written(&pods, &pod, phase, &json!({"terminated": end})).await;
}

/// Writes the pod's status, however long the API server is away; whether the pod was there.
async fn written(pods: &Api<Pod>, pod: &Pod, phase: &str, state: &Value) -> bool {
    let container = json!({
        "name": "spark-kubernetes-driver", "image": "none", "imageID": "", "restartCount": 0,
        "ready": phase == "Running", "state": state,
    });
    let patch = json!({
        "metadata": {"uid": pod.metadata.uid},
        "status": {"phase": phase, "containerStatuses": [container]},
    });
    let name = pod.metadata.name.clone().unwrap_or_default();
    loop {
        match pods
            .patch_status(&name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
        {
            Ok(_) => return true,
            Err(Error::Api(refusal)) if [404, 409, 422].contains(&refusal.code) => return false,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

pub async fn collect_garbage(client: Client, namespace: String) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let objects = applications(client, &namespace);
    loop {
        tokio::time::sleep(COLLECTS).await;
        // An owner is there before what it owns, so the later list has it.
        let Ok(owned) = pods.list(&ListParams::default()).await else {
            continue;
        };
        let Ok(owners) = objects.list_metadata(&ListParams::default()).await else {
            continue;
        };
        let there: HashSet<_> = owners.items.into_iter().filter_map(|o| o.metadata.uid).collect();
        for pod in owned.items {
            let owner = pod.metadata.owner_references.iter().flatten().next();
            if owner.is_some_and(|owner| !there.contains(&owner.uid)) {
                let only_this = DeleteParams::default().preconditions(Preconditions {
                    uid: pod.metadata.uid,
                    resource_version: None,
                });
                // Another round follows.
                let _ = pods
                    .delete(&pod.metadata.name.unwrap_or_default(), &only_this)
                    .await;
            }
        }
    }
}
