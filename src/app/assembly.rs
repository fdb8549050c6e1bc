//! From a checked configuration to the parts of a pod.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

use super::clusters::{Dial, clusters, dial};
use super::lasting::Lasting;
use super::options::Installation;
use super::recorder::recorder;
use super::run::Parts;
use crate::acceptance::Acceptor;
use crate::adapters::aws::Aws;
use crate::adapters::dynamodb::{CopiedTable, DynamoStore, StoreTime};
use crate::adapters::sqs::{QueueAddress, SqsQueue};
use crate::api::Auth;
use crate::broker::hands::MakeObject;
use crate::broker::plan::Settling;
use crate::broker::removed::{Reconnected, Sections};
use crate::config::{self, AuthSettings, Config, QueueRef};
use crate::error::{Class, Classify};
use crate::lifecycle::Rules;
use crate::model::{Clock, ClusterName, CorrectedClock, Domain, InstallationId, QueueName};
use crate::ports;
use crate::ports::cluster::Cluster;
use crate::ports::queue::{QueueFacts, SubmissionQueue};
use crate::ports::store::{Coordination, Store};

/// How long a view of a cluster's capacity counts.
const VIEW_LIMIT: Duration = Duration::from_secs(60);
/// A redrive policy that gives up sooner may park healthy messages while the store is away.
const MAX_RECEIVE_COUNT: u32 = 100;

/// Why the program doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// For the user to mend: exit code 78.
    #[error("{0}")]
    Configuration(String),
    /// A service can't be reached: exit code 69.
    #[error("{0}")]
    Unavailable(String),
}

impl StartError {
    /// The exit code of sysexits.h.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Configuration(_) => 78,
            Self::Unavailable(_) => 69,
        }
    }

    fn of_port(error: &ports::Error) -> Self {
        match error.class() {
            Class::Permanent => Self::Configuration(error.to_string()),
            Class::Transient { .. } | Class::Conflict => Self::Unavailable(error.to_string()),
        }
    }
}

/// What a pod is started with beside its configuration.
#[derive(Clone)]
pub struct Places {
    /// Whose domain it is, where not the configuration's.
    pub domain: Option<Domain>,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
    /// What to do with a copied table.
    pub installation: Installation,
    /// Where simulated clusters keep their state.
    pub data_dir: Option<PathBuf>,
    /// The file to which scheduling cycles are written, if they are.
    pub record_cycles: Option<PathBuf>,
    /// What the process keeps from one configuration to the next.
    pub lasting: Lasting,
}

impl From<Installation> for CopiedTable {
    fn from(told: Installation) -> Self {
        match told {
            Installation::Refuse => Self::Refuse,
            Installation::Keep => Self::Keep,
            Installation::New => Self::New,
        }
    }
}

/// What a pod talks to.
pub struct Ports {
    /// Whose objects are ours.
    pub installation: InstallationId,
    /// Records.
    pub store: Arc<dyn Store>,
    /// Lease and boards.
    pub coordination: Arc<dyn Coordination>,
    /// Submission queues, each with the job queue of specs that name none.
    pub queues: Vec<(Arc<dyn SubmissionQueue>, Option<QueueName>)>,
    /// The clusters.
    pub clusters: HashMap<ClusterName, Arc<dyn Cluster>>,
    /// Connects one more cluster.
    pub dial: Dial,
}

/// Connects everything that `config` names. Services that can't be reached are tried for a minute. From the store's first
/// answer on, the pod's clock is the machine's as the store's time corrects it.
pub async fn assemble(config: &Config, aws: &Aws, mut places: Places) -> Result<Parts, StartError> {
    let store = open(config, aws, &mut places).await?;
    let installation = store.installation().await.map_err(|e| StartError::of_port(&e))?;
    let dial = dial(aws, &places, &installation);
    let clusters = clusters(config, &dial)?;
    let mut queues: Vec<(Arc<dyn SubmissionQueue>, Option<QueueName>)> = Vec::new();
    for intake in &config.intake {
        queues.push((
            Arc::new(connect(intake, aws, config.store.retention).await?),
            intake.default_queue.clone(),
        ));
    }
    let ports = Ports {
        installation,
        store: Arc::clone(&store) as Arc<dyn Store>,
        coordination: store,
        queues,
        clusters,
        dial,
    };
    put_together(config, ports, places).await
}

