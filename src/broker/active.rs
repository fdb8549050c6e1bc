//! A pod's turn as the active scheduler: from the lease to the lease's end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::hands::Hands;
use super::lease::Held;
use super::plan::Settling;
use super::readers::{Reader, every_page};
use super::removed::{Removed, Sections};
use super::scheduler::{Input, RecordCycle, Scheduler, Term};
use super::watching::Watching;
use crate::lifecycle::Rules;
use crate::model::{ClusterName, Domain, Epoch, InstallationId};
use crate::ports::Error;
use crate::ports::store::Coordination;
use crate::routing::Settings;
use crate::telemetry::Metrics;

/// What a term is made from, the same in every term.
pub struct Candidate {
    /// The domain.
    pub domain: Domain,
    /// Who we are.
    pub installation: InstallationId,
    /// The rules of the lifecycle.
    pub rules: Rules,
    /// Settling times.
    pub settling: Settling,
    /// What carries acts out.
    pub hands: Hands,
    /// Job queues and clusters.
    pub routing: Settings,
    /// How clusters are reached, those too that aren't configured any more.
    pub sections: Sections,
    /// Boards.
    pub coordination: Arc<dyn Coordination>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where cycles are written down, if they are.
    pub record_cycle: Option<RecordCycle>,
}

impl Candidate {
    /// Schedules whenever this pod holds the lease, until `stop`.
    pub async fn serve(
        self,
        mut held: watch::Receiver<Option<Held>>,
        arrivals: mpsc::Receiver<Input>,
        stop: CancellationToken,
    ) {
        let arrivals = Arc::new(Mutex::new(arrivals));
        loop {
            let term = tokio::select! {
                () = stop.cancelled() => return,
                term = held.wait_for(Option::is_some) => match term {
                    Ok(term) => *term,
                    Err(_closed) => return,
                },
            };
            let Some(term) = term else {
                continue;
            };
            let epoch = term.epoch;
            let mut same = held.clone();
            tokio::select! {
                () = stop.cancelled() => return,
                _ = same.wait_for(|now| now.map(|t| t.epoch) != Some(epoch)) => {}
                () = self.term(term, Arc::clone(&arrivals)) => {}
            }
        }
    }

