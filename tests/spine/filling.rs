//! Real API servers whose nodes are filled to the brim: kube-scheduler binds the pods as it likes, a driver first and its
//! executors once it runs. Judged by what the API servers hold.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use spark_broker::model::{Bytes, Clock, Millicores, Resources, SystemClock};
use spark_broker::submission::{Record, State};

use crate::cluster::eventually;
use crate::kwok::Kwok;
use crate::spine::jobs::Job;
use crate::spine::world::{Broker, World};

/// Between two looks at clusters that should come to rest: a look costs too.
const PAUSE: Duration = Duration::from_secs(3);
/// How often they are looked at before the test gives up: a hang must end, nothing else hangs on it.
const LOOKS: u32 = 300;
/// So many looks in a row that show the same: they have come to rest.
const AT_REST: u32 = 3;
/// The same where pods have found no node: kube-scheduler tries them again after ten seconds at most.
const STRANDED: u32 = 8;

/// The whole backlog is looked through: what still fits is found.
const QUEUES: &str = "[{name: dev, lookahead: 1000}]";

/// What the pods of a cluster are and do.
#[derive(Debug, Default, PartialEq)]
struct Census {
    /// Requested by pods on nodes.
    requested: Resources,
    /// Executors by driver.
    executors: BTreeMap<String, u64>,
    /// Pods that kube-scheduler found no node for, with its words.
    stranded: Vec<String>,
    /// Pods that it hasn't looked at yet.
    unseen: usize,
}

fn quantity(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit {
        "" => 1,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        other => panic!("{other} isn't written by these tests"),
    };
    number.parse::<u64>().unwrap() * unit
}

impl Census {
    async fn of(cluster: &Kwok) -> Self {
        let mut census = Self::default();
        for pod in cluster.pods().await {
            let (name, spec) = (pod.name_any(), pod.spec.as_ref().unwrap());
            let executors = match name.rsplit_once("-exec-") {
                Some((application, _)) => (format!("{application}-driver"), 1),
                None => (name.clone(), 0),
            };
            *census.executors.entry(executors.0).or_default() += executors.1;
            if spec.node_name.is_some() {
                let requests = spec.containers[0].resources.as_ref().unwrap().requests.as_ref();
                let amount = |name: &str| quantity(&requests.unwrap()[name].0);
                let (cpu, memory) = (Millicores(amount("cpu") * 1000), Bytes(amount("memory")));
                census.requested = census.requested.plus(&Resources::new(cpu, memory, 1));
                continue;
            }
            let conditions = pod
                .status
                .iter()
                .flat_map(|status| status.conditions.iter().flatten());
            match conditions.into_iter().find(|c| c.type_ == "PodScheduled") {
                Some(told) => census.stranded.push(format!("{name}: {:?}", told.message)),
                None => census.unseen += 1,
            }
        }
        census
    }

    /// How full nodes that have `all` are by the resource that is used most, in percent.
    fn fullness(&self, all: &Resources) -> u64 {
        let cpu = self.requested.cpu.0 * 100 / all.cpu.0;
        cpu.max(self.requested.memory.0 * 100 / all.memory.0)
    }

    /// Whether each of `jobs` that has a driver here has all its executors.
    fn is_whole(&self, jobs: &[Job]) -> bool {
        self.executors.iter().all(|(driver, executors)| {
            let of = |job: &&Job| format!("sb-{}-a1-driver", job.id) == *driver;
            jobs.iter()
                .find(of)
                .is_some_and(|job| job.executors == *executors)
        })
    }
}

fn size(nodes: u64, cores: u64, gib: u64) -> Resources {
    Resources::new(Millicores(cores * 1000), Bytes::mib(gib * 1024), 110).times(nodes)
}

