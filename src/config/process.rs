//! The settings of the process itself, and all of them together.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::clusters::{clusters, unknown_queue};
use super::faults::Checks;
use super::layers::{Level, layers};
use super::queues::queues;
use super::raw::{Raw, RawApi, RawAuth, RawEndpoints, RawImage, RawIntake, RawStore, RawTiming};
use super::warnings::warn;
use super::{ApiSettings, AuthSettings, Config, Endpoints, Intake, QueueRef, StoreSettings, Timing};
use crate::model::{Domain, QueueName};
use crate::spec::Image;

/// A lease is renewed at a sixth of its duration at least, and each renewal takes a call.
const LEASE_MIN: Duration = Duration::from_secs(1);
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const EVERYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const TYPES: [&str; 4] = ["Java", "Scala", "Python", "R"];
const AUTH_FORMS: &str = "auth: none, or auth: {tokenFile: …}";

/// All settings; `None` only beside a fault.
pub(super) fn config(raw: Raw, checks: &mut Checks) -> Option<Config> {
    let domain: Option<Domain> = checks.name("domain", raw.domain.as_deref().or(Some("default")));
    let queues = queues(raw.queues, checks);
    let names: Vec<QueueName> = queues.iter().map(|q| q.settings.name.clone()).collect();
    let intake = intake(raw.intake.unwrap_or_default(), &names, checks);
    let clusters = clusters(raw.clusters, &names, checks);
    let store = store(raw.store.unwrap_or_default(), checks);
    let api = api(raw.api.unwrap_or_default(), checks);
    let health = raw.health.unwrap_or_default().listen;
    let health = checks.address(
        "health.listen",
        health.as_deref(),
        SocketAddr::new(EVERYWHERE, 8081),
    );
    if health.port() != 0 && health.port() == api.listen.port() {
        checks.fault("health.listen", health, "another port than api.listen has");
    }
    let grace = checks.duration(
        "shutdownGrace",
        raw.shutdown_grace.as_deref(),
        Duration::from_secs(25),
    );
    let lease = lease(raw.lease.unwrap_or_default().duration.as_deref(), checks);
    let timing = timing(&raw.timing.unwrap_or_default(), checks);
    let images = images(raw.images.unwrap_or_default(), checks);
    let endpoints = endpoints(raw.aws.unwrap_or_default().endpoints.unwrap_or_default(), checks);
    let layers = layers(raw.defaults, raw.overrides, "", Level::Submissions, checks);
    let config = Config {
        domain: domain?,
        intake,
        store,
        api,
        health,
        shutdown_grace: grace,
        lease,
        timing,
        layers,
        images,
        queues,
        clusters,
        endpoints,
        warnings: Vec::new(),
    };
    warn(&config, checks);
    Some(config)
}

fn lease(duration: Option<&str>, checks: &mut Checks) -> Duration {
    let lease = checks.duration("lease.duration", duration, Duration::from_secs(12));
    if lease < LEASE_MIN {
        checks.fault(
            "lease.duration",
            format!("{lease:?}"),
            "at least 1s: renewals take time",
        );
    }
    lease
}

fn intake(raw: Vec<RawIntake>, queues: &[QueueName], checks: &mut Checks) -> Vec<Intake> {
    let places = raw.iter().enumerate();
    let named = |i: &RawIntake| {
        i.queue_name
            .as_deref()
            .or(i.queue_url.as_deref())
            .map(str::to_owned)
    };
    let names: Vec<_> = places.map(|(n, i)| (format!("intake[{n}]"), named(i))).collect();
    checks.unique(names.iter().map(|(path, name)| (path.clone(), name.as_deref())));
    raw.into_iter()
        .enumerate()
        .filter_map(|(n, raw)| intake_entry(raw, &format!("intake[{n}]"), queues, checks))
        .collect()
}

fn intake_entry(raw: RawIntake, path: &str, queues: &[QueueName], checks: &mut Checks) -> Option<Intake> {
    let at = |key: &str| format!("{path}.{key}");
    let default_queue = raw.default_queue.and_then(|name| {
        let found = queues.iter().find(|q| q.as_str() == name).cloned();
        if found.is_none() {
            unknown_queue(&at("defaultQueue"), &name, queues, checks);
        }
        found
    });
    let dead_letter_queue = checks.text(&at("deadLetterQueueName"), raw.dead_letter_queue_name);
    not_fifo(&at("deadLetterQueueName"), dead_letter_queue.as_deref(), checks);
    let queue = match (raw.queue_name, raw.queue_url) {
        (Some(name), None) => {
            not_fifo(&at("queueName"), Some(&name), checks);
            checks.text(&at("queueName"), Some(name)).map(QueueRef::Name)
        }
        (None, Some(url)) => {
            not_fifo(&at("queueUrl"), Some(&url), checks);
            checks
                .url(&at("queueUrl"), Some(url), &["https", "http"])
                .map(QueueRef::Url)
        }
        (None, None) => {
            checks.fault(path, "neither queueName nor queueUrl", "one of them");
            None
        }
        (Some(_), Some(_)) => {
            checks.fault(path, "both queueName and queueUrl", "one of them");
            None
        }
    };
    Some(Intake {
        queue: queue?,
        dead_letter_queue,
        default_queue,
    })
}

