//! A table of a test's own, the requests that are sent to it, and records for it.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use spark_broker::adapters::dynamodb::{CopiedTable, DynamoStore, table};
use spark_broker::model::{Epoch, SubmissionId};
use spark_broker::ports::store::{Create, Store, Write};
use spark_broker::submission::{BacklogEntry, Change, NewRecord, Record, RecordKey, State, Transition};

use crate::Harness;

pub(crate) const AT: &str = "2026-11-23T05:31:50.100Z";

/// The operations that a client has sent, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<Vec<String>>>);

impl Requests {
    pub(crate) fn take(&self) -> Vec<String> {
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

pub(crate) struct Table {
    _harness: Harness,
    pub(crate) store: DynamoStore,
    pub(crate) requests: Requests,
    client: Client,
    name: String,
}

impl Table {
    pub(crate) async fn new() -> Self {
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
        let name = harness.name("records");
        table::ensure(&client, &name).await.unwrap();
        let store = DynamoStore::open(client.clone(), &name, CopiedTable::Refuse)
            .await
            .unwrap();
        requests.take();
        Self {
            _harness: harness,
            client,
            store,
            requests,
            name,
        }
    }

    pub(crate) async fn created(&self, record: &Record) -> RecordKey {
        assert_eq!(self.store.create(record).await.unwrap(), Create::Created);
        record.into()
    }

    pub(crate) async fn stored(&self, record: &Record) -> Record {
        self.store.get(&record.id).await.unwrap().unwrap()
    }

    /// Writes what turns `old` into `new`.
    pub(crate) async fn write(&self, old: &Record, new: &Record, epoch: Option<u64>) -> Write {
        let change = Change::between(old, new, self.store.shards());
        self.store
            .update(&old.into(), &change, epoch.map(Epoch))
            .await
            .unwrap()
    }

    /// The item as people see it.
    pub(crate) async fn item(&self, pk: String) -> Option<std::collections::HashMap<String, AttributeValue>> {
        let get = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(pk));
        get.send().await.unwrap().item
    }

    pub(crate) async fn backlog(&self, record: &Record) -> Vec<BacklogEntry> {
        let shard = record.id.shard(self.store.shards());
        self.store
            .backlog(&record.domain, shard, None, None)
            .await
            .unwrap()
            .items
    }

    pub(crate) async fn live(&self, record: &Record, cluster: &str) -> Vec<Record> {
        self.store
            .live(&record.domain, &cluster.parse().unwrap(), None)
            .await
            .unwrap()
            .items
    }

    pub(crate) async fn wishes(&self, record: &Record) -> Vec<Record> {
        self.store.wishes(&record.domain, None).await.unwrap().items
    }

    pub(crate) async fn recent(&self, record: &Record) -> Vec<SubmissionId> {
        let shard = record.id.shard(self.store.shards());
        self.store
            .recent(&record.queue, &AT[..10], shard, None)
            .await
            .unwrap()
            .items
    }
}

pub(crate) fn record(id: &str) -> Record {
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
pub(crate) fn moved(record: &Record, state: State) -> Record {
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

pub(crate) fn dispatching(record: &Record, epoch: u64) -> Record {
    let mut next = moved(record, State::Dispatching);
    next.cluster = Some("a".parse().unwrap());
    next.epoch = Some(Epoch(epoch));
    next
}

pub(crate) fn done(write: Write) -> Record {
    match write {
        Write::Done(record) => *record,
        Write::Stale(stored) => panic!("stale: {stored:?}"),
    }
}

pub(crate) fn stale(write: Write) -> Record {
    match write {
        Write::Done(record) => panic!("done: {record:?}"),
        Write::Stale(stored) => *stored.unwrap(),
    }
}

pub(crate) fn large(seed: u64, size: usize) -> String {
    let mut state = seed;
    let mut letter = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + u8::try_from((state >> 33) % 64).unwrap())
    };
    (0..size).map(|_| letter()).collect()
}

pub(crate) fn id(n: i64) -> SubmissionId {
    format!("job-{n}").parse().unwrap()
}
