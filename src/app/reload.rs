//! One process, one configuration after another: a new one is checked, what it names is connected, a pod of it is
//! started, and only then the pod before it stops as on SIGTERM. A fault at any step leaves the one before in force.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures::future::maybe_done;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Running;
use super::assembly::{Places, StartError, assemble};
use super::run::{Parts, StopSignals};
use crate::adapters::aws::Aws;
use crate::config::{Config, Endpoints, Faults};
use crate::model::{Domain, QueueName};
use crate::ports::Error;
use crate::ports::store::Store;

/// How often the file is looked at. What it holds counts once two looks have found the same: an editor may be writing.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Starts pods of one configuration after another.
pub struct Pods<R, P> {
    /// Reads and checks the configuration.
    pub read: R,
    /// Makes what a configuration needs before a pod of it is put together.
    pub prepare: P,
    /// AWS.
    pub aws: Aws,
    /// What is the same in all of them.
    pub places: Places,
}

/// The file, and what is known of it.
pub struct Watched {
    file: Option<PathBuf>,
    hangup: Option<Signal>,
    /// What was last acted upon.
    done: Option<String>,
    /// What the last look found.
    seen: Option<String>,
}

impl Watched {
    /// Looks at `file`, of which `text` was read at the start; absent: the configuration is built in and stays. SIGHUP
    /// is heard from now on.
    pub fn new(file: Option<PathBuf>, text: Option<String>) -> Self {
        let hangup = signal(SignalKind::hangup());
        let hangup = hangup.inspect_err(|error| tracing::warn!(%error, "SIGHUP can't be heard"));
        Self {
            file,
            hangup: hangup.ok(),
            seen: text.clone(),
            done: text,
        }
    }

    fn text(&self) -> Option<String> {
        text(self.file.as_deref()?)
    }

    /// Returns once the file holds something new, or SIGHUP came; whether it was the signal.
    async fn changed(&mut self) -> bool {
        loop {
            tokio::select! {
                () = hung_up(&mut self.hangup) => return true,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let found = self.text();
            let before = std::mem::replace(&mut self.seen, found);
            if self.seen == before && self.seen != self.done {
                return false;
            }
        }
    }
}

impl<R, P> Pods<R, P>
where
    R: Fn() -> Result<Config, StartError>,
    P: AsyncFn(&Config) -> Result<(), StartError>,
{
    /// The parts of a pod of `config`.
    pub async fn parts(&self, config: &Config) -> Result<Parts, StartError> {
        (self.prepare)(config).await?;
        assemble(config, &self.aws, self.places.clone()).await
    }

    /// Runs `running`, a pod of `config`, and pods of later configurations, until SIGTERM, SIGINT or `enough`.
    pub async fn run(
        &self,
        mut config: Config,
        mut watched: Watched,
        mut running: Running,
        enough: CancellationToken,
    ) -> ExitCode {
        let mut signals = StopSignals::new();
        let mut before: Option<Running> = None;
        loop {
            let leaving = before.take();
            let mut left = pin!(maybe_done(async {
                if let Some(before) = leaving {
                    before.stop().await;
                }
            }));
            // The next one waits until the one before has gone.
            let next = tokio::select! {
                next = async { (&mut left).await; self.next(&config, &mut watched).await } => next,
                () = running.ended(&enough, &mut signals) => {
                    return tokio::select! {
                        (code, ()) = async { tokio::join!(running.stop(), left) } => code,
                        () = signals.next() => ExitCode::from(130),
                    };
                }
            };
            before = Some(std::mem::replace(&mut running, next.1.start()));
            config = next.0;
            tracing::info!("the configuration is reloaded");
        }
    }

    /// The next configuration that can be put in the place of `config`, once there is one.
    async fn next(&self, config: &Config, watched: &mut Watched) -> (Config, Parts) {
        loop {
            let asked_for = watched.changed().await;
            let text = watched.text();
            let read = self.replacement(config).await;
            self.places.lasting.metrics.config_reloaded(read.is_ok());
            // What is out of reach may come back by itself; what is refused is told once.
            let again = matches!(read, Err(StartError::Unavailable(_)));
            watched.done = text.filter(|_| !again);
            match read {
                Ok(next) => return next,
                Err(error) => tracing::error!(
                    asked_for, faults = %error, "the configuration isn't reloaded: the one before stays in force"
                ),
            }
        }
    }

    async fn replacement(&self, config: &Config) -> Result<(Config, Parts), StartError> {
        let next = (self.read)()?;
        for warning in &next.warnings {
            tracing::warn!(warning, "the configuration is allowed, yet looks like a mistake");
        }
        stays(config, &next)?;
        self.without_backlog(config, &next).await?;
        let parts = self.parts(&next).await?;
        Ok((next, parts))
    }

    /// Refuses to take away a job queue in which submissions wait.
    async fn without_backlog(&self, config: &Config, next: &Config) -> Result<(), StartError> {
        let names = |config: &Config| -> Vec<QueueName> {
            config
                .queues
                .iter()
                .map(|queue| queue.settings.name.clone())
                .collect()
        };
        let mut removed = names(config);
        removed.retain(|name| !names(next).contains(name));
        let Some((store, _)) = self.places.lasting.opened().filter(|_| !removed.is_empty()) else {
            return Ok(());
        };
        let domain = self.places.domain.as_ref().unwrap_or(&config.domain);
        let waiting = waiting(&store, domain, &removed).await;
        let waiting = waiting.map_err(|error| StartError::Unavailable(error.to_string()))?;
        let told: Vec<String> = removed
            .iter()
            .zip(waiting)
            .filter(|(_, waiting)| *waiting > 0)
            .map(|(name, waiting)| {
                format!("queues: {name} is left out while {waiting} of its submissions wait; expected it until none does")
            })
            .collect();
        if told.is_empty() {
            Ok(())
        } else {
            Err(StartError::Configuration(told.join("\n")))
        }
    }
}

/// What the file holds; a file that can't be read holds nothing.
pub fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}

