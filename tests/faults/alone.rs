//! One broker with one simulated cluster, `a`, and nobody else, over ports in memory under paused time.

use std::collections::HashMap;
use std::sync::Arc;

use spark_broker::app::{Ports, put_together};
use spark_broker::config::Config;
use spark_broker::model::{Clock, InstallationId};
use spark_broker::ports::cluster::Cluster;
use spark_broker::ports::queue::SubmissionQueue;
use tokio_util::sync::CancellationToken;

use crate::clock::PausedClock;
use crate::clusters::{FaultyCluster, no_other};
use crate::fault::Faults;
use crate::ledger::Ledger;
use crate::queue::MemoryQueue;
use crate::run::{places, simulated};
use crate::store::MemoryStore;

/// What a test looks at while the broker runs.
pub struct Alone {
    pub queue: Arc<MemoryQueue>,
    pub store: Arc<MemoryStore>,
    pub ledger: Ledger,
}

/// Runs `scene` beside a broker with the job queues `queues` whose submission queue, for the first of them, holds `bodies`
/// and whose cluster has so many nodes with so many millicores each and takes `pacing` (YAML, `{}` for what is usual).
pub fn alone(
    queues: &[&str],
    pacing: &str,
    nodes: (u32, u64),
    bodies: Vec<String>,
    scene: impl AsyncFnOnce(&Alone),
) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(PausedClock::start());
        let (installation, faults) = (InstallationId::random(), Faults::default());
        let world = Alone {
            queue: Arc::new(MemoryQueue::of(bodies, faults.clone())),
            store: Arc::new(MemoryStore::prompt(installation.clone(), faults.clone())),
            ledger: Ledger::default(),
        };
        let inner = simulated("a", nodes.0, nodes.1, &installation, &clock);
        let cluster: Arc<dyn Cluster> = Arc::new(FaultyCluster::over(inner, world.ledger.clone(), faults));
        let ports = Ports {
            installation,
            store: Arc::clone(&world.store) as _,
            coordination: Arc::clone(&world.store) as _,
            queues: vec![(
                Arc::clone(&world.queue) as Arc<dyn SubmissionQueue>,
                Some(queues[0].parse().unwrap()),
            )],
            clusters: HashMap::from([("a".parse().unwrap(), cluster)]),
            dial: no_other(),
        };
        let config = Config::check(&config(queues, pacing)).unwrap_or_else(|faults| panic!("{faults}"));
        let places = places(clock);
        let running = put_together(&config, ports, places).await.unwrap().start();
        let stop = CancellationToken::new();
        let watching = async {
            scene(&world).await;
            stop.cancel();
        };
        tokio::join!(running.until(stop.clone()), watching);
    });
}

fn config(queues: &[&str], pacing: &str) -> String {
    let default = queues[0];
    let named = queues.iter().map(|queue| format!("{{name: {queue}}}"));
    let named = named.collect::<Vec<_>>().join(", ");
    format!(
        "
domain: alone
intake: [{{queueName: jobs, defaultQueue: {default}}}]
api: {{listen: '127.0.0.1:0'}}
health: {{listen: '127.0.0.1:0'}}
defaults: {{image: 'spark:3.5.0'}}
queues: [{named}]
clusters:
  - {{name: a, type: simulated, namespace: jobs, capacity: {{sources: [nodes]}}, pacing: {pacing}}}
"
    )
}
