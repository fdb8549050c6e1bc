//! Everything that an API server tells of the applications of a namespace, in its own order.

use std::sync::{Arc, Mutex};

use futures::StreamExt;
use kube::Api;
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use tokio::task::JoinSet;

/// What happened to an object, as of this resource version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Created,
    Changed,
    Deleted,
}

type Events = Arc<Mutex<Vec<(What, DynamicObject)>>>;

/// A watch of the test's own; it ends with its owner.
pub struct Seen {
    events: Events,
    _task: JoinSet<()>,
}

impl Seen {
    /// From now on.
    pub async fn from_now(objects: &Api<DynamicObject>) -> Self {
        let list = objects.list(&ListParams::default()).await.unwrap();
        let (events, mut task) = (Events::default(), JoinSet::new());
        let since = list.metadata.resource_version.unwrap();
        task.spawn(follow(objects.clone(), since, Arc::clone(&events)));
        Self { events, _task: task }
    }

    /// When the object `name` was made first.
    pub fn created(&self, name: &str) -> Option<u64> {
        self.first(What::Created, name)
    }

    /// When the object `name` was gone first.
    pub fn deleted(&self, name: &str) -> Option<u64> {
        self.first(What::Deleted, name)
    }

    /// The objects with this name in all the states that they were in.
    pub fn states_of(&self, name: &str) -> Vec<DynamicObject> {
        let events = self.events.lock().unwrap();
        let of_it = events
            .iter()
            .filter(|(_, object)| object.metadata.name.as_deref() == Some(name));
        of_it.map(|(_, object)| object.clone()).collect()
    }

    fn first(&self, what: What, name: &str) -> Option<u64> {
        let events = self.events.lock().unwrap();
        let is_it = |(of, object): &&(What, DynamicObject)| {
            *of == what && object.metadata.name.as_deref() == Some(name)
        };
        events.iter().find(is_it).map(|(_, object)| version(object))
    }
}

/// The resource version of what was told: of a deletion, that of the deletion.
pub fn version(object: &DynamicObject) -> u64 {
    object
        .metadata
        .resource_version
        .as_ref()
        .unwrap()
        .parse()
        .unwrap()
}

/// Goes on from the last event wherever a watch ends.
async fn follow(objects: Api<DynamicObject>, mut since: String, events: Events) {
    loop {
        let Ok(watch) = objects.watch(&WatchParams::default(), &since).await else {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            continue;
        };
        let mut watch = std::pin::pin!(watch);
        while let Some(Ok(event)) = watch.next().await {
            let (what, object) = match event {
                WatchEvent::Added(object) => (What::Created, object),
                WatchEvent::Modified(object) => (What::Changed, object),
                WatchEvent::Deleted(object) => (What::Deleted, object),
                WatchEvent::Bookmark(_) => continue,
                WatchEvent::Error(error) => panic!("{error:?}"),
            };
            since = version(&object).to_string();
            events.lock().unwrap().push((what, object));
        }
    }
}
