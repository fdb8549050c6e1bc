//! The contract of the port `Store`: records, their versions, and replies that were lost.

use aws_sdk_dynamodb::types::AttributeValue;
use spark_broker::model::{Epoch, Version};
use spark_broker::ports::store::{Create, Store, Write};
use spark_broker::submission::{Record, RecordKey, State};

use crate::fixture::{AT, Table, dispatching, done, moved, record, stale};

#[tokio::test]
async fn what_was_created_is_read_back_and_a_second_creation_sees_it() {
    let t = Table::new().await;
    let first = record("job-1");
    t.created(&first).await;
    assert_eq!(t.stored(&first).await, first);
    assert_eq!(t.store.get(&"absent".parse().unwrap()).await.unwrap(), None);

    let second = record("job-1");
    assert_eq!(
        t.store.create(&second).await.unwrap(),
        Create::Exists(Box::new(first.clone()))
    );
    assert_eq!(t.stored(&first).await, first);
}

#[tokio::test]
async fn a_creation_whose_reply_was_lost_is_created_even_after_others_wrote() {
    let t = Table::new().await;
    let first = record("job-1");
    t.created(&first).await;
    t.created(&first).await;
    done(t.write(&first, &dispatching(&first, 1), Some(1)).await);
    t.created(&first).await;
    assert_eq!(t.stored(&first).await.state, State::Dispatching);
}

#[tokio::test]
async fn people_read_the_documented_attributes() {
    let t = Table::new().await;
    t.created(&record("job-1")).await;
    let item = t.item("submission#job-1".into()).await.unwrap();
    assert_eq!(item["state"], AttributeValue::S("QUEUED".into()));
    assert_eq!(item["version"], AttributeValue::N("1".into()));
    assert_eq!(item["acceptedAt"], AttributeValue::S(AT.into()));
    assert_eq!(item["backlogOrder"], AttributeValue::S(format!("{AT}#job-1")));
}

#[tokio::test]
async fn a_change_answers_with_the_whole_record_after_it() {
    let t = Table::new().await;
    let first = record("job-1");
    t.created(&first).await;
    let next = dispatching(&first, 7);
    // The scheduler knows an outline only.
    let entry = t.backlog(&first).await.remove(0);
    let outline = entry.outline(&first.domain);
    let mut wanted = dispatching(&outline, 7);
    wanted.verdict = Default::default();
    let written = done(t.write(&outline, &wanted, Some(7)).await);
    assert_eq!(written, next);
    assert_eq!(t.stored(&first).await, next);
    assert_eq!(written.spec.user.as_deref(), Some("{\"queue\":\"dev\"}"));
}

#[tokio::test]
async fn of_two_writers_of_one_version_the_second_sees_what_the_first_wrote() {
    let t = Table::new().await;
    let first = record("job-1");
    t.created(&first).await;
    let won = done(t.write(&first, &moved(&first, State::Cancelled), None).await);
    assert_eq!(won.version, Version(2));
    assert_eq!(
        stale(t.write(&first, &dispatching(&first, 1), Some(1)).await),
        won
    );
    assert_eq!(t.stored(&first).await, won);
}