fn not_fifo(path: &str, name: Option<&str>, checks: &mut Checks) {
    if let Some(name) = name.filter(|name| name.ends_with(".fifo")) {
        let expected = "a standard queue: in a FIFO queue, one blocked group blocks its jobs";
        checks.fault(path, format!("{name:?}, a FIFO queue"), expected);
    }
}

fn store(raw: RawStore, checks: &mut Checks) -> StoreSettings {
    let table = raw.table.unwrap_or_else(|| "spark-broker".to_owned());
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !(3..=255).contains(&table.len()) || !table.chars().all(legal) {
        checks.fault(
            "store.table",
            format!("{table:?}"),
            "3 to 255 characters of [A-Za-z0-9_.-]",
        );
    }
    let month = Duration::from_secs(30 * 24 * 3600);
    StoreSettings {
        table,
        retention: checks.duration("store.retention", raw.retention.as_deref(), month),
    }
}

fn api(raw: RawApi, checks: &mut Checks) -> ApiSettings {
    let listen = checks.address(
        "api.listen",
        raw.listen.as_deref(),
        SocketAddr::new(LOCALHOST, 8080),
    );
    let auth = match raw.auth {
        None if listen.ip().is_loopback() => AuthSettings::None,
        None => {
            let expected = format!("a loopback address, or {AUTH_FORMS}");
            checks.fault(
                "api.listen",
                format!("{listen}, beyond loopback, without auth"),
                expected,
            );
            AuthSettings::None
        }
        Some(RawAuth::Word(word)) => {
            if word != "none" {
                checks.fault("api.auth", format!("{word:?}"), AUTH_FORMS);
            }
            AuthSettings::None
        }
        Some(RawAuth::File(file)) => {
            let path = checks.required(
                "api.auth.tokenFile",
                file.token_file,
                "a file with a bearer token",
            );
            let path = checks.text("api.auth.tokenFile", path);
            AuthSettings::TokenFile(path.unwrap_or_default().into())
        }
    };
    ApiSettings { listen, auth }
}

fn timing(raw: &RawTiming, checks: &mut Checks) -> Timing {
    let mut read = |key: &str, text: &Option<String>, seconds| {
        checks.duration(
            &format!("timing.{key}"),
            text.as_deref(),
            Duration::from_secs(seconds),
        )
    };
    Timing {
        create_settle: read("createSettle", &raw.create_settle, 90),
        submit_settle: read("submitSettle", &raw.submit_settle, 180),
        end_settle: read("endSettle", &raw.end_settle, 600),
        lost_settle: read("lostSettle", &raw.lost_settle, 60),
        failover_after: read("failoverAfter", &raw.failover_after, 600),
        cancel_memory: read("cancelMemory", &raw.cancel_memory, 3600),
    }
}

fn images(raw: Vec<RawImage>, checks: &mut Checks) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::new();
    for (n, raw) in raw.into_iter().enumerate() {
        let at = |key: &str| format!("images[{n}].{key}");
        let types = raw.types.unwrap_or_else(|| TYPES.map(str::to_owned).into());
        for (m, word) in types.iter().enumerate() {
            if !TYPES.contains(&word.as_str()) {
                checks.fault(
                    &format!("images[{n}].types[{m}]"),
                    format!("{word:?}"),
                    format!("one of {}", TYPES.join(", ")),
                );
            }
        }
        let version = checks.required(&at("sparkVersion"), raw.spark_version, "a Spark version");
        let image = checks.required(&at("image"), raw.image, "an image");
        let (Some(spark_version), Some(image)) = (
            checks.text(&at("sparkVersion"), version),
            checks.text(&at("image"), image),
        ) else {
            continue;
        };
        let overlaps = |other: &Image| {
            other.spark_version == spark_version && other.types.iter().any(|t| types.contains(t))
        };
        if images.iter().any(overlaps) {
            let found = format!("{spark_version} again for the same type");
            checks.fault(
                &format!("images[{n}]"),
                found,
                "one image for each version and type",
            );
        }
        images.push(Image {
            spark_version,
            types,
            image,
        });
    }
    images
}

fn endpoints(raw: RawEndpoints, checks: &mut Checks) -> Endpoints {
    let mut read = |key: &str, url| checks.url(&format!("aws.endpoints.{key}"), url, &["https", "http"]);
    Endpoints {
        sqs: read("sqs", raw.sqs),
        dynamodb: read("dynamodb", raw.dynamodb),
        eks: read("eks", raw.eks),
        sts: read("sts", raw.sts),
    }
}
