//! The contract of the port `Coordination`.

use spark_broker::adapters::dynamodb::{CopiedTable, DynamoStore, table};
use spark_broker::model::{Domain, Epoch, Version};
use spark_broker::ports::store::{
    ClusterBoard, ClusterWish, ClusterWishes, Coordination, Cordon, Drain, DrainThen, Lease, LeaseWrite,
    LostConfirmed, QueueBoard, WaitingHead, WishKind,
};
use spark_broker::submission::Reason;

use crate::Harness;

async fn store(harness: &Harness) -> DynamoStore {
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
async fn boards_say_what_was_written_last() {
    let harness = Harness::start().await;
    let store = store(&harness).await;
    let (cluster, queue) = ("a".parse().unwrap(), "dev".parse().unwrap());
    assert_eq!(store.cluster(&domain(), &cluster).await.unwrap(), None);
    let mut board = ClusterBoard {
        healthy: false,
        message: Some("401".into()),
        live: 3,
        at: Some("2026-11-23T05:31:50.100Z".parse().unwrap()),
    };
    store.write_cluster(&domain(), &cluster, &board).await.unwrap();
    board.message = None;
    store.write_cluster(&domain(), &cluster, &board).await.unwrap();
    assert_eq!(
        store.cluster(&domain(), &cluster).await.unwrap(),
        Some(board.clone())
    );

    assert_eq!(store.cluster_identity(&domain(), &cluster).await.unwrap(), None);
    store
        .set_cluster_identity(&domain(), &cluster, "u1/u2")
        .await
        .unwrap();
    store.write_cluster(&domain(), &cluster, &board).await.unwrap();
    let identity = store.cluster_identity(&domain(), &cluster).await.unwrap();
    assert_eq!(identity.as_deref(), Some("u1/u2"), "the board leaves it alone");

    let head = WaitingHead {
        id: "job-1".parse().unwrap(),
        reason: Reason::NoCapacity,
        message: "a: full".into(),
    };
    let board = QueueBoard {
        waiting: 1,
        live: 2,
        heads: vec![head],
        at: None,
    };
    store.write_queue(&domain(), &queue, &board).await.unwrap();
    assert_eq!(store.queue(&domain(), &queue).await.unwrap(), Some(board));
}

#[tokio::test]
async fn wishes_of_a_cluster_stand_until_they_are_taken_away_whatever_else_is_written() {
    let harness = Harness::start().await;
    let store = store(&harness).await;
    let (cluster, other) = ("a".parse().unwrap(), "b".parse().unwrap());
    let at = |second: i64| jiff::Timestamp::from_millisecond(1_800_000_000_123 + second * 1000).unwrap();
    let read = async || store.cluster_wishes(&domain(), &cluster).await.unwrap();
    let remove = async |kind, at| {
        let gone = store.remove_cluster_wish(&domain(), &cluster, kind, at).await;
        gone.unwrap()
    };
    assert_eq!(read().await, ClusterWishes::default());
    assert!(!remove(WishKind::Cordon, None).await, "there is no item yet");

    let cordon = Cordon {
        reason: "upgrade".into(),
        author: Some("ann".into()),
        at: at(0),
        until: Some(at(60)),
    };
    let drain = Drain {
        reason: "to be rebuilt".into(),
        author: None,
        at: at(1),
        deadline: at(600),
        then: DrainThen::Cancel,
    };
    let lost = LostConfirmed {
        reason: "deleted by mistake".into(),
        author: None,
        at: at(2),
    };
    for wish in [
        ClusterWish::Cordon(cordon.clone()),
        ClusterWish::Drain(drain.clone()),
        ClusterWish::LostConfirmed(lost.clone()),
    ] {
        store.set_cluster_wish(&domain(), &cluster, &wish).await.unwrap();
    }
    let board = ClusterBoard::default();
    store.write_cluster(&domain(), &cluster, &board).await.unwrap();
    let all = ClusterWishes {
        cordon: Some(cordon.clone()),
        drain: Some(drain),
        lost_confirmed: Some(lost),
    };
    assert_eq!(read().await, all, "the board leaves them alone");
    assert_eq!(store.cluster(&domain(), &cluster).await.unwrap(), Some(board));
    let elsewhere = store.cluster_wishes(&domain(), &other).await.unwrap();
    assert_eq!(elsewhere, ClusterWishes::default());

    let again = Cordon {
        until: None,
        ..cordon
    };
    let wish = ClusterWish::Cordon(again.clone());
    store.set_cluster_wish(&domain(), &cluster, &wish).await.unwrap();
    assert_eq!(read().await.cordon, Some(again));
    assert!(
        !remove(WishKind::LostConfirmed, Some(at(1))).await,
        "a later one stands"
    );
    assert!(remove(WishKind::LostConfirmed, Some(at(2))).await);
    assert!(remove(WishKind::Drain, None).await);
    assert!(!remove(WishKind::Drain, None).await, "it is gone already");
    let left = read().await;
    assert!(left.cordon.is_some() && left.drain.is_none() && left.lost_confirmed.is_none());
}
