//! Drops message bodies on the submission queue with the AWS SDK, as any client would, and shows their lifecycle until
//! all have ended.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Viewer;
use super::assembly::StartError;
use crate::adapters::aws::Aws;
use crate::adapters::dynamodb::{CopiedTable, DynamoStore};
use crate::adapters::sqs::{QueueAddress, SqsQueue};
use crate::config::{Config, QueueRef};
use crate::lookup::{Status, Waiting};
use crate::message::{self, Request};
use crate::model::{Domain, SubmissionId};
use crate::ports::queue::SubmissionQueue;
use crate::ports::store::{Coordination, Store};
use crate::submission::{Record, State};

/// How often the table is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a cancel waits after the job that it cancels was sent, so that there is something to see.
const CANCEL_AFTER: Duration = Duration::from_secs(3);

/// Sends every `*.json` of `path` (a file or a directory, in the order of names) and shows all submissions until they
/// have ended.
pub async fn drop_and_watch(
    path: &Path,
    config: &Config,
    aws: &Aws,
    viewer: &mut dyn Viewer,
) -> Result<Vec<SubmissionId>, StartError> {
    let unavailable = |error: crate::ports::Error| StartError::Unavailable(error.to_string());
    let Some(intake) = config.intake.first() else {
        return Ok(Vec::new());
    };
    let address = match &intake.queue {
        QueueRef::Name(name) => QueueAddress::Name(name.clone()),
        QueueRef::Url(url) => QueueAddress::Url(url.clone()),
    };
    let queue = SqsQueue::connect(aws.sqs(), address, None)
        .await
        .map_err(unavailable)?;
    let table = DynamoStore::open(aws.dynamodb(), &config.store.table, CopiedTable::Refuse).await;
    let store = Arc::new(table.map_err(unavailable)?);
    let mut ids = Vec::new();
    let mut cancels = Vec::new();
    for file in files(path)? {
        let body = std::fs::read_to_string(&file)
            .map_err(|error| StartError::Configuration(format!("{}: {error}", file.display())))?;
        if matches!(decode(&body, "cancel"), Ok(Request::Cancel { .. })) {
            cancels.push(body);
            continue;
        }
        let message_id = queue.send(&body).await.map_err(unavailable)?;
        ids.extend(id_of(&body, &message_id));
    }
    viewer.note(&format!("{} jobs were sent to {}", ids.len(), queue.url()));
    let cancelling = async {
        tokio::time::sleep(CANCEL_AFTER).await;
        for body in &cancels {
            queue.send(body).await.map_err(unavailable)?;
        }
        Ok(())
    };
    let (cancelled, ()) = tokio::join!(cancelling, watch(store.as_ref(), &ids, viewer));
    cancelled.map(|()| ids)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, StartError> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable =
        |error: std::io::Error| StartError::Configuration(format!("--jobs {}: {error}", path.display()));
    let entries: Result<Vec<_>, _> = std::fs::read_dir(path).map_err(unreadable)?.collect();
    let mut files: Vec<PathBuf> = entries
        .map_err(unreadable)?
        .into_iter()
        .map(|entry| entry.path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

fn decode(body: &str, message_id: &str) -> Result<Request, message::Undecodable> {
    let none = BTreeMap::new();
    message::decode(&message::Envelope {
        body: body.as_bytes(),
        message_id,
        attributes: &none,
    })
}

/// Whoever publishes already holds the ID: it follows from the body and the reply of `SendMessage`.
fn id_of(body: &str, message_id: &str) -> Option<SubmissionId> {
    match decode(body, message_id) {
        Ok(Request::Submit(submission)) => Some(submission.id),
        Ok(Request::Cancel { .. } | Request::Ignore { .. }) => None,
        Err(fault) => fault.id.or_else(|| message_id.parse().ok()),
    }
}

async fn watch(store: &DynamoStore, ids: &[SubmissionId], viewer: &mut dyn Viewer) {
    loop {
        let mut records = match store.get_many(ids).await {
            Ok(records) => records,
            Err(error) => {
                tracing::debug!(%error, "records can't be read");
                Vec::new()
            }
        };
        records.sort_by_key(|record| ids.iter().position(|id| *id == record.id));
        let mut statuses = Vec::new();
        for record in &records {
            statuses.push(Status::of(record, waiting(store, record).await));
        }
        viewer.show(&statuses);
        if records.len() == ids.len() && records.iter().all(|record| record.state.is_terminal()) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Why a QUEUED record waits, by its queue's board.
async fn waiting(store: &DynamoStore, record: &Record) -> Option<Waiting> {
    if record.state != State::Queued {
        return None;
    }
    let domain: &Domain = &record.domain;
    let board = store.queue(domain, &record.queue).await.ok()??;
    let head = board.heads.into_iter().find(|head| head.id == record.id)?;
    Some(Waiting {
        reason: head.reason,
        message: head.message,
        position: head.position,
        at: board.at,
    })
}

/// The last lines: how to look a submission up.
pub fn say_how_to_look_up(ids: &[SubmissionId], api: Option<SocketAddr>, viewer: &mut dyn Viewer) {
    let (Some(id), Some(api)) = (ids.first(), api) else {
        return;
    };
    viewer.note("");
    viewer.note("all have ended; while the broker runs (`spark-broker dev`, or `serve`), look one up with");
    viewer.note(&format!("  spark-broker status {id}"));
    viewer.note(&format!("  curl http://{api}/v1/submissions/{id}"));
    viewer.note("or by GetItem on the table, key pk = submission#<id>");
}
