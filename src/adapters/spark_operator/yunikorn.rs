//! The headroom of a YuniKorn queue, by its REST API (yunikorn.apache.org, "Scheduler REST API", `Queue`).

use std::collections::BTreeMap;

use http::Request;
use serde::Deserialize;

use super::SparkOperatorCluster;
use super::connect::direct;
use super::request::call;
use crate::ports;
use crate::routing::{Amounts, Pool};

/// The API answers from memory: what takes longer doesn't come.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(5);
/// The queue of all others: its maximum is the nodes that there are now.
const ROOT: &str = "root";

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yunikorn {
    /// Its full path, such as `root.spark`.
    pub queue: String,
    /// Its partition.
    pub partition: String,
    /// Where the REST API is.
    pub at: YunikornAt,
}

/// Where YuniKorn's REST API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum YunikornAt {
    /// At this URL.
    Url(String),
    /// Behind a service of the cluster, by the API server's proxy.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port.
        port: u16,
    },
}

/// The part of an answer that is read. YuniKorn leaves out what is empty: a resource without a maximum isn't limited.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Queue {
    #[serde(rename = "queuename")]
    name: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    max_resource: Option<BTreeMap<String, i64>>,
    #[serde(default)]
    allocated_resource: Option<BTreeMap<String, i64>>,
    /// The least over the queue and those around it; since YuniKorn 1.5.
    #[serde(default)]
    headroom: Option<BTreeMap<String, i64>>,
}

/// Asks for the headroom of the queue. An error is a sentence.
pub(super) async fn headroom(cluster: &SparkOperatorCluster, queue: &Yunikorn) -> Result<Vec<Pool>, String> {
    let path = format!(
        "/ws/v1/partition/{}/queue/{}",
        escaped(&queue.partition),
        escaped(&queue.queue)
    );
    let (client, path) = match &queue.at {
        YunikornAt::Url(url) => (cluster.direct.get_or_try_init(|| direct(url)).await, path),
        YunikornAt::Service {
            namespace,
            name,
            port,
        } => {
            let proxy = format!("/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy");
            (cluster.client().await, proxy + &path)
        }
    };
    let client = client.map_err(|error| error.to_string())?;
    let request = Request::get(&path).body(Vec::new());
    let answer = call(client, request, LIMIT).await;
    let answer = answer.map_err(|failure| format!("{path}: {}", ports::Error::from(failure)))?;
    let found: Queue = serde_json::from_value(answer).map_err(|error| format!("{path}: {error}"))?;
    if found.name != queue.queue {
        return Err(format!("{path}: it answers for the queue {}", found.name));
    }
    Ok(vec![pool(found)])
}

fn pool(queue: Queue) -> Pool {
    let total = queue.max_resource.unwrap_or_default();
    let free = queue.headroom.unwrap_or_else(|| {
        let allocated = queue.allocated_resource.unwrap_or_default();
        let left = |(name, max): (&String, &i64)| {
            let used = allocated.get(name).copied().unwrap_or(0);
            (name.clone(), max.saturating_sub(used))
        };
        total.iter().map(left).collect()
    });
    let mut pool = Pool {
        free: amounts(&free),
        total: if queue.name == ROOT {
            Amounts::new()
        } else {
            amounts(&total)
        },
        name: queue.name,
    };
    if let Some(status) = queue.status.filter(|status| status != "Active") {
        // It takes no new applications.
        pool.free.insert("pods".to_owned(), 0);
        pool.name = format!("{} ({status})", pool.name);
    }
    pool
}

/// Amounts as a demand names them; YuniKorn counts CPU in millicores and memory in bytes too. A queue may use more than it
/// may by now: then nothing is left.
fn amounts(of: &BTreeMap<String, i64>) -> Amounts {
    let named = of.iter().filter_map(|(name, amount)| {
        let name = match name.as_str() {
            "vcore" => "cpu",
            known @ ("memory" | "pods") => known,
            extended if extended.contains('/') => extended,
            _ => return None,
        };
        Some((name.to_owned(), u64::try_from(*amount).unwrap_or(0)))
    });
    named.collect()
}

/// `text` as one step of a URL's path.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests;
