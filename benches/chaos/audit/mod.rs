//! The audit: watches of its own on both API servers, past every proxy, that write down the life of each object and
//! driver by its UID; and what these lives and the records say together. It knows nothing of the broker's own word but
//! the records in the table.

mod lives;
mod ruler;
mod verdict;
mod walk;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Resource};
use tokio::task::JoinSet;

pub use lives::{Driver, Object};
pub use ruler::{Ruler, Span, now};
pub use verdict::{Findings, Judge};

use crate::cluster::{ControlPlane, applications};
use ruler::{Moment, version};

/// All that was ever seen, by UID.
#[derive(Debug, Clone, Default)]
pub struct Book {
    pub objects: BTreeMap<String, Object>,
    pub drivers: BTreeMap<String, Driver>,
    /// How often a watch had to begin anew by a list.
    pub relists: u64,
}

/// The watches while they run.
pub struct Audit {
    book: Arc<Mutex<Book>>,
    rulers: Vec<Ruler>,
    _tasks: JoinSet<()>,
}

impl Audit {
    /// Begins to watch `namespace` of each control plane.
    pub async fn start(planes: &[&ControlPlane], namespace: &str) -> Self {
        let book: Arc<Mutex<Book>> = Arc::default();
        let mut rulers = Vec::new();
        let mut tasks = JoinSet::new();
        for (cluster, plane) in planes.iter().enumerate() {
            let client = plane.admin().await;
            let ruler = Ruler::default();
            rulers.push(ruler.clone());
            tasks.spawn(ruler.mark(client.clone(), namespace.to_owned()));
            let objects = applications(client.clone(), namespace);
            tasks.spawn(follow(objects, cluster, Arc::clone(&book)));
            let pods: Api<Pod> = Api::namespaced(client, namespace);
            tasks.spawn(follow(pods, cluster, Arc::clone(&book)));
        }
        Self {
            book,
            rulers,
            _tasks: tasks,
        }
    }

    /// All that was seen so far.
    pub fn book(&self) -> Book {
        self.book.lock().unwrap().clone()
    }

    /// When something happened on a cluster.
    fn span(&self, cluster: usize, moment: Moment) -> Span {
        self.rulers[cluster].span(moment)
    }
}

/// What the audit writes down of one kind.
trait Witnessed: Resource + Clone + Send + 'static {
    /// A sight of it on `cluster`.
    fn seen(&self, cluster: usize, at: Moment, book: &mut Book);
    /// It has gone.
    fn gone(uid: &str, at: Moment, book: &mut Book);
    /// The UIDs of those on `cluster` that aren't known to have gone.
    fn there(cluster: usize, book: &Book) -> Vec<String>;
}

async fn follow<K>(api: Api<K>, cluster: usize, book: Arc<Mutex<Book>>)
where
    K: Witnessed + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let mut events = watcher(api, Config::default())
        .backoff(Often(Duration::from_millis(100)))
        .boxed();
    let mut listed: HashSet<String> = HashSet::new();
    let mut current = Duration::ZERO;
    let mut lists = 0;
    while let Some(event) = events.next().await {
        let Ok(event) = event else { continue };
        let seen = now();
        let mut book = book.lock().unwrap();
        let at = |object: &K| Moment {
            version: version(object.meta().resource_version.as_deref()),
            after: current,
            seen,
        };
        match &event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                listed.extend(object.meta().uid.clone());
                object.seen(cluster, at(object), &mut book);
            }
            Event::InitDone => {
                for uid in K::there(cluster, &book) {
                    if !listed.contains(&uid) {
                        let missed = Moment {
                            version: None,
                            after: current,
                            seen,
                        };
                        K::gone(&uid, missed, &mut book);
                    }
                }
                book.relists += u64::from(lists > 0);
                lists += 1;
            }
            Event::Apply(object) => object.seen(cluster, at(object), &mut book),
            Event::Delete(object) => {
                object.seen(cluster, at(object), &mut book);
                K::gone(
                    object.meta().uid.as_deref().unwrap_or_default(),
                    at(object),
                    &mut book,
                );
            }
        }
        current = seen;
    }
}

/// The same pause for ever: what isn't seen for long might be missed.
struct Often(Duration);

impl Iterator for Often {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.0)
    }
}

impl kube::runtime::utils::Backoff for Often {
    fn reset(&mut self) {}
}

impl Witnessed for DynamicObject {
    fn seen(&self, cluster: usize, at: Moment, book: &mut Book) {
        let uid = self.metadata.uid.clone().unwrap_or_default();
        let life = book
            .objects
            .entry(uid)
            .or_insert_with(|| Object::new(self, cluster, at));
        life.see(self, at);
    }

    fn gone(uid: &str, at: Moment, book: &mut Book) {
        if let Some(life) = book.objects.get_mut(uid) {
            life.gone.get_or_insert(at);
        }
    }

    fn there(cluster: usize, book: &Book) -> Vec<String> {
        let there = book
            .objects
            .iter()
            .filter(|(_, o)| o.cluster == cluster && o.gone.is_none());
        there.map(|(uid, _)| uid.clone()).collect()
    }
}

impl Witnessed for Pod {
    fn seen(&self, cluster: usize, at: Moment, book: &mut Book) {
        let uid = self.metadata.uid.clone().unwrap_or_default();
        let life = book
            .drivers
            .entry(uid)
            .or_insert_with(|| Driver::new(self, cluster));
        life.see(self, at);
    }

    fn gone(uid: &str, at: Moment, book: &mut Book) {
        if let Some(life) = book.drivers.get_mut(uid) {
            life.gone.get_or_insert(at);
        }
    }

    fn there(cluster: usize, book: &Book) -> Vec<String> {
        let there = book
            .drivers
            .iter()
            .filter(|(_, d)| d.cluster == cluster && d.gone.is_none());
        there.map(|(uid, _)| uid.clone()).collect()
    }
}
