//! The contract of the port `Store`.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use jiff::{SignedDuration, Timestamp};
use spark_broker::adapters::dynamodb::{CopiedTable, DynamoStore, table};
use spark_broker::error::{Class, Classify};
use spark_broker::model::{Attempt, Epoch, SubmissionId, Version};
use spark_broker::ports::store::{Create, Store, Write};
use spark_broker::submission::{
    BacklogEntry, Change, NewRecord, Reason, Record, RecordKey, SpecTexts, State, Transition,
};

use crate::Harness;

const AT: &str = "2026-11-23T05:31:50.100Z";

/// The operations that a client has sent, in order.
#[derive(Debug, Clone, Default)]
struct Requests(Arc<Mutex<Vec<String>>>);

impl Requests {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Intercept for Requests {
    fn name(&self) -> &'static str {
        "requests"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context
            .request()
            .headers()
            .get("x-amz-target")
            .unwrap_or_default();
        self.0
            .lock()
            .unwrap()
            .push(target.rsplit('.').next().unwrap_or_default().to_owned());
        Ok(())
    }
}

struct Table {
    _harness: Harness,
    client: Client,
    store: DynamoStore,
    requests: Requests,
}

impl Table {
    async fn new() -> Self {
        let harness = Harness::start().await;
        let requests = Requests::default();
        let config = harness
            .aws
            .dynamodb()
            .config()
            .to_builder()
            .interceptor(requests.clone())
            .build();
        let client = Client::from_conf(config);
        table::ensure(&client, "spark-broker").await.unwrap();
        let store = DynamoStore::open(client.clone(), "spark-broker", CopiedTable::Refuse)
            .await
            .unwrap();
        requests.take();
        Self {
            _harness: harness,
            client,
            store,
            requests,
        }
    }

    async fn created(&self, record: &Record) -> RecordKey {
        assert_eq!(self.store.create(record).await.unwrap(), Create::Created);
        record.into()
    }

    async fn stored(&self, record: &Record) -> Record {
        self.store.get(&record.id).await.unwrap().unwrap()
    }

    /// Writes what turns `old` into `new`.
    async fn write(&self, old: &Record, new: &Record, epoch: Option<u64>) -> Write {
        let change = Change::between(old, new, self.store.shards());
        self.store
            .update(&old.into(), &change, epoch.map(Epoch))
            .await
            .unwrap()
    }

    /// The item as people see it.
    async fn item(&self, pk: String) -> Option<std::collections::HashMap<String, AttributeValue>> {
        let get = self
            .client
            .get_item()
            .table_name("spark-broker")
            .key("pk", AttributeValue::S(pk));
        get.send().await.unwrap().item
    }

    async fn backlog(&self, record: &Record) -> Vec<BacklogEntry> {
        let shard = record.id.shard(self.store.shards());
        self.store
            .backlog(&record.domain, shard, None, None)
            .await
            .unwrap()
            .items
    }

    async fn live(&self, record: &Record, cluster: &str) -> Vec<Record> {
        self.store
            .live(&record.domain, &cluster.parse().unwrap(), None)
            .await
            .unwrap()
            .items
    }

    async fn wishes(&self, record: &Record) -> Vec<Record> {
        self.store.wishes(&record.domain, None).await.unwrap().items
    }

    async fn recent(&self, record: &Record) -> Vec<SubmissionId> {
        let shard = record.id.shard(self.store.shards());
        self.store
            .recent(&record.queue, &AT[..10], shard, None)
            .await
            .unwrap()
            .items
    }
}

fn record(id: &str) -> Record {
    let mut record = Record::queued(NewRecord {
        id: id.parse().unwrap(),
        domain: "default".parse().unwrap(),
        queue: "dev".parse().unwrap(),
        fingerprint: "f".into(),
        at: AT.parse().unwrap(),
    });
    record.spec.user = Some("{\"queue\":\"dev\"}".into());
    record
}

/// The next record in `state`, with its transition.
fn moved(record: &Record, state: State) -> Record {
    let mut next = record.clone();
    next.version = record.version.next();
    next.state = state;
    next.history.push(Transition {
        at: record.updated_at,
        from: Some(record.state),
        to: state,
        reason: None,
        message: None,
        cluster: None,
        attempt: record.attempt,
    });
    next
}

fn dispatching(record: &Record, epoch: u64) -> Record {
    let mut next = moved(record, State::Dispatching);
    next.cluster = Some("a".parse().unwrap());
    next.epoch = Some(Epoch(epoch));
    next
}

fn done(write: Write) -> Record {
    match write {
        Write::Done(record) => *record,
        Write::Stale(stored) => panic!("stale: {stored:?}"),
    }
}

fn stale(write: Write) -> Record {
    match write {
        Write::Done(record) => panic!("done: {record:?}"),
        Write::Stale(stored) => *stored.unwrap(),
    }
}

fn large(seed: u64, size: usize) -> String {
    let mut state = seed;
    let mut letter = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + u8::try_from((state >> 33) % 64).unwrap())
    };
    (0..size).map(|_| letter()).collect()
}

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

fn id(n: i64) -> SubmissionId {
    format!("job-{n}").parse().unwrap()
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
async fn large_specs_stand_apart_and_expire_with_their_record() {
    let t = Table::new().await;
    let mut big = record("job-1");
    big.spec = SpecTexts {
        user: Some(large(1, 200_000)),
        effective: Some(large(2, 200_000)),
    };
    t.created(&big).await;
    let pk = format!("spec#job-1#{}", big.incarnation.as_str());

    let stored = t.stored(&big).await;
    assert_eq!(stored.spec, SpecTexts::default());
    assert_eq!(t.store.specs(&stored).await.unwrap(), big.spec);
    let kept = AttributeValue::N((big.updated_at.as_second() + 400 * 86_400).to_string());
    assert_eq!(t.item(pk.clone()).await.unwrap()["expiresAt"], kept);

    let mut loser = record("job-1");
    loser.spec = big.spec.clone();
    assert!(matches!(t.store.create(&loser).await.unwrap(), Create::Exists(_)));
    assert_eq!(
        t.item(format!("spec#job-1#{}", loser.incarnation.as_str())).await,
        None
    );

    let mut ended = moved(&stored, State::Failed);
    ended.expires_at = Some(1_900_000_000);
    done(t.write(&stored, &ended, None).await);
    assert_eq!(
        t.item(pk).await.unwrap()["expiresAt"],
        AttributeValue::N("1900000000".into())
    );
}

#[tokio::test]
async fn a_spec_that_no_item_can_hold_is_refused_for_good() {
    let t = Table::new().await;
    let mut huge = record("job-1");
    huge.spec.user = Some(large(3, 600_000));
    let error = t.store.create(&huge).await.unwrap_err();
    assert_eq!(error.class(), Class::Permanent);
    assert!(error.to_string().starts_with("TooLarge"), "{error}");
    assert_eq!(t.store.get(&huge.id).await.unwrap(), None);
    assert!(t.requests.take().iter().all(|r| r == "GetItem"));
}

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

#[tokio::test]
async fn one_transition_of_a_small_record_costs_no_more_than_its_own_write_and_those_of_its_indexes() {
    let t = Table::new().await;
    let mut first = record("job-1");
    first.verdict.reason = Some(Reason::NoCapacity);
    t.created(&first).await;
    let size: usize = serde_json::to_string(&first).unwrap().len();
    assert!(size < 1024, "a fresh record costs one write unit: {size} bytes");
}
