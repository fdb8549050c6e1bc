//! The contract of the port `Coordination`.

use std::collections::BTreeMap;

use spark_broker::adapters::dynamodb::{CopiedTable, DynamoStore, table};
use spark_broker::model::{ClusterName, Domain, Epoch, Version};
use spark_broker::ports::store::{
    ClusterBoard, Coordination, Lease, LeaseWrite, OutlookOf, QueueBoard, WaitingHead,
};
use spark_broker::submission::Reason;

use crate::Harness;

pub(crate) async fn store(harness: &Harness) -> DynamoStore {
    let (client, table) = (harness.aws.dynamodb(), harness.name("records"));
    table::ensure(&client, &table).await.unwrap();
    DynamoStore::open(client, &table, CopiedTable::Refuse)
        .await
        .unwrap()
}

fn lease(holder: Option<&str>, epoch: u64, version: u64) -> Lease {
    Lease {
        holder: holder.map(str::to_owned),
        epoch: Epoch(epoch),
        version: Version(version),
    }
}

fn domain() -> Domain {
    "default".parse().unwrap()
}

#[tokio::test]
async fn the_lease_goes_to_the_first_that_wrote_on_what_both_have_seen() {
    let harness = Harness::start().await;
    let store = store(&harness).await;
    let write = async |seen: Option<u64>, next: &Lease| {
        store
            .write_lease(&domain(), seen.map(Version), next)
            .await
            .unwrap()
    };
    assert_eq!(store.lease(&domain()).await.unwrap(), None);
    let a = lease(Some("a"), 1, 1);
    assert_eq!(write(None, &a).await, LeaseWrite::Done);
    assert_eq!(
        write(None, &lease(Some("b"), 1, 1)).await,
        LeaseWrite::Stale(Some(a.clone()))
    );

    let renewed = lease(Some("a"), 1, 2);
    assert_eq!(write(Some(1), &renewed).await, LeaseWrite::Done);
    // The reply was lost.
    assert_eq!(write(Some(1), &renewed).await, LeaseWrite::Done);
    assert_eq!(
        write(Some(1), &lease(Some("b"), 2, 2)).await,
        LeaseWrite::Stale(Some(renewed))
    );

    let released = lease(None, 1, 3);
    assert_eq!(write(Some(2), &released).await, LeaseWrite::Done);
    assert_eq!(store.lease(&domain()).await.unwrap(), Some(released));
    let other = "other".parse().unwrap();
    assert_eq!(store.lease(&other).await.unwrap(), None);
    assert_eq!(
        store.write_lease(&other, Some(Version(1)), &a).await.unwrap(),
        LeaseWrite::Stale(None)
    );
}

#[tokio::test]
async fn sections_of_clusters_stand_as_the_latest_scheduler_wrote_them() {
    let harness = Harness::start().await;
    let (store, domain) = (store(&harness).await, domain());
    let sections = async || store.cluster_sections(&domain).await.unwrap();
    assert_eq!(sections().await, BTreeMap::new());
    let of = |names: &[&str]| -> BTreeMap<ClusterName, String> {
        let section = |name: &&str| (name.parse().unwrap(), format!("{{\"name\":\"{name}\"}}"));
        names.iter().map(section).collect()
    };
    let write = async |names: &[&str], epoch| {
        let sections = of(names);
        let written = store.write_cluster_sections(&domain, &sections, Epoch(epoch));
        written.await.unwrap()
    };
    assert!(write(&["a", "b"], 2).await);
    assert!(write(&["a", "b", "c"], 3).await);
    assert!(!write(&["a"], 2).await, "an earlier scheduler changes nothing");
    assert_eq!(sections().await, of(&["a", "b", "c"]));
    let other = "other".parse().unwrap();
    assert_eq!(store.cluster_sections(&other).await.unwrap(), BTreeMap::new());
    assert!(write(&[], 3).await);
    assert_eq!(sections().await, BTreeMap::new());
}