/// Jobs of many sizes, the same in every run; they run until they are deleted.
fn mixed(n: u64) -> Job {
    let pick = (n * 31).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let (driver, executors, executor) = match pick % 10 {
        0..=3 => ((1, 1024), 1, (1, 1024)),
        4 | 5 => ((1, 2048), 2, (2, 4096)),
        6 => ((2, 3072), 1, (4, 8192)),
        7 => ((1, 1024), 3, (2, 2048)),
        8 => ((1, 1024), 4, (1, 6144)),
        _ => ((1, 2048), 1, (8, 12288)),
    };
    Job {
        executors,
        cores: executor.0,
        memory: executor.1,
        driver_size: Some(driver),
        ..Job::small(format!("fill-{n}"))
    }
}

/// Looks until nothing changes any more: kube-scheduler has looked at every pod, and jobs run or wait.
async fn at_rest(world: &World, jobs: &[Job], clusters: &[&Kwok]) -> (Vec<Record>, Vec<Census>) {
    let mut before = Vec::new();
    let mut same = 0;
    for _ in 0..LOOKS {
        let mut now = Vec::new();
        for cluster in clusters {
            now.push(Census::of(cluster).await);
        }
        let stranded = now.iter().any(|census| !census.stranded.is_empty());
        let rests = now == before && now.iter().all(|census| census.unseen == 0);
        same = if rests { same + 1 } else { 0 };
        if same >= if stranded { STRANDED } else { AT_REST } {
            let records = world.records(jobs).await;
            let rests = |record: &Record| matches!(record.state, State::Running | State::Queued);
            if stranded || records.len() == jobs.len() && records.iter().all(rests) {
                return (records, now);
            }
        }
        before = now;
        tokio::time::sleep(PAUSE).await;
    }
    panic!("not at rest after {LOOKS} looks: {before:#?}");
}