/// The store, opened and its table checked once in a process; and the clock that it corrects.
async fn open(config: &Config, aws: &Aws, places: &mut Places) -> Result<Arc<DynamoStore>, StartError> {
    if let Some((store, clock)) = places.lasting.opened() {
        places.clock = clock;
        return Ok(store);
    }
    let clock = Arc::new(CorrectedClock::over(Arc::clone(&places.clock)));
    let store_time = StoreTime::for_clock(Arc::clone(&clock), Arc::clone(&places.lasting.metrics));
    let client = aws.dynamodb_seen_by(store_time);
    places.clock = clock;
    let copied = places.installation.into();
    let open = || DynamoStore::open(client.clone(), &config.store.table, copied);
    let store = Arc::new(patiently(open).await?);
    places.lasting.keep(&store, &places.clock);
    Ok(store)
}

/// A pod of `config` that talks to `ports`.
pub async fn put_together(config: &Config, ports: Ports, places: Places) -> Result<Parts, StartError> {
    let record_cycle = places.record_cycles.as_deref().map(recorder).transpose()?;
    let domain = places.domain.unwrap_or_else(|| config.domain.clone());
    let acceptor = Arc::new(acceptor(config, &domain, &places.clock));
    let whose = ports.installation.clone();
    Ok(Parts {
        domain,
        installation: ports.installation,
        clock: places.clock,
        store: ports.store,
        coordination: ports.coordination,
        queues: ports.queues,
        clusters: ports.clusters,
        routing: config.routing(VIEW_LIMIT),
        sections: sections(config, ports.dial, &acceptor, &whose),
        make_object: make_object(Arc::clone(&acceptor), whose),
        acceptor,
        rules: Rules {
            retention: config.store.retention,
            ..Rules::default()
        },
        settling: settling(&config.timing),
        lease: config.lease,
        cancel_memory: i64::try_from(config.timing.cancel_memory.as_secs()).unwrap_or(i64::MAX),
        auth: auth(&config.api.auth)?,
        api: places.lasting.listen(config.api.listen, "api.listen")?,
        health: places.lasting.listen(config.health, "health.listen")?,
        grace: config.shutdown_grace,
        metrics: places.lasting.metrics,
        record_cycle,
    })
}

fn make_object(acceptor: Arc<Acceptor>, whose: InstallationId) -> MakeObject {
    Arc::new(move |record, specs| acceptor.object(record, specs, &whose))
}

/// The sections of the clusters of `config`, and how one of a cluster that it doesn't name is connected.
fn sections(config: &Config, dial: Dial, acceptor: &Acceptor, whose: &InstallationId) -> Sections {
    let named = config.clusters.iter();
    let configured = named.filter_map(|c| Some((c.settings.name.clone(), c.section.clone()?)));
    let (acceptor, whose) = (acceptor.clone(), whose.clone());
    Sections {
        configured: configured.collect(),
        reconnect: Arc::new(move |section| {
            let cluster = config::Cluster::removed(section).map_err(|faults| faults.to_string())?;
            let acceptor = Acceptor {
                clusters: vec![cluster.rules.clone()],
                ..acceptor.clone()
            };
            Ok(Reconnected {
                cluster: dial(&cluster).map_err(|error| error.to_string())?,
                make_object: make_object(Arc::new(acceptor), whose.clone()),
                moves: cluster.settings.moves,
            })
        }),
    }
}

