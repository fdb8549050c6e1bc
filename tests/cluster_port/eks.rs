//! A cluster connected by its name in EKS. EKS, STS and the authenticator are played by one HTTP server; the API server,
//! which asks that authenticator whose a token is, is real.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use spark_broker::adapters::spark_operator::{Connect, EksCluster, Sources, SparkOperatorCluster};
use spark_broker::error::{Class, Classify};
use spark_broker::model::{Clock, FixedClock, InstallationId};
use spark_broker::ports::cluster::Cluster;
use tokio::task::JoinSet;

use super::plane::Plane;
use crate::cluster::User;

const REGION: &str = "eu-central-1";
const ROLE: &str = "arn:aws:iam::210987654321:role/spark-broker";

/// EKS, STS and the authenticator.
struct Amazon {
    address: SocketAddr,
    seen: Arc<Seen>,
    _task: JoinSet<()>,
}

struct Seen {
    clock: Arc<FixedClock>,
    /// What DescribeCluster says.
    cluster: Mutex<Option<Value>>,
    /// Access keys that called DescribeCluster.
    callers: Mutex<Vec<String>>,
    /// Tokens that the API server asked about.
    tokens: Mutex<Vec<String>>,
}

impl Amazon {
    async fn start(clock: Arc<FixedClock>) -> Self {
        let seen = Arc::new(Seen {
            clock,
            cluster: Mutex::default(),
            callers: Mutex::default(),
            tokens: Mutex::default(),
        });
        let app = Router::new()
            .route("/clusters/{name}", get(describe_cluster))
            .route("/", post(assume_role))
            .route("/authenticate", post(authenticate))
            .with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("its address");
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, app).await.expect("served") });
        Self {
            address,
            seen,
            _task: task,
        }
    }

    /// Lets EKS know of the cluster whose API server is `plane`.
    fn know(&self, plane: &Plane) {
        let authority = STANDARD.encode(plane.certificate_authority());
        let cluster = json!({
            "name": "analytics", "status": "ACTIVE", "endpoint": format!("https://{}", plane.address()),
            "certificateAuthority": {"data": authority},
        });
        *self.seen.cluster.lock().expect("a lock") = Some(cluster);
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn sdk(&self, url: &str) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(url)
            .credentials_provider(Credentials::new("AKIDBROKER", "secret", None, None, "test"))
            .load()
            .await
    }

    async fn cluster(&self, role_arn: Option<&str>) -> SparkOperatorCluster {
        let eks = EksCluster {
            name: "analytics".into(),
            region: REGION.into(),
            role_arn: role_arn.map(str::to_owned),
            endpoint: role_arn.is_none().then(|| self.url()),
        };
        // Without a role nothing but EKS is asked, and that by its own endpoint: nobody listens at the SDK's.
        let sdk = match role_arn {
            Some(_) => self.sdk(&self.url()).await,
            None => self.sdk("http://127.0.0.1:1").await,
        };
        SparkOperatorCluster::dialled(
            Connect::Eks(eks),
            sdk,
            self.seen.clock.clone(),
            "default",
            InstallationId::random(),
            Sources::default(),
        )
    }

    /// The tokens that were shown, each once.
    fn tokens(&self) -> usize {
        let mut tokens = self.seen.tokens.lock().expect("a lock").clone();
        tokens.dedup();
        tokens.len()
    }
}

