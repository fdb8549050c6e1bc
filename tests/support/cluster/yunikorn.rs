//! A stand-in for YuniKorn's REST API: answers as its documentation ("Scheduler", `Partition queue`) and its sources
//! (`pkg/webservice/dao/queue_info.go`) write them, from what the test says is left. No scheduler stands behind it.
//!
//! It is also the network of the cluster, for an API server that reaches the cluster by an HTTP proxy on a Unix socket
//! ([`super::Options::egress`]): a CONNECT to any address ends here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

use super::control_plane::{ControlPlane, unique};
use super::folders::scratch;

/// The one queue that it knows.
pub const QUEUE: &str = "root.spark";
/// The address of its pod, in a network that isn't there.
const ADDRESS: &str = "10.1.2.3";

/// One that runs; ends with its owner.
pub struct StandInYunikorn {
    pub address: SocketAddr,
    /// The socket of the proxy.
    pub proxy: PathBuf,
    headroom: Arc<Mutex<Value>>,
    _tasks: JoinSet<()>,
}

impl StandInYunikorn {
    /// One whose queue has `headroom` left, by YuniKorn's names.
    pub async fn start(headroom: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let headroom = Arc::new(Mutex::new(headroom));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&headroom)));
        let proxy = scratch().join(unique("egress"));
        let socket = UnixListener::bind(&proxy).expect("a socket");
        tasks.spawn(accept_from_api_server(socket, Arc::clone(&headroom)));
        Self {
            address,
            proxy,
            headroom,
            _tasks: tasks,
        }
    }

    /// The headroom is another from now on.
    pub fn leaves(&self, headroom: Value) {
        *self.headroom.lock().unwrap_or_else(PoisonError::into_inner) = headroom;
    }

    /// Makes the service `yunikorn-service` in the namespace `yunikorn`, with this behind it.
    pub async fn serve_in(&self, plane: &ControlPlane) {
        let namespace = "yunikorn";
        plane.ensure_namespace(namespace).await;
        plane
            .create_pod(namespace, "yunikorn-scheduler", json!({}), json!({}))
            .await;
        let pods: Api<Pod> = Api::namespaced(plane.admin().await, namespace);
        let status = json!({"status": {"phase": "Running", "podIP": ADDRESS, "podIPs": [{"ip": ADDRESS}]}});
        let (merge, status) = (PatchParams::default(), Patch::Merge(status));
        let patched = pods.patch_status("yunikorn-scheduler", &merge, &status);
        patched.await.expect("a pod with an address");
        let metadata = json!({"name": "yunikorn-service"});
        let port = json!({"name": "yunikorn-core", "port": 9080});
        let service =
            json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [port]}});
        let target = json!({"kind": "Pod", "name": "yunikorn-scheduler", "namespace": namespace});
        let subset = json!({"addresses": [{"ip": ADDRESS, "targetRef": target}], "ports": [port]});
        let endpoints =
            json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": [subset]});
        for object in [service, endpoints] {
            plane.apply(&object, Some(namespace)).await;
        }
    }
}

impl Drop for StandInYunikorn {
    fn drop(&mut self) {
        // What is left of a socket is in nobody's way.
        let _ = std::fs::remove_file(&self.proxy);
    }
}

async fn accept(listener: TcpListener, headroom: Arc<Mutex<Value>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(answer_all(stream, Arc::clone(&headroom)));
    }
}

async fn accept_from_api_server(socket: UnixListener, headroom: Arc<Mutex<Value>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = socket.accept().await {
        connections.spawn(answer_all(stream, Arc::clone(&headroom)));
    }
}

async fn answer_all(mut stream: impl AsyncRead + AsyncWrite + Unpin, headroom: Arc<Mutex<Value>>) {
    let mut read = Vec::new();
    loop {
        let end = read.windows(4).position(|four: &[u8]| four == b"\r\n\r\n");
        let Some(end) = end else {
            let mut some = [0; 4096];
            match stream.read(&mut some).await {
                Ok(n @ 1..) => read.extend_from_slice(&some[..n]),
                Ok(0) | Err(_) => return,
            }
            continue;
        };
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        read.drain(..end + 4);
        let answer = if head.starts_with("CONNECT ") {
            "HTTP/1.1 200 Connection established\r\n\r\n".to_owned()
        } else {
            let headroom = headroom.lock().unwrap_or_else(PoisonError::into_inner).clone();
            answer(head.split(' ').nth(1).unwrap_or_default(), &headroom)
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn answer(path: &str, headroom: &Value) -> String {
    let (status, body) = if path == format!("/ws/v1/partition/default/queue/{QUEUE}") {
        ("200 OK", queue(headroom))
    } else {
        let words = "Queue not found";
        let body = json!({"status_code": 404, "message": words, "description": words});
        ("404 Not Found", body)
    };
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn queue(headroom: &Value) -> Value {
    json!({
        "queuename": QUEUE,
        "status": "Active",
        "partition": "default",
        "maxResource": {"memory": 800_000_000_000_u64, "vcore": 100_000},
        "guaranteedResource": {"memory": 54_000_000, "vcore": 80},
        "allocatedResource": {"memory": 54_000_000, "vcore": 80},
        "pendingResource": {"memory": 54_000_000, "vcore": 80},
        "headroom": headroom,
        "isLeaf": true,
        "isManaged": false,
        "properties": {"application.sort.policy": "fifo"},
        "parent": "root",
        "template": null,
        "absUsedCapacity": {"memory": 1, "vcore": 0},
        "maxRunningApps": 12,
        "runningApps": 4,
        "currentPriority": 0,
        "allocatingAcceptedApps": ["app-1", "app-2"],
        "sortingPolicy": "fair",
        "prioritySorting": true,
        "preemptionEnabled": true,
        "isPreemptionFence": true,
        "preemptionDelay": "30s",
        "isPriorityFence": true,
        "priorityOffset": 3,
    })
}