/// Refuses what can't change while the process runs.
fn stays(config: &Config, next: &Config) -> Result<(), StartError> {
    let told: Vec<String> = fixed(config)
        .into_iter()
        .zip(fixed(next))
        .filter(|((_, before), (_, after))| before != after)
        .map(|((key, before), (_, after))| {
            format!("{key}: found {after}, expected {before} as at the start, or a restart")
        })
        .collect();
    if told.is_empty() {
        return Ok(());
    }
    Err(StartError::Configuration(told.join("\n")))
}

/// The settings that a process keeps, as they stand in the file.
fn fixed(config: &Config) -> [(&'static str, String); 5] {
    [
        ("domain", config.domain.to_string()),
        ("store.table", config.store.table.clone()),
        ("api.listen", config.api.listen.to_string()),
        ("health.listen", config.health.to_string()),
        ("aws.endpoints", endpoints(&config.endpoints)),
    ]
}

fn endpoints(endpoints: &Endpoints) -> String {
    let Endpoints {
        sqs,
        dynamodb,
        eks,
        sts,
    } = endpoints;
    let all = [("sqs", sqs), ("dynamodb", dynamodb), ("eks", eks), ("sts", sts)];
    let given = all
        .iter()
        .filter_map(|(name, url)| Some(format!("{name}: {}", url.as_ref()?)));
    format!("{{{}}}", given.collect::<Vec<_>>().join(", "))
}

/// How many submissions of each of `queues` wait.
async fn waiting(store: &Arc<impl Store>, domain: &Domain, queues: &[QueueName]) -> Result<Vec<u64>, Error> {
    let mut waiting = vec![0; queues.len()];
    for shard in 0..store.shards() {
        let mut page = None;
        loop {
            let read = store.backlog(domain, shard, None, page).await?;
            for entry in &read.items {
                if let Some(n) = queues.iter().position(|name| *name == entry.queue) {
                    waiting[n] += 1;
                }
            }
            page = read.next;
            if page.is_none() {
                break;
            }
        }
    }
    Ok(waiting)
}

impl From<Faults> for StartError {
    fn from(faults: Faults) -> Self {
        Self::Configuration(faults.to_string())
    }
}
