//! Two API servers have no common time, and a watch tells late. So a mark is written to each again and again: whatever
//! has a resource version between those of two marks happened between the two writes, by this process's clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use spark_broker::model::{Clock, SystemClock};

/// The distance of two marks.
const DISTANCE: Duration = Duration::from_millis(100);
const NAME: &str = "mark";

/// The time now, by the clock of all spans.
pub fn now() -> Duration {
    SystemClock.monotonic()
}

/// Something happened after the one and before the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub after: Duration,
    pub before: Duration,
}

/// What a watch said of a moment: the resource version, and when it said so.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Absent for what was found missing in a list.
    pub version: Option<u64>,
    /// The watch was known to be current then.
    pub after: Duration,
    pub seen: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    version: u64,
    sent: Duration,
    back: Duration,
}

/// The marks on one API server.
#[derive(Debug, Clone, Default)]
pub struct Ruler(Arc<Mutex<Vec<Mark>>>);

impl Ruler {
    /// Writes marks for ever.
    pub async fn mark(self, client: Client, namespace: String) {
        let maps: Api<ConfigMap> = Api::namespaced(client, &namespace);
        let empty = crate::cluster::typed(json!({"metadata": {"name": NAME}}));
        let _ = maps.create(&PostParams::default(), &empty).await;
        for n in 0_u64.. {
            let sent = now();
            let patch = Patch::Merge(json!({"data": {"n": n.to_string()}}));
            if let Ok(map) = maps.patch(NAME, &PatchParams::default(), &patch).await
                && let Some(version) = version(map.metadata.resource_version.as_deref())
            {
                let back = now();
                self.0.lock().unwrap().push(Mark { version, sent, back });
            }
            tokio::time::sleep(DISTANCE).await;
        }
    }

    /// When it happened.
    pub fn span(&self, moment: Moment) -> Span {
        let Some(version) = moment.version else {
            return Span {
                after: moment.after,
                before: moment.seen,
            };
        };
        let marks = self.0.lock().unwrap();
        let later = marks.partition_point(|mark| mark.version <= version);
        let after = later.checked_sub(1).map_or(Duration::ZERO, |n| marks[n].sent);
        let before = marks
            .get(later)
            .map_or(moment.seen, |mark| mark.back.min(moment.seen));
        Span { after, before }
    }
}

/// A resource version as a number, which it is where etcd is the store.
pub fn version(text: Option<&str>) -> Option<u64> {
    text?.parse().ok()
}
