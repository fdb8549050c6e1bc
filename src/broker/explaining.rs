//! Where a submission would go now, answered on any pod: by the scheduler where it runs here, else from what it wrote.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot, watch};

use super::lease::Held;
use super::outlooks::Told;
use super::scheduler::{Input, Question};
use crate::lookup::{Explained, Source, Times};
use crate::model::{Clock, ClusterName, Domain};
use crate::ports::Error;
use crate::ports::store::{Coordination, OutlookOf};
use crate::routing::{ClusterOutlook, DomainOutlook, Outlook};
use crate::submission::BacklogEntry;

/// How long the scheduler of this pod is waited for. It may be reading what it takes over.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers questions.
pub struct Explainer {
    /// Where outlooks are read.
    pub coordination: Arc<dyn Coordination>,
    /// The domain.
    pub domain: Domain,
    /// For ages.
    pub clock: Arc<dyn Clock>,
    /// Where this pod's scheduler is asked.
    pub inputs: mpsc::Sender<Input>,
    /// The lease, while this pod holds it.
    pub held: watch::Receiver<Option<Held>>,
}

impl Explainer {
    /// Where `entry` would go; absent where no scheduler has told yet what it knows.
    pub async fn explain(&self, entry: BacklogEntry) -> Result<Option<Explained>, Error> {
        match self.ask(&entry).await {
            Some(explained) => Ok(Some(explained)),
            None => self.look_up(&entry).await,
        }
    }

    /// The answer of this pod's own scheduler.
    async fn ask(&self, entry: &BacklogEntry) -> Option<Explained> {
        if self.held.borrow().is_none() {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let entry = entry.clone();
        let question = Question {
            entry: entry.clone(),
            answer,
        };
        self.inputs.try_send(Input::Explain(Box::new(question))).ok()?;
        let told = tokio::time::timeout(PATIENCE, answered).await.ok()?.ok()?;
        let times = Times {
            source: Source::Scheduler,
            now: self.clock.now(),
            domain: self.clock.now(),
            clusters: BTreeMap::new(),
            unknown: Vec::new(),
        };
        Some(Explained::new(&entry, told, &times))
    }

    /// The answer from what the active scheduler wrote last.
    async fn look_up(&self, entry: &BacklogEntry) -> Result<Option<Explained>, Error> {
        let Some(domain) = self.read::<DomainOutlook>(OutlookOf::Domain).await? else {
            return Ok(None);
        };
        let mut known: BTreeMap<ClusterName, ClusterOutlook> = BTreeMap::new();
        let mut clusters: BTreeMap<ClusterName, Timestamp> = BTreeMap::new();
        let mut unknown = Vec::new();
        for name in &domain.known.clusters {
            match self.read::<ClusterOutlook>(OutlookOf::Cluster(name)).await? {
                Some(told) => {
                    known.insert(name.clone(), told.known);
                    clusters.insert(name.clone(), told.at);
                }
                None => unknown.push(name.clone()),
            }
        }
        let times = Times {
            source: Source::Store,
            now: self.clock.now(),
            domain: domain.at,
            clusters,
            unknown,
        };
        let told = Outlook::new(domain.known, known).explain(entry);
        Ok(Some(Explained::new(entry, told, &times)))
    }

    /// What stands there; nothing where a scheduler of another version wrote it in a form that can't be read here.
    async fn read<T: DeserializeOwned>(&self, of: OutlookOf<'_>) -> Result<Option<Told<T>>, Error> {
        let Some(text) = self.coordination.outlook(&self.domain, of).await? else {
            return Ok(None);
        };
        let read = serde_json::from_str(&text);
        Ok(read
            .inspect_err(|error| tracing::warn!(%error, ?of, "an outlook can't be read"))
            .ok())
    }
}
