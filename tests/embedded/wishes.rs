//! The contract of the port `Coordination`: what people wish of a cluster.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use spark_broker::model::{ClusterName, Domain, Epoch};
use spark_broker::ports::store::{
    ClusterBoard, ClusterWish, ClusterWishes, Coordination, Cordon, Drain, DrainThen, LostConfirmed, WishKind,
};

use crate::Harness;
use crate::coordination::store;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_123 + second * 1000).unwrap()
}

fn places() -> (Domain, ClusterName) {
    ("default".parse().unwrap(), "a".parse().unwrap())
}

fn wishes() -> ClusterWishes {
    ClusterWishes {
        cordon: Some(Cordon {
            reason: "upgrade".into(),
            author: Some("ann".into()),
            at: at(0),
            until: Some(at(60)),
        }),
        drain: Some(Drain {
            reason: "to be rebuilt".into(),
            author: None,
            at: at(1),
            deadline: at(600),
            then: DrainThen::Cancel,
        }),
        lost_confirmed: Some(LostConfirmed {
            reason: "deleted by mistake".into(),
            author: None,
            at: at(2),
        }),
    }
}

fn each(wishes: &ClusterWishes) -> Vec<ClusterWish> {
    let cordon = wishes.cordon.clone().map(ClusterWish::Cordon);
    let drain = wishes.drain.clone().map(ClusterWish::Drain);
    let lost = wishes.lost_confirmed.clone().map(ClusterWish::LostConfirmed);
    [cordon, drain, lost].into_iter().flatten().collect()
}

#[tokio::test]
async fn wishes_of_a_cluster_stand_beside_its_board_and_each_other() {
    let harness = Harness::start().await;
    let (store, (domain, cluster)) = (store(&harness).await, places());
    let read = async || store.cluster_wishes(&domain, &cluster).await.unwrap();
    assert_eq!(read().await, ClusterWishes::default());
    let board = ClusterBoard::default();
    // A scheduler has written the item; people may write all the same.
    let written = store.write_cluster(&domain, &cluster, &board, Epoch(7));
    assert!(written.await.unwrap());
    for wish in each(&wishes()) {
        store.set_cluster_wish(&domain, &cluster, &wish).await.unwrap();
    }
    let written = store.write_cluster(&domain, &cluster, &board, Epoch(7));
    assert!(written.await.unwrap());
    assert_eq!(read().await, wishes(), "the board leaves them alone");
    assert_eq!(store.cluster(&domain, &cluster).await.unwrap(), Some(board));
    let other = store.cluster_wishes(&domain, &"b".parse().unwrap()).await;
    assert_eq!(other.unwrap(), ClusterWishes::default());

    let mut again = wishes();
    again.cordon.as_mut().unwrap().until = None;
    let wish = ClusterWish::Cordon(again.cordon.clone().unwrap());
    store.set_cluster_wish(&domain, &cluster, &wish).await.unwrap();
    assert_eq!(read().await, again, "the later one of a kind stands");
}

#[tokio::test]
async fn a_wish_is_taken_away_alone_and_only_the_one_that_was_meant() {
    let harness = Harness::start().await;
    let (store, (domain, cluster)) = (store(&harness).await, places());
    let remove = async |kind, at| {
        let removed = store.remove_cluster_wish(&domain, &cluster, kind, at).await;
        removed.unwrap()
    };
    assert!(!remove(WishKind::Cordon, None).await, "there is no item yet");
    assert!(!remove(WishKind::LostConfirmed, Some(at(2))).await);
    for wish in each(&wishes()) {
        store.set_cluster_wish(&domain, &cluster, &wish).await.unwrap();
    }
    assert!(
        !remove(WishKind::LostConfirmed, Some(at(1))).await,
        "a later one stands"
    );
    assert!(remove(WishKind::LostConfirmed, Some(at(2))).await);
    assert!(remove(WishKind::Drain, None).await);
    assert!(!remove(WishKind::Drain, None).await, "it is gone already");
    let left = ClusterWishes {
        drain: None,
        lost_confirmed: None,
        ..wishes()
    };
    assert_eq!(store.cluster_wishes(&domain, &cluster).await.unwrap(), left);
}

#[tokio::test]
async fn a_wish_that_cannot_be_read_closes_its_cluster_until_it_is_taken_away() {
    let harness = Harness::start().await;
    let (store, (domain, cluster)) = (store(&harness).await, places());
    let drain = ClusterWish::Drain(wishes().drain.unwrap());
    store.set_cluster_wish(&domain, &cluster, &drain).await.unwrap();
    harness
        .aws
        .dynamodb()
        .update_item()
        .table_name(harness.name("records"))
        .key("pk", AttributeValue::S("cluster#default/a".into()))
        .update_expression("SET drain.#then = :then")
        .expression_attribute_names("#then", "then")
        .expression_attribute_values(":then", AttributeValue::S("move".into()))
        .send()
        .await
        .unwrap();
    let read = async || store.cluster_wishes(&domain, &cluster).await.unwrap();
    let told = read().await;
    assert_eq!((told.drain, told.lost_confirmed), (None, None));
    let reason = told.cordon.unwrap().reason;
    assert!(reason.contains("drain") && reason.contains("move"), "{reason}");
    let taken_away = store.remove_cluster_wish(&domain, &cluster, WishKind::Drain, None);
    assert!(taken_away.await.unwrap());
    assert_eq!(read().await, ClusterWishes::default());
}
