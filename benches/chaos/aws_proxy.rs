//! Between one broker and one AWS endpoint: an HTTP proxy that refuses, throttles, swallows, carries out without an
//! answer, and makes SQS deliver twice and out of order.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rand::Rng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Larger than any request or answer.
const BODY_MAX: usize = 16 << 20;

/// What befalls requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ill {
    /// Nothing.
    None,
    /// Connections break, new ones too.
    Cut,
    /// Throttled, so many of a hundred.
    Throttled(u8),
    /// Taken and never answered nor carried out, so many of a hundred.
    Swallowed(u8),
    /// Carried out, and the connection breaks before the answer, so many of a hundred.
    Unanswered(u8),
    /// SQS delivers out of order, to several receivers, and again after it was told to delete, so many of a hundred.
    Repeated(u8),
}

/// How often each operation was hit.
pub type Hits = BTreeMap<String, u64>;

struct Shared {
    target: SocketAddr,
    ill: watch::Sender<Ill>,
    hits: Mutex<Hits>,
    under_way: AtomicU64,
    client: Client<HttpConnector, Body>,
}

/// A running proxy; ends with its owner.
pub struct AwsProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl AwsProxy {
    /// Before the endpoint at `target`, a URL such as `http://127.0.0.1:8000`.
    pub async fn before(target: &str) -> Self {
        let target = target.trim_start_matches("http://").trim_end_matches('/');
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target: target.parse().unwrap(),
            ill: watch::Sender::new(Ill::None),
            hits: Mutex::default(),
            under_way: AtomicU64::new(0),
            client: Client::builder(TokioExecutor::new()).build_http(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    /// Where clients reach it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// This befalls requests from now on.
    pub fn set(&self, ill: Ill) {
        self.shared.ill.send_replace(ill);
    }

    /// What was hit since this was last asked.
    pub fn take_hits(&self) -> Hits {
        std::mem::take(&mut *self.shared.hits.lock().unwrap())
    }

    /// How many requests are under way.
    pub fn under_way(&self) -> u64 {
        self.shared.under_way.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(connection(stream, Arc::clone(&shared)));
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut ill = shared.ill.subscribe();
    let of_requests = Arc::clone(&shared);
    let service = service_fn(move |request| counted(request, Arc::clone(&of_requests)));
    tokio::select! {
        _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service) => {}
        _ = ill.wait_for(|ill| *ill == Ill::Cut) => shared.hit("connections"),
    }
}

/// Counts a request while it is under way, dropped ones included.
struct UnderWay(Arc<Shared>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn counted(request: Request<Incoming>, shared: Arc<Shared>) -> io::Result<Response<Body>> {
    shared.under_way.fetch_add(1, Ordering::Relaxed);
    let _under_way = UnderWay(Arc::clone(&shared));
    let (head, body) = request.into_parts();
    let body = to_bytes(Body::new(body), BODY_MAX)
        .await
        .map_err(io::Error::other)?;
    let operation = operation(&head.headers);
    let ill = *shared.ill.borrow();
    let hit = |share: u8| rand::rng().random_ratio(u32::from(share), 100);
    match ill {
        Ill::Throttled(share) if hit(share) => {
            shared.hit(&operation);
            Ok(throttled())
        }
        Ill::Swallowed(share) if hit(share) => {
            shared.hit(&operation);
            std::future::pending().await
        }
        Ill::Unanswered(share) if hit(share) => {
            shared.hit(&operation);
            drop(shared.forward(head.uri, head.headers, body).await);
            Err(io::Error::other("the answer is lost"))
        }
        Ill::Repeated(share) => shared.repeated(&operation, head, body, hit(share)).await,
        Ill::None | Ill::Cut | Ill::Throttled(_) | Ill::Swallowed(_) | Ill::Unanswered(_) => {
            shared.forward(head.uri, head.headers, body).await
        }
    }
}

impl Shared {
    fn hit(&self, operation: &str) {
        *self.hits.lock().unwrap().entry(operation.to_owned()).or_default() += 1;
    }

    async fn forward(&self, uri: Uri, headers: HeaderMap, body: Bytes) -> io::Result<Response<Body>> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(format!("http://{}{path}", self.target))
            .body(Body::from(body))
            .map_err(io::Error::other)?;
        *request.headers_mut() = headers;
        request.headers_mut().remove(header::CONTENT_LENGTH);
        let answer = self.client.request(request).await.map_err(io::Error::other)?;
        Ok(answer.map(Body::new))
    }

    /// Received messages come shuffled and are hidden for a second only; deletes are answered and not carried out.
    async fn repeated(
        &self,
        operation: &str,
        head: http::request::Parts,
        body: Bytes,
        hit: bool,
    ) -> io::Result<Response<Body>> {
        let Ok(mut asked) = serde_json::from_slice::<Value>(&body) else {
            return self.forward(head.uri, head.headers, body).await;
        };
        match operation {
            "DeleteMessageBatch" if hit => {
                self.hit(operation);
                let entries = asked["Entries"].as_array().into_iter().flatten();
                let done: Vec<Value> = entries.map(|entry| json!({"Id": entry["Id"]})).collect();
                Ok(answer(StatusCode::OK, &json!({"Successful": done, "Failed": []})))
            }
            "ReceiveMessage" => {
                self.hit(operation);
                asked["VisibilityTimeout"] = json!(1);
                let body = Bytes::from(asked.to_string());
                let told = self.forward(head.uri, head.headers, body).await?;
                shuffled(told).await
            }
            _ => self.forward(head.uri, head.headers, body).await,
        }
    }
}

async fn shuffled(told: Response<Body>) -> io::Result<Response<Body>> {
    let (mut head, body) = told.into_parts();
    let body = to_bytes(body, BODY_MAX).await.map_err(io::Error::other)?;
    let Ok(mut told) = serde_json::from_slice::<Value>(&body) else {
        return Ok(Response::from_parts(head, Body::from(body)));
    };
    if let Some(messages) = told["Messages"].as_array_mut() {
        messages.shuffle(&mut rand::rng());
    }
    head.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(head, Body::from(told.to_string())))
}

/// The last part of `X-Amz-Target`.
fn operation(headers: &HeaderMap) -> String {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let name = target.and_then(|target| target.rsplit('.').next());
    name.unwrap_or("unknown").to_owned()
}

fn throttled() -> Response<Body> {
    let kind = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException";
    let message = "The level of configured provisioned throughput for the table was exceeded";
    answer(
        StatusCode::BAD_REQUEST,
        &json!({"__type": kind, "message": message}),
    )
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = status;
    let kind = header::HeaderValue::from_static("application/x-amz-json-1.0");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}
