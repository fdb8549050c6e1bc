//! Drivers that outlive their objects, as those of an operator before 2.4 without its webhook: they have no owner, and
//! nobody but the broker removes them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use spark_broker::adapters::simulated::SimulatedCluster;
use spark_broker::model::{ObjectUid, SubmissionId};
use spark_broker::ports::Error;
use spark_broker::ports::cluster::{Cluster, ClusterEvent, Deleted, PodSight};
use spark_broker::watch::Driver;
use tokio::sync::mpsc;

/// Those of one cluster; clones share them.
#[derive(Clone, Default)]
pub struct Orphans {
    pods: Arc<Mutex<BTreeMap<ObjectUid, PodSight>>>,
    told: Arc<Mutex<Option<mpsc::Sender<ClusterEvent>>>>,
}

impl Orphans {
    /// Those of one submission, by its label.
    pub fn of(&self, submission: &str) -> Vec<PodSight> {
        let pods = self.pods.lock().unwrap();
        let of = pods
            .values()
            .filter(|pod| pod.owner.submission.as_deref() == Some(submission));
        of.cloned().collect()
    }

    /// Where a driver's removal is told from now on.
    pub fn tell(&self, events: &mpsc::Sender<ClusterEvent>) {
        *self.told.lock().unwrap() = Some(events.clone());
    }

    /// Deletes the object and leaves its driver, if that hasn't ended.
    pub async fn delete_object(
        &self,
        cluster: &SimulatedCluster,
        name: &str,
        uid: &ObjectUid,
    ) -> Result<Deleted, Error> {
        let object = cluster.get(name).await?.filter(|object| object.uid == *uid);
        let left = match object.and_then(|object| object.submission_id) {
            Some(id) => drivers(cluster, &id, uid).await?,
            None => Vec::new(),
        };
        let deleted = cluster.delete(name, uid).await?;
        if deleted == Deleted::Done {
            let mut pods = self.pods.lock().unwrap();
            pods.extend(left.into_iter().map(|pod| (pod.uid.clone(), pod)));
        }
        Ok(deleted)
    }

    /// Deletes the pod; absent where it isn't one of these.
    pub async fn delete(&self, uid: &ObjectUid) -> Deleted {
        let Some(pod) = self.pods.lock().unwrap().remove(uid) else {
            return Deleted::Absent;
        };
        let told = self.told.lock().unwrap().clone();
        if let (Some(told), Some(driver)) = (told, pod.driver) {
            // Nobody may listen any more.
            let _told = told.send(ClusterEvent::DriverGone(Box::new(driver))).await;
        }
        Deleted::Done
    }

    /// What a watch shows: those that are left are listed and don't go.
    pub fn shown(&self, event: ClusterEvent) -> Option<ClusterEvent> {
        let pods = self.pods.lock().unwrap();
        match event {
            ClusterEvent::DriverGone(driver) if pods.contains_key(&driver.uid) => None,
            ClusterEvent::Listed { objects, mut drivers } => {
                drivers.extend(pods.values().filter_map(|pod| pod.driver.clone()));
                Some(ClusterEvent::Listed { objects, drivers })
            }
            event => Some(event),
        }
    }
}

/// The object's drivers that haven't ended, as they are once it is gone.
async fn drivers(
    cluster: &SimulatedCluster,
    id: &SubmissionId,
    object: &ObjectUid,
) -> Result<Vec<PodSight>, Error> {
    let mut pods = cluster.pods(id).await?;
    let is_of = |driver: &Driver| driver.object_uid.as_ref() == Some(object) && !driver.has_ended();
    pods.retain(|pod| pod.driver.as_ref().is_some_and(is_of));
    for driver in pods.iter_mut().filter_map(|pod| pod.driver.as_mut()) {
        driver.object_uid = None;
    }
    Ok(pods)
}