async fn describe_cluster(
    State(seen): State<Arc<Seen>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> (StatusCode, Json<Value>) {
    let authorization = headers["authorization"].to_str().expect("text");
    assert!(
        authorization.contains(&format!("/{REGION}/eks/")),
        "{authorization}"
    );
    let key = authorization
        .split_once("Credential=")
        .and_then(|(_, rest)| rest.split_once('/'));
    seen.callers
        .lock()
        .expect("a lock")
        .push(key.expect("a credential").0.to_owned());
    match seen.cluster.lock().expect("a lock").clone() {
        Some(cluster) if name == "analytics" => (StatusCode::OK, Json(json!({"cluster": cluster}))),
        _ => (StatusCode::NOT_FOUND, Json(json!({"message": "no such cluster"}))),
    }
}

async fn assume_role(body: String) -> String {
    assert!(
        body.contains("Action=AssumeRole") && body.contains("role%2Fspark-broker"),
        "{body}"
    );
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
     <AccessKeyId>AKIDROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
     <Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        .to_owned()
}

async fn authenticate(State(seen): State<Arc<Seen>>, Json(review): Json<Value>) -> Json<Value> {
    let token = review["spec"]["token"].as_str().expect("a token").to_owned();
    let user = user_of(&token, seen.clock.now());
    seen.tokens.lock().expect("a lock").push(token);
    let status = match user {
        Some(user) => json!({"authenticated": true, "user": {"username": user}}),
        None => json!({"authenticated": false}),
    };
    Json(json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}))
}

/// What the authenticator checks before it asks STS: the host, the cluster's header among the signed ones, the age.
fn user_of(token: &str, now: Timestamp) -> Option<&'static str> {
    let url = URL_SAFE_NO_PAD.decode(token.strip_prefix("k8s-aws-v1.")?).ok()?;
    let url = String::from_utf8(url).ok()?;
    let query = url.strip_prefix("https://sts.eu-central-1.amazonaws.com/?")?;
    let query: BTreeMap<_, _> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let signed = query.get("X-Amz-SignedHeaders")?.contains("x-k8s-aws-id");
    let date = jiff::fmt::strtime::parse("%Y%m%dT%H%M%S%#z", query.get("X-Amz-Date")?.replace('Z', "+0000"));
    let age = now.duration_since(date.ok()?.to_timestamp().ok()?);
    let fresh = age < SignedDuration::from_mins(15);
    let by = query.get("X-Amz-Credential")?.split('%').next()?;
    (signed && fresh && ["AKIDBROKER", "AKIDROLE"].contains(&by)).then_some(User::Broker.name())
}

#[tokio::test]
async fn a_token_is_minted_kept_and_renewed() {
    let start = "2026-11-23T05:30:00Z".parse().expect("a time");
    let clock = Arc::new(FixedClock::at(start));
    let amazon = Amazon::start(clock.clone()).await;
    let plane = Plane::with_token_webhook(&format!("http://{}/authenticate", amazon.address)).await;
    amazon.know(&plane);
    plane.grant("default", User::Broker).await;
    let cluster = amazon.cluster(None).await;
    for _ in 0..3 {
        cluster.identity().await.expect("known to the API server");
    }
    assert_eq!(amazon.tokens(), 1);
    clock.set(start + SignedDuration::from_mins(14));
    cluster.identity().await.expect("known to the API server");
    clock.set(start + SignedDuration::from_mins(60));
    cluster.identity().await.expect("known to the API server");
    assert_eq!(amazon.tokens(), 3);
    assert_eq!(*amazon.seen.callers.lock().expect("a lock"), ["AKIDBROKER"]);

    let cluster = amazon.cluster(Some(ROLE)).await;
    cluster.identity().await.expect("known by the role");
    assert_eq!(amazon.seen.callers.lock().expect("a lock")[1], "AKIDROLE");
    assert_eq!(amazon.tokens(), 4);
}

#[tokio::test]
async fn a_cluster_that_eks_does_not_know_yet_joins_later() {
    let clock = Arc::new(FixedClock::at("2026-11-23T05:30:00Z".parse().expect("a time")));
    let amazon = Amazon::start(clock).await;
    let cluster = amazon.cluster(None).await;
    let error = cluster.identity().await.expect_err("unknown");
    assert!(
        matches!(error.class(), Class::Transient { .. }) && error.to_string().contains("no such cluster"),
        "{error}"
    );
    amazon.know(&Plane::shared().await);
    let error = cluster
        .identity()
        .await
        .expect_err("an API server without that authenticator");
    assert!(error.to_string().starts_with("401 Unauthorized"), "{error}");
}