fn nodes_count() -> Value {
    json!({"capacity": {"sources": ["nodes"]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn two_unlike_clusters_are_filled_and_no_pod_of_a_placed_job_is_left_without_a_node() {
    let jobs: Vec<Job> = (0..560).map(mixed).collect();
    let (tall, flat) = ((40, 16, 64), (18, 64, 128));
    let start = |name, (nodes, cores, gib)| Kwok::start(name, nodes, cores, gib, &jobs);
    let (tall_cluster, flat_cluster) = join(start("tall", tall), start("flat", flat)).await;
    let world = World::start().await.uncounted();
    let clusters = [&tall_cluster, &flat_cluster];
    let settings = clusters.map(|cluster| cluster.settings(&nodes_count()).to_string());
    let broker = world.broker(QUEUES, &format!("[{}]", settings.join(", "))).await;
    broker.all_take(&jobs[0]).await;
    world.send(&jobs).await;

    let (records, found) = at_rest(&world, &jobs, &clusters).await;
    for (census, (nodes, cores, gib)) in found.iter().zip([tall, flat]) {
        assert_eq!(census.stranded, [] as [&str; 0], "no pod is left without a node");
        assert!(census.is_whole(&jobs), "each has its executors: {census:#?}");
        let full = census.fullness(&size(nodes, cores, gib));
        println!(
            "{nodes} nodes of {cores} cores and {gib} GiB: {full} %, {} jobs",
            census.executors.len()
        );
        assert!(full >= 90, "{full} % full: {census:#?}");
    }
    let running = records.iter().filter(|r| r.state == State::Running).count();
    assert_eq!(
        running,
        found.iter().map(|census| census.executors.len()).sum::<usize>()
    );
    assert!(running < jobs.len(), "more were sent than fit");
    broker.stop().await;
}

/// Free cores of the only cluster, as it explains them.
async fn free_cores(broker: &Broker, job: &Job) -> Option<u64> {
    let told = broker.explain(job).await;
    let free = &told["clusters"][0]["figures"]["room"]["free"]["cpu"];
    Some(free.as_u64()? / 1000)
}

/// When kube-scheduler put the last of these pods on its node, in whole seconds; none while one has no node.
fn last_bound(pods: &[Pod]) -> Option<Timestamp> {
    let bound = |pod: &Pod| {
        let conditions = pod.status.as_ref()?.conditions.as_ref()?;
        let bound = conditions
            .iter()
            .find(|c| c.type_ == "PodScheduled" && c.status == "True")?;
        Some(bound.last_transition_time.as_ref()?.0)
    };
    let times: Option<Vec<Timestamp>> = pods.iter().map(bound).collect();
    times?.into_iter().max()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_pods_take_and_give_back_is_seen_within_five_seconds() {
    let cluster = Kwok::start("real", 2, 8, 64, &[]).await;
    let world = World::start().await.uncounted();
    let broker = world
        .broker(QUEUES, &format!("[{}]", cluster.settings(&nodes_count())))
        .await;
    let wide = Job {
        cores: 6,
        ..Job::small("wide")
    };
    broker.all_take(&wide).await;
    assert_eq!(free_cores(&broker, &wide).await, Some(16));

    let pods: Api<Pod> = Api::namespaced(cluster.plane().admin().await, "default");
    for n in 0..3 {
        let name = format!("stranger-{n}");
        let requests = json!({"cpu": "4", "memory": "1Gi"});
        cluster
            .plane()
            .create_pod("default", &name, json!({}), requests)
            .await;
    }
    // Asked for all the while, so that the answer's time is when it was first seen.
    let (mut bound, mut seen) = (None, None);
    for _ in 0..LOOKS * 10 {
        seen = (free_cores(&broker, &wide).await == Some(4)).then(|| SystemClock.now());
        if seen.is_some() {
            bound = last_bound(&pods.list(&ListParams::default()).await.unwrap().items);
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let took = seen.unwrap().duration_since(bound.unwrap());
    println!("seen {took:#} after the last stranger's pod was put on its node");
    // The API server tells whole seconds, cut off.
    assert!(took <= SignedDuration::from_secs(6), "{took:#}");
    let told = broker.explain(&wide).await;
    assert_eq!(told["clusters"][0]["answer"], "refuses", "{told:#}");
    assert_eq!(told["reason"], "NoCapacity");

    pods.delete_collection(&DeleteParams::default().grace_period(0), &ListParams::default())
        .await
        .unwrap();
    broker.all_take(&wide).await;
    assert_eq!(free_cores(&broker, &wide).await, Some(16));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_scaled_to_zero_is_filled_as_its_nodes_come() {
    const NODES: u64 = 3;
    let (cores, gib) = (16, 64);
    let jobs: Vec<Job> = (0..40).map(mixed).collect();
    let cluster = Kwok::start("real", 0, cores, gib, &jobs).await;
    let world = World::start().await.uncounted();
    let largest = json!({"cores": cores, "memory": format!("{gib}Gi")});
    let total =
        json!({"cores": NODES * cores, "memory": format!("{}Gi", NODES * gib), "largestNode": largest});
    let settings = cluster.settings(&json!({"capacity": {"sources": ["nodes"], "provisionable": total}}));
    let broker = world.broker(QUEUES, &format!("[{settings}]")).await;
    world.send(&jobs).await;

    let mut before = Resources::default();
    for n in 1..=NODES {
        // As an autoscaler does: a node for pods that have found none.
        eventually("pods have found no node", async || {
            !Census::of(&cluster).await.stranded.is_empty()
        })
        .await;
        cluster.add_node(n).await;
        eventually("the new node is used", async || {
            Census::of(&cluster).await.requested.cpu > before.cpu
        })
        .await;
        before = Census::of(&cluster).await.requested;
    }
    let (_, found) = at_rest(&world, &jobs, &[&cluster]).await;
    assert_eq!(
        found[0].stranded,
        [] as [&str; 0],
        "no pod is left without a node"
    );
    assert!(
        found[0].is_whole(&jobs),
        "each has its executors: {:#?}",
        found[0]
    );
    let full = found[0].fullness(&size(NODES, cores, gib));
    println!("{full} %, {} jobs", found[0].executors.len());
    assert!(full >= 90, "{full} % full: {:#?}", found[0]);
    broker.stop().await;
}
