//! What is allowed and still looks like a mistake.

use std::time::Duration;

use super::faults::Checks;
use super::raw::PartialSpec;
use super::{Cluster, Config};
use crate::acceptance::Layers;
use crate::spec;

/// Warns of everything that looks like a mistake.
pub(super) fn warn(config: &Config, checks: &mut Checks) {
    short_times(config, checks);
    for queue in &config.queues {
        let name = &queue.settings.name;
        let serves = |c: &Cluster| c.settings.queues.as_ref().is_none_or(|q| q.contains(name));
        if !config.clusters.iter().any(serves) {
            checks.warn(format!(
                "no cluster serves the job queue {name}: its jobs will wait"
            ));
        }
    }
    let all = config
        .queues
        .iter()
        .map(|q| &q.rules.layers)
        .chain([&config.layers]);
    let longest = all.filter_map(longest_run).max();
    for cluster in &config.clusters {
        let stays = cluster.rules.time_to_live.map(Duration::from_secs);
        if longest.is_some() && stays <= longest {
            checks.warn(format!(
                "timeToLive of {} doesn't exceed the longest timeouts.run: its objects may vanish before their end is seen",
                cluster.settings.name
            ));
        }
        if cluster.settings.moves && !cluster.rules.two_phase {
            checks.warn(format!(
                "onUnreachable of {} is move without commit: two-phase: a job that moved may already run where it was",
                cluster.settings.name
            ));
        }
    }
}

/// Times of the protocol that are below what they must exceed.
fn short_times(config: &Config, checks: &mut Checks) {
    let seconds = Duration::from_secs;
    let timing = &config.timing;
    let below = [
        (
            "lease.duration",
            config.lease,
            seconds(6),
            "three renewals, 2 s apart",
        ),
        (
            "timing.createSettle",
            timing.create_settle,
            seconds(61),
            "an API server's request time-out of 60 s",
        ),
        (
            "timing.submitSettle",
            timing.submit_settle,
            seconds(120),
            "the time that a spark-submit may take",
        ),
        (
            "timing.failoverAfter",
            timing.failover_after,
            seconds(60),
            "the time that an API server's restart may take",
        ),
        (
            "timing.lostSettle",
            timing.lost_settle,
            seconds(30),
            "the time that an object that is replaced by hand may be missing, and a namespace's deletion unseen",
        ),
        (
            "timing.endSettle",
            timing.end_settle,
            seconds(60),
            "the time by which an operator's status may lag",
        ),
    ];
    for (path, value, least, what) in below {
        if value < least {
            checks.warn(format!("{path}: {} s is below {what}", value.as_secs_f64()));
        }
    }
}

fn longest_run(layers: &Layers) -> Option<Duration> {
    run_timeout(&layers.defaults).max(run_timeout(&layers.overrides))
}

fn run_timeout(partial: &PartialSpec) -> Option<Duration> {
    spec::at(partial, "timeouts.run").and_then(spec::duration)
}