#[tokio::test]
async fn boards_say_what_was_written_last() {
    let harness = Harness::start().await;
    let (store, domain) = (store(&harness).await, domain());
    let (cluster, queue) = ("a".parse().unwrap(), "dev".parse().unwrap());
    assert_eq!(store.cluster(&domain, &cluster).await.unwrap(), None);
    let mut board = unreachable_cluster();
    let write = async |board: &ClusterBoard| {
        store
            .write_cluster(&domain, &cluster, board, Epoch(1))
            .await
            .unwrap()
    };
    assert!(write(&board).await);
    board.message = None;
    assert!(write(&board).await);
    assert_eq!(
        store.cluster(&domain, &cluster).await.unwrap(),
        Some(board.clone())
    );

    assert_eq!(store.cluster_identity(&domain, &cluster).await.unwrap(), None);
    let set = store.set_cluster_identity(&domain, &cluster, "u1/u2", Epoch(1));
    assert!(set.await.unwrap());
    assert!(write(&board).await);
    let identity = store.cluster_identity(&domain, &cluster).await.unwrap();
    assert_eq!(identity.as_deref(), Some("u1/u2"), "the board leaves it alone");

    let board = waiting_queue();
    let written = store.write_queue(&domain, &queue, &board, Epoch(1));
    assert!(written.await.unwrap());
    assert_eq!(store.queue(&domain, &queue).await.unwrap(), Some(board));
}

#[tokio::test]
async fn a_scheduler_of_an_earlier_epoch_writes_no_board_and_no_identity() {
    let harness = Harness::start().await;
    let store = store(&harness).await;
    let (cluster, queue) = ("a".parse().unwrap(), "dev".parse().unwrap());
    let (of_cluster, of_queue) = (unreachable_cluster(), waiting_queue());
    let write = async |live: u64, waiting: u64, identity: &str, epoch: u64| {
        let (of_cluster, of_queue) = (
            ClusterBoard {
                live,
                ..of_cluster.clone()
            },
            QueueBoard {
                waiting,
                ..of_queue.clone()
            },
        );
        let epoch = Epoch(epoch);
        [
            store
                .write_cluster(&domain(), &cluster, &of_cluster, epoch)
                .await
                .unwrap(),
            store
                .write_queue(&domain(), &queue, &of_queue, epoch)
                .await
                .unwrap(),
            store
                .set_cluster_identity(&domain(), &cluster, identity, epoch)
                .await
                .unwrap(),
        ]
    };
    assert_eq!(write(1, 1, "u1", 1).await, [true; 3]);
    assert_eq!(write(2, 2, "u2", 3).await, [true; 3], "a later one takes over");
    assert_eq!(write(9, 9, "u9", 2).await, [false; 3]);
    assert_eq!(store.cluster(&domain(), &cluster).await.unwrap().unwrap().live, 2);
    assert_eq!(store.queue(&domain(), &queue).await.unwrap().unwrap().waiting, 2);
    let identity = store.cluster_identity(&domain(), &cluster).await.unwrap();
    assert_eq!(identity.as_deref(), Some("u2"));
    assert_eq!(write(3, 3, "u3", 3).await, [true; 3], "the same one goes on");
}

#[tokio::test]
async fn an_outlook_is_read_as_it_was_written_and_fenced_by_the_epoch() {
    let harness = Harness::start().await;
    let store = store(&harness).await;
    let a = "a".parse().unwrap();
    let (domain, of_a) = (domain(), OutlookOf::Cluster(&a));
    assert_eq!(store.outlook(&domain, OutlookOf::Domain).await.unwrap(), None);
    let write = async |of, text: &str, epoch| store.write_outlook(&domain, of, text, Epoch(epoch)).await;
    assert!(write(OutlookOf::Domain, "{\"Ä\": 1}", 2).await.unwrap());
    assert!(write(of_a, "{\"a\": 1}", 2).await.unwrap());
    assert!(
        !write(of_a, "{\"a\": 2}", 1).await.unwrap(),
        "of an earlier epoch"
    );
    let read = async |of| store.outlook(&domain, of).await.unwrap();
    assert_eq!(read(OutlookOf::Domain).await.as_deref(), Some("{\"Ä\": 1}"));
    assert_eq!(read(of_a).await.as_deref(), Some("{\"a\": 1}"));
    assert!(write(of_a, "{\"a\": 3}", 3).await.unwrap());
    assert_eq!(read(of_a).await.as_deref(), Some("{\"a\": 3}"));
    // Beside the cluster's own item, which is read far more often.
    assert_eq!(store.cluster(&domain, &a).await.unwrap(), None);
}

fn unreachable_cluster() -> ClusterBoard {
    ClusterBoard {
        healthy: false,
        message: Some("401".into()),
        silent: true,
        live: 3,
        closed: Some("cordoned: upgrade".into()),
        brake: None,
        removed: false,
        at: Some("2026-11-23T05:31:50.100Z".parse().unwrap()),
    }
}

fn waiting_queue() -> QueueBoard {
    let head = WaitingHead {
        id: "job-1".parse().unwrap(),
        position: Some(1),
        reason: Reason::NoCapacity,
        message: "a: full".into(),
    };
    QueueBoard {
        waiting: 1,
        live: 2,
        heads: vec![head],
        at: None,
    }
}