    /// One term: everything it starts ends with it.
    async fn term(&self, held: Held, arrivals: Arc<Mutex<mpsc::Receiver<Input>>>) {
        let (inputs, learned) = mpsc::channel(1024);
        let reader = Reader {
            store: Arc::clone(&self.hands.store),
            coordination: Arc::clone(&self.coordination),
            clock: Arc::clone(&self.hands.clock),
            domain: self.domain.clone(),
            inputs: inputs.clone(),
        };
        let coordination = self.coordination.as_ref();
        let removed = self
            .sections
            .removed(coordination, &self.domain, held.epoch)
            .await;
        let hands = removed.hands(&self.hands);
        let names: Vec<ClusterName> = hands.clusters.keys().cloned().collect();
        let (epoch, followed) = (held.epoch, self.followed(held, &names).await);
        let watches = self.watches(&hands, &removed, epoch, &inputs);
        let term = Term {
            domain: self.domain.clone(),
            installation: self.installation.clone(),
            epoch,
            rules: self.rules.clone(),
            settling: self.settling.clone(),
            routing: self.routing.clone(),
            hands,
            coordination: Arc::clone(&self.coordination),
            metrics: Arc::clone(&self.metrics),
            record_cycle: self.record_cycle.clone(),
            followed,
        };
        let mut scheduler = Scheduler::new(term, removed);
        recall(&mut scheduler, &reader, &names).await;
        // Not before: nobody takes in yet what they say, view after view of whole clusters.
        let mut helpers: JoinSet<()> = watches.into_iter().map(Watching::run).collect();
        helpers.spawn(reader.clone().backlog());
        helpers.spawn(reader.clone().live(names.clone()));
        helpers.spawn(reader.clone().cluster_wishes(names));
        helpers.spawn(reader.wishes());
        helpers.spawn(forward_arrivals(arrivals, inputs));
        tokio::select! {
            () = scheduler.run(learned) => {}
            Some(ended) = helpers.join_next() => {
                tracing::error!(panicked = ended.is_err(), "a task of the scheduler ended; its term begins anew");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    /// Until when the scheduler before this one followed each cluster: to the end of its hold on the lease, where its
    /// last word was that the cluster is well.
    async fn followed(&self, held: Held, names: &[ClusterName]) -> HashMap<ClusterName, Timestamp> {
        let mut followed = HashMap::new();
        let clock = &self.hands.clock;
        let Some(until) = held.others_until else {
            return followed;
        };
        let ago =
            SignedDuration::try_from(clock.monotonic().saturating_sub(until)).unwrap_or(SignedDuration::MAX);
        let until = clock.now().saturating_sub(ago).unwrap_or(Timestamp::MIN);
        for name in names {
            // Where the word can't be had, the record's last transition counts.
            let board = self.coordination.cluster(&self.domain, name).await;
            if board.is_ok_and(|board| board.is_some_and(|board| board.healthy)) {
                followed.insert(name.clone(), until);
            }
        }
        followed
    }

    fn watches(
        &self,
        hands: &Hands,
        removed: &Removed,
        epoch: Epoch,
        inputs: &mpsc::Sender<Input>,
    ) -> Vec<Watching> {
        let clusters = hands.clusters.iter();
        clusters
            .map(|(name, cluster)| Watching {
                domain: self.domain.clone(),
                epoch,
                name: name.clone(),
                cluster: Arc::clone(cluster),
                coordination: Arc::clone(&self.coordination),
                store: Arc::clone(&self.hands.store),
                inputs: inputs.clone(),
                over: removed.over(name),
            })
            .collect()
    }
}

/// Reads what lives and what is wished, before anything is placed: a cluster may have to be cleared first.
async fn recall(scheduler: &mut Scheduler, reader: &Reader, names: &[ClusterName]) {
    let begun = reader.clock.monotonic();
    let live = join_all(names.iter().map(|name| async move {
        let what = &format!("live records of {name}");
        let page = async |page: Option<String>| {
            Ok(persistently(what, || reader.live_page(name, page.clone())).await)
        };
        every_page(page).await
    }));
    let open = every_page(async |page: Option<String>| {
        Ok(persistently("wishes", || reader.wishes_page(page.clone())).await)
    });
    let wishes = join_all(names.iter().map(|name| async move {
        let what = format!("wishes of {name}");
        persistently(&what, || reader.wishes_of(name)).await
    }));
    let (live, open, wishes) = tokio::join!(live, open, wishes);
    let records = live.into_iter().chain([open]).flatten().flatten();
    let count = records.map(|record| scheduler.found(record)).count();
    for (name, wishes) in names.iter().zip(wishes) {
        scheduler.wished(name, wishes);
    }
    let took = reader.clock.monotonic().saturating_sub(begun);
    tracing::info!(records = count, ?took, "what lives and what is wished is known");
}

/// What `read` gives, asked for until the store answers.
async fn persistently<F, R, T>(what: &str, read: F) -> T
where
    F: Fn() -> R,
    R: Future<Output = Result<T, Error>>,
{
    loop {
        match read().await {
            Ok(found) => return found,
            Err(error) => {
                tracing::warn!(%error, what, "can't be read");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn forward_arrivals(arrivals: Arc<Mutex<mpsc::Receiver<Input>>>, inputs: mpsc::Sender<Input>) {
    let mut arrivals = arrivals.lock().await;
    while let Some(input) = arrivals.recv().await {
        if inputs.send(input).await.is_err() {
            return;
        }
    }
    // The surfaces are gone, at shutdown; what is under way goes on until the term ends.
    std::future::pending().await
}
