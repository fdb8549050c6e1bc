//! The contract of the port `Store`: the sparse indexes.

use jiff::{SignedDuration, Timestamp};
use spark_broker::error::{Class, Classify};
use spark_broker::model::Attempt;
use spark_broker::ports::store::Store;
use spark_broker::submission::{BacklogEntry, SpecTexts, State};

use crate::fixture::{AT, Table, dispatching, done, id, moved, record};

#[tokio::test]
async fn a_record_is_in_the_indexes_it_belongs_to_and_in_no_other() {
    let t = Table::new().await;
    let first = record("job-1");
    t.created(&first).await;
    assert_eq!(t.backlog(&first).await, [BacklogEntry::from(&first)]);
    assert!(t.live(&first, "a").await.is_empty() && t.wishes(&first).await.is_empty());

    let live = done(t.write(&first, &dispatching(&first, 1), Some(1)).await);
    assert!(t.backlog(&first).await.is_empty());
    assert_eq!(t.live(&first, "a").await, std::slice::from_ref(&live));

    let mut cancelling = moved(&live, State::Cancelling);
    cancelling.cancel_requested = true;
    let cancelling = done(t.write(&live, &cancelling, None).await);
    assert_eq!(t.wishes(&first).await, std::slice::from_ref(&cancelling));

    let mut again = moved(&live, State::Queued);
    again.version = cancelling.version.next();
    again.attempt = Attempt(2);
    again.cluster = None;
    let again = done(t.write(&cancelling, &again, Some(1)).await);
    assert_eq!(t.backlog(&first).await[0].attempt, Attempt(2));
    assert!(t.live(&first, "a").await.is_empty() && t.wishes(&first).await.is_empty());

    done(t.write(&again, &moved(&again, State::Failed), Some(1)).await);
    assert!(t.backlog(&first).await.is_empty());
    assert_eq!(t.recent(&first).await, [first.id]);
}

#[tokio::test]
async fn the_backlog_is_read_in_order_from_a_time_on_and_page_by_page() {
    let t = Table::new().await;
    let start: Timestamp = AT.parse().unwrap();
    let mut expected = Vec::new();
    // Enough of one shard to fill more than one page of 1 MB.
    for n in (0..600_i64).filter(|n| id(*n).shard(8) == 3) {
        let mut record = record(id(n).as_str());
        record.accepted_at = start + SignedDuration::from_secs(n);
        record.queue_timeout_at = Some(record.accepted_at);
        record.spark_version = Some("x".repeat(20_000));
        record.spec = SpecTexts::default();
        t.created(&record).await;
        expected.push(record);
    }
    assert!(expected.len() > 60, "{}", expected.len());

    let (domain, mut page, mut found, mut pages) = ("default".parse().unwrap(), None, Vec::new(), 0);
    loop {
        let read = t.store.backlog(&domain, 3, None, page).await.unwrap();
        found.extend(read.items);
        pages += 1;
        page = read.next;
        if page.is_none() {
            break;
        }
    }
    assert!(pages > 1);
    assert_eq!(found, expected.iter().map(BacklogEntry::from).collect::<Vec<_>>());

    let from = expected[40].accepted_at;
    let late = t.store.backlog(&domain, 3, Some(from), None).await.unwrap();
    assert_eq!(late.items[0].id, expected[40].id);

    let mut newest = t
        .store
        .recent(&"dev".parse().unwrap(), &AT[..10], 3, None)
        .await
        .unwrap()
        .items;
    newest.reverse();
    assert_eq!(newest, expected.iter().map(|r| r.id.clone()).collect::<Vec<_>>());
    assert_eq!(
        t.store
            .wishes(&domain, Some("%".into()))
            .await
            .unwrap_err()
            .class(),
        Class::Permanent
    );
}