fn settling(timing: &config::Timing) -> Settling {
    Settling {
        create: timing.create_settle,
        submit: timing.submit_settle,
        end: timing.end_settle,
        lost: timing.lost_settle,
        failover: timing.failover_after,
    }
}

/// Calls until it succeeds or fails for good, for at most a minute.
async fn patiently<T, F, Fut>(call: F) -> Result<T, StartError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, ports::Error>>,
{
    let pauses = ExponentialBuilder::default()
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(15);
    call.retry(pauses)
        .when(|error| matches!(error.class(), Class::Transient { .. }))
        .notify(|error, _| tracing::warn!(%error, "a service can't be reached yet"))
        .await
        .map_err(|error| StartError::of_port(&error))
}

async fn connect(intake: &config::Intake, aws: &Aws, retention: Duration) -> Result<SqsQueue, StartError> {
    let address = match &intake.queue {
        QueueRef::Name(name) => QueueAddress::Name(name.clone()),
        QueueRef::Url(url) => QueueAddress::Url(url.clone()),
    };
    let dead_letter = intake.dead_letter_queue.clone();
    let queue = patiently(|| SqsQueue::connect(aws.sqs(), address.clone(), dead_letter.clone())).await?;
    let facts = patiently(|| queue.describe()).await?;
    check_queue(queue.url(), &facts, retention)?;
    Ok(queue)
}

/// Refuses a queue from which jobs could be lost or blocked; warns of what may park healthy messages.
fn check_queue(url: &str, facts: &QueueFacts, retention: Duration) -> Result<(), StartError> {
    let messages = facts.retention + facts.dead_letter_retention.unwrap_or_default();
    if retention < messages {
        let message = format!(
            "store.retention: found {} h, expected at least {} h: {url} and its dead-letter queue keep messages so long \
             together, and one that came back later would run its job again",
            retention.as_secs() / 3600,
            messages.as_secs().div_ceil(3600)
        );
        return Err(StartError::Configuration(message));
    }
    if facts.fifo {
        let message =
            format!("{url} is a FIFO queue: a blocked group would block its jobs; use a standard queue");
        return Err(StartError::Configuration(message));
    }
    if facts.dead_letter_url.is_none() {
        let message =
            format!("{url} has no dead-letter queue: give it a redrive policy, or set deadLetterQueueName");
        return Err(StartError::Configuration(message));
    }
    if let Some(count) = facts.max_receive_count.filter(|count| *count < MAX_RECEIVE_COUNT) {
        tracing::warn!(
            queue = url,
            count,
            "maxReceiveCount is below 100: healthy messages may be parked"
        );
    }
    if facts
        .dead_letter_retention
        .is_some_and(|retention| retention <= facts.retention)
    {
        tracing::warn!(
            queue = url,
            "the dead-letter queue keeps messages no longer than the queue itself"
        );
    }
    Ok(())
}

fn acceptor(config: &Config, domain: &Domain, clock: &Arc<dyn Clock>) -> Acceptor {
    Acceptor {
        domain: domain.clone(),
        clock: Arc::clone(clock),
        retention: i64::try_from(config.store.retention.as_secs()).unwrap_or(i64::MAX),
        layers: config.layers.clone(),
        images: config.images.clone(),
        queues: config
            .queues
            .iter()
            .map(|queue| (queue.settings.name.clone(), queue.rules.clone()))
            .collect(),
        clusters: config
            .clusters
            .iter()
            .map(|cluster| cluster.rules.clone())
            .collect(),
    }
}

fn auth(settings: &AuthSettings) -> Result<Auth, StartError> {
    match settings {
        AuthSettings::None => Ok(Auth::None),
        AuthSettings::TokenFile(path) => {
            let token = std::fs::read_to_string(path).map_err(|error| {
                StartError::Configuration(format!("api.auth.tokenFile: {}: {error}", path.display()))
            })?;
            Ok(Auth::bearer(token.trim()))
        }
    }
}
