//! `kill -9` of `serve` at random moments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use kube::Api;
use kube::api::{DynamicObject, ListParams, PostParams};
use kube::runtime::watcher::{self, Event, watcher};
use rand::Rng;
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};

const JOBS: usize = 200;
const KILLS: usize = 20;

/// The UIDs of all objects that ever were, by name.
type Seen = Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>;

/// Notes every object that appears, those that go at once too.
async fn note(objects: Api<DynamicObject>, seen: Seen) {
    let mut events = watcher(objects, watcher::Config::default()).boxed();
    while let Some(event) = events.next().await {
        if let Ok(Event::Apply(object) | Event::InitApply(object) | Event::Delete(object)) = event {
            let name = object.metadata.name.unwrap();
            let uid = object.metadata.uid.unwrap();
            seen.lock().unwrap().entry(name).or_default().insert(uid);
        }
    }
}

/// A stand-in for the operator: moves each object on by a state at random moments.
async fn operate(objects: Api<DynamicObject>) {
    loop {
        let all = objects.list(&ListParams::default()).await.unwrap();
        for mut object in all.items {
            let state = object.data["status"]["applicationState"]["state"].as_str();
            let next = match state.unwrap_or_default() {
                "" => "SUBMITTED",
                "SUBMITTED" => "RUNNING",
                "RUNNING" => "COMPLETED",
                _ => continue,
            };
            if rand::rng().random_bool(0.2) {
                object.data["status"] = json!({"driverInfo": {}, "applicationState": {"state": next}});
                let name = object.metadata.name.clone().unwrap();
                // Deleted or changed in the meantime: seen in the next round.
                let _ = objects
                    .replace_status(&name, &PostParams::default(), &object)
                    .await;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn all_jobs_end_with_one_object_per_attempt_though_the_broker_is_killed_again_and_again() {
    let mut bed = Bed::shared().await;
    let seen = Seen::default();
    let mut helpers = tokio::task::JoinSet::new();
    helpers.spawn(note(bed.objects().clone(), Arc::clone(&seen)));
    helpers.spawn(operate(bed.objects().clone()));

    let mut jobs = Vec::new();
    for _ in 0..KILLS {
        for _ in 0..JOBS / KILLS {
            jobs.push(bed.send(&spark_pi()).await);
        }
        // The next broker waits 2 s for the lease: some are killed before, some in the midst of dispatching.
        let life = rand::rng().random_range(100..5_000);
        tokio::time::sleep(Duration::from_millis(life)).await;
        bed.kill();
        bed.start();
    }

    let mut again = 0;
    let mut names = BTreeSet::new();
    for id in &jobs {
        let end = bed
            .until(id, "it ends", |status| status["terminal"] == true)
            .await;
        assert_eq!(end["state"], "SUCCEEDED", "{end:#}");
        let attempts = attempts(&bed, id).await;
        assert_eq!(end["attempts"], json!(attempts), "{end:#}");
        again += usize::from(attempts > 1);
        let object = end["objectName"].as_str().unwrap().to_owned();
        assert!(object.ends_with(&format!("-a{attempts}")), "{object}");
        names.insert(object);
    }
    let seen = seen.lock().unwrap().clone();
    assert!(seen.values().all(|uids| uids.len() == 1), "{seen:#?}");
    let found: BTreeSet<String> = seen.into_keys().collect();
    assert_eq!(
        found, names,
        "an object for the attempt of each job, and no other"
    );
    println!("{again} of {JOBS} jobs needed another attempt");
}

/// How many attempts the record says there were: one more for each return to QUEUED.
async fn attempts(bed: &Bed<'_>, id: &str) -> usize {
    let history: Value = bed.get(&format!("/v1/submissions/{id}/history")).await.unwrap();
    let transitions = history["transitions"].as_array().unwrap();
    let back = transitions.iter().skip(1).filter(|t| t["to"] == "QUEUED");
    back.inspect(|t| assert!(t["reason"].is_string(), "{t}")).count() + 1
}