#[tokio::test]
async fn a_write_to_another_incarnation_or_to_nothing_is_stale() {
    let t = Table::new().await;
    let (first, other) = (record("job-1"), record("job-1"));
    t.created(&first).await;
    assert_eq!(
        stale(t.write(&other, &moved(&other, State::Cancelled), None).await),
        first
    );
    let absent = record("job-2");
    assert_eq!(
        t.write(&absent, &moved(&absent, State::Cancelled), None).await,
        Write::Stale(None)
    );
    assert_eq!(t.store.get(&absent.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_scheduler_of_an_earlier_epoch_writes_nothing() {
    let t = Table::new().await;
    let first = record("job-1");
    t.created(&first).await;
    let stamped = done(t.write(&first, &dispatching(&first, 5), Some(5)).await);
    let late = moved(&stamped, State::Submitted);
    assert_eq!(stale(t.write(&stamped, &late, Some(4)).await), stamped);
    let by_api = done(t.write(&stamped, &moved(&stamped, State::Cancelling), None).await);
    assert_eq!(by_api.epoch, Some(Epoch(5)));
    assert_eq!(
        done(t.write(&by_api, &moved(&by_api, State::Cancelled), Some(6)).await).epoch,
        Some(Epoch(6))
    );
}

#[tokio::test]
async fn a_change_whose_reply_was_lost_is_done_and_one_that_only_resembles_it_is_not() {
    let t = Table::new().await;
    let first = record("job-1");
    t.created(&first).await;
    let next = dispatching(&first, 3);
    let written = done(t.write(&first, &next, Some(3)).await);
    assert_eq!(done(t.write(&first, &next, Some(3)).await), written);
    assert_eq!(t.stored(&first).await.history.len(), 2);

    let mut elsewhere = next.clone();
    elsewhere.cluster = Some("b".parse().unwrap());
    stale(t.write(&first, &elsewhere, Some(3)).await);
    stale(t.write(&first, &dispatching(&first, 4), Some(4)).await);

    // Somebody wrote on top of it meanwhile, and left it standing.
    let mut wished = written.clone();
    wished.version = written.version.next();
    wished.cancel_requested = true;
    done(t.write(&written, &wished, None).await);
    assert!(done(t.write(&first, &next, Some(3)).await).cancel_requested);
}

#[tokio::test]
async fn an_expired_record_is_returned_and_makes_way() {
    let t = Table::new().await;
    let mut old = record("job-1");
    old.state = State::Succeeded;
    old.expires_at = Some(1);
    t.created(&old).await;
    let new = record("job-1");
    let Create::Exists(stored) = t.store.create(&new).await.unwrap() else {
        panic!("created")
    };
    assert!(stored.is_expired(AT.parse().unwrap()));

    let key = RecordKey::from(&*stored);
    assert_eq!(done(t.store.replace(&key, &new).await.unwrap()), new);
    // Again: the reply was lost. Then another that relied on the old one.
    assert_eq!(done(t.store.replace(&key, &new).await.unwrap()), new);
    assert_eq!(stale(t.store.replace(&key, &record("job-1")).await.unwrap()), new);
}

#[tokio::test]
async fn a_tombstone_holds_the_place_without_a_state() {
    let t = Table::new().await;
    let tombstone = Record::tombstone(
        "job-1".parse().unwrap(),
        "default".parse().unwrap(),
        AT.parse().unwrap(),
        3600,
    );
    t.created(&tombstone).await;
    assert!(
        !t.item("submission#job-1".into())
            .await
            .unwrap()
            .contains_key("state")
    );
    let new = record("job-1");
    let Create::Exists(stored) = t.store.create(&new).await.unwrap() else {
        panic!("created")
    };
    assert!(stored.is_tombstone());
    done(t.store.replace(&(&*stored).into(), &new).await.unwrap());
    assert_eq!(t.stored(&new).await.state, State::Queued);
}

#[tokio::test]
async fn a_change_that_takes_away_what_still_stands_has_not_happened() {
    let t = Table::new().await;
    let mut first = record("job-1");
    first.sender = Some("somebody".into());
    t.created(&first).await;
    let next = dispatching(&first, 3);
    let written = done(t.write(&first, &next, Some(3)).await);
    let clearing = Record { sender: None, ..next };
    assert_eq!(stale(t.write(&first, &clearing, Some(3)).await), written);
}

#[tokio::test]
async fn of_many_writers_at_once_exactly_one_wins() {
    let t = Table::new().await;
    let first = record("job-1");
    t.created(&first).await;
    let writers = (1..=20).map(|epoch| {
        let (t, first) = (&t, &first);
        async move { t.write(first, &dispatching(first, epoch), Some(epoch)).await }
    });
    let writes = futures::future::join_all(writers).await;
    let won = writes.iter().filter(|w| matches!(w, Write::Done(_))).count();
    assert_eq!(won, 1);
    assert_eq!(t.stored(&first).await.version, Version(2));
}
