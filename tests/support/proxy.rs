//! A TCP proxy between the broker and an AWS endpoint: counts the operations that pass, by the item they are for where
//! they name one, and cuts, stalls or throttles on demand. It listens on loopback and ends with its owner.

#![allow(dead_code, reason = "not every suite uses every fault")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the proxy does with connections, open ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Closes every connection at once.
    Refuse,
    /// Answers every request with a throttling error of its own.
    Throttle,
    /// Takes every connection and never answers.
    Stall,
}

#[derive(Default)]
struct Seen {
    operations: BTreeMap<String, u64>,
    items: BTreeMap<(String, String), u64>,
}

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    seen: Arc<Mutex<Seen>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Starts before `target`, a URL such as `http://127.0.0.1:8000`.
    pub async fn before(target: &str) -> Self {
        let target: SocketAddr = target
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .parse()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mode = watch::Sender::new(Mode::Pass);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, target, mode.clone(), Arc::clone(&seen)));
        Self {
            address,
            mode,
            seen,
            _tasks: tasks,
        }
    }

    /// Where clients reach it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Does so from now on.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How often each operation was asked for, by the last part of `X-Amz-Target`.
    pub fn operations(&self) -> BTreeMap<String, u64> {
        self.seen.lock().unwrap().operations.clone()
    }

    /// How often each operation was asked for one item: by operation and the item's `pk`.
    pub fn items(&self) -> BTreeMap<(String, String), u64> {
        self.seen.lock().unwrap().items.clone()
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    mode: watch::Sender<Mode>,
    seen: Arc<Mutex<Seen>>,
) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((client, _)) = listener.accept().await else {
            return;
        };
        let (mode, seen) = (mode.subscribe(), Arc::clone(&seen));
        let now = *mode.borrow();
        match now {
            Mode::Refuse => drop(client),
            Mode::Stall => {
                connections.spawn(async move {
                    let _open = client;
                    std::future::pending::<()>().await;
                });
            }
            Mode::Throttle => {
                connections.spawn(throttle(client));
            }
            Mode::Pass => {
                connections.spawn(pass(client, target, mode, seen));
            }
        }
    }
}

/// Passes both ways until one side ends or the mode changes.
async fn pass(
    client: TcpStream,
    target: SocketAddr,
    mut mode: watch::Receiver<Mode>,
    seen: Arc<Mutex<Seen>>,
) {
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut buffer = vec![0; 64 * 1024];
        let mut requests = Vec::new();
        while let Ok(n) = from_client.read(&mut buffer).await {
            if n == 0 {
                break;
            }
            requests.extend_from_slice(&buffer[..n]);
            while count(&mut requests, &seen).is_some() {}
            if to_server.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = up => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
        _ = mode.wait_for(|mode| *mode != Mode::Pass) => {}
    }
}

/// Takes the first whole request off `bytes` and counts it; `None` while there is none.
fn count(bytes: &mut Vec<u8>, seen: &Mutex<Seen>) -> Option<()> {
    let body = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..body]).to_ascii_lowercase();
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::trim)
    };
    let length = header("content-length:")
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let end = body + length;
    if bytes.len() < end {
        return None;
    }
    if header("x-amz-target:").is_some() {
        // The name itself is taken as it was written.
        let written = String::from_utf8_lossy(&bytes[..body]).into_owned();
        let line = written
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with("x-amz-target:"));
        let operation = line
            .unwrap_or("")
            .rsplit('.')
            .next()
            .unwrap_or("")
            .trim()
            .to_owned();
        let item = item_of(&bytes[body..end]);
        let mut seen = seen.lock().unwrap();
        if let Some(item) = item {
            *seen.items.entry((operation.clone(), item)).or_default() += 1;
        }
        *seen.operations.entry(operation).or_default() += 1;
    }
    bytes.drain(..end);
    Some(())
}

/// The `pk` of the one item that a DynamoDB request is for.
fn item_of(body: &[u8]) -> Option<String> {
    let request: serde_json::Value = serde_json::from_slice(body).ok()?;
    let pk = request
        .pointer("/Key/pk/S")
        .or_else(|| request.pointer("/Item/pk/S"))?;
    Some(pk.as_str()?.to_owned())
}

async fn throttle(mut client: TcpStream) {
    let mut buffer = vec![0; 64 * 1024];
    if client.read(&mut buffer).await.is_ok() {
        let body =
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Rate exceeded"}"#;
        let answer = format!(
            "HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = client.write_all(answer.as_bytes()).await;
    }
}
