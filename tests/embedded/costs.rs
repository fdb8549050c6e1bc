//! The contract of the port `Store`: how many requests each verb costs.

use spark_broker::ports::store::{Create, Store};
use spark_broker::submission::State;

use crate::fixture::{Table, dispatching, done, id, large, moved, record, stale};

#[tokio::test]
async fn many_records_are_read_in_batches_and_absent_ones_left_out() {
    let t = Table::new().await;
    for n in 0..205 {
        t.created(&record(id(n).as_str())).await;
    }
    let mut ids: Vec<_> = (0..210).map(id).collect();
    ids.push(id(0));
    t.requests.take();
    let records = t.store.get_many(&ids).await.unwrap();
    assert_eq!(t.requests.take(), ["BatchGetItem"; 3]);
    assert_eq!(records.len(), 205);
    assert!(t.store.get_many(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn each_verb_costs_the_requests_it_must_and_no_more() {
    let t = Table::new().await;
    let (small, mut big) = (record("small"), record("big"));
    big.spec.user = Some(large(4, 9_000));

    t.created(&small).await;
    assert_eq!(t.requests.take(), ["PutItem"]);
    t.created(&big).await;
    assert_eq!(t.requests.take(), ["PutItem", "PutItem"]);
    assert!(matches!(
        t.store.create(&record("small")).await.unwrap(),
        Create::Exists(_)
    ));
    assert_eq!(t.requests.take(), ["PutItem"]);
    done(t.write(&small, &dispatching(&small, 1), Some(1)).await);
    stale(t.write(&small, &moved(&small, State::Cancelled), None).await);
    assert_eq!(t.requests.take(), ["UpdateItem", "UpdateItem"]);
    t.store.specs(&small).await.unwrap();
    assert!(t.requests.take().is_empty());
    t.store.probe().await.unwrap();
    assert_eq!(t.requests.take(), ["DeleteItem"]);
}
