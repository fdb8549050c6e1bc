//! Bearer tokens of EKS: a presigned `GetCallerIdentity` of the regional STS, made in process
//! (kubernetes-sigs/aws-iam-authenticator, "API Authorization from Outside a Cluster"; AWS CLI `eks get-token`).

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tower::{BoxError, Layer, Service, ServiceExt};

use crate::model::Clock;

/// The header that binds a token to one cluster.
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
/// What every token of this kind begins with.
const PREFIX: &str = "k8s-aws-v1.";
/// `X-Amz-Expires`; the authenticator adds 15 minutes of its own.
const URL_EXPIRES: Duration = Duration::from_secs(60);
/// The authenticator takes a token for 15 minutes; `aws eks get-token` says 14.
const RENEW_AFTER: SignedDuration = SignedDuration::from_mins(13);

/// Why there is no token. Nothing was sent to the cluster.
#[derive(Debug, thiserror::Error)]
#[error("no EKS token: {0}")]
pub(super) struct NoToken(String);

/// A token and until when it is used.
#[derive(Clone)]
struct Minted {
    /// The bearer token.
    token: String,
    /// From then on another one is made.
    renew_at: Timestamp,
}

/// Mints the tokens of one cluster and keeps the newest.
pub(super) struct TokenSource {
    cluster: String,
    region: String,
    credentials: SharedCredentialsProvider,
    clock: Arc<dyn Clock>,
    newest: Mutex<Option<Minted>>,
}

impl TokenSource {
    /// Tokens for `cluster`, signed by `credentials` for the STS of `region`.
    pub(super) fn new(
        cluster: &str,
        region: &str,
        credentials: SharedCredentialsProvider,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            cluster: cluster.to_owned(),
            region: region.to_owned(),
            credentials,
            clock,
            newest: Mutex::new(None),
        }
    }

    /// A token that is valid for a minute at least.
    async fn token(&self) -> Result<String, NoToken> {
        let mut newest = self.newest.lock().await;
        if let Some(minted) = newest.as_ref().filter(|m| self.clock.now() < m.renew_at) {
            return Ok(minted.token.clone());
        }
        let minted = self.mint().await?;
        Ok(newest.insert(minted).token.clone())
    }

    /// Forgets `refused`, if it is still the newest: the next call mints another.
    async fn forget(&self, refused: &str) {
        let mut newest = self.newest.lock().await;
        if newest.as_ref().is_some_and(|m| m.token == refused) {
            *newest = None;
        }
    }

    async fn mint(&self) -> Result<Minted, NoToken> {
        let now = self.clock.now();
        let credentials = self
            .credentials
            .provide_credentials()
            .await
            .map_err(|error| NoToken(super::request::chain(&error)))?;
        // STS refuses a URL whose credentials have expired since it was signed.
        let by_credentials = credentials
            .expiry()
            .and_then(|at| Timestamp::try_from(at).ok())
            .map(|at| at - SignedDuration::from_mins(1));
        let renew_at = by_credentials.map_or(now + RENEW_AFTER, |at| at.min(now + RENEW_AFTER));
        let url = self.presigned(&credentials.into(), now)?;
        Ok(Minted {
            token: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(url)),
            renew_at,
        })
    }

    fn presigned(
        &self,
        identity: &aws_smithy_runtime_api::client::identity::Identity,
        now: Timestamp,
    ) -> Result<String, NoToken> {
        let refuse = |error: &dyn std::error::Error| NoToken(error.to_string());
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(URL_EXPIRES);
        let params = SigningParams::builder()
            .identity(identity)
            .region(&self.region)
            .name("sts")
            .time(SystemTime::from(now))
            .settings(settings)
            .build()
            .map_err(|e| refuse(&e))?
            .into();
        let url = format!(
            "https://{}/?Action=GetCallerIdentity&Version=2011-06-15",
            sts_host(&self.region)
        );
        let headers = [(CLUSTER_HEADER, self.cluster.as_str())];
        let request =
            SignableRequest::new("GET", url.as_str(), headers.into_iter(), SignableBody::Bytes(&[]))
                .map_err(|e| refuse(&e))?;
        let (instructions, _) = sign(request, &params).map_err(|e| refuse(&e))?.into_parts();
        let mut request = Request::builder().uri(&url).body(()).map_err(|e| refuse(&e))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.uri().to_string())
    }
}

/// The regional host of STS (AWS General Reference, "AWS STS endpoints").
fn sts_host(region: &str) -> String {
    let suffix = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!("sts.{region}.{suffix}")
}

/// Puts a token of `tokens` on every request, and drops it when the answer is 401.
#[derive(Clone)]
pub(super) struct TokenLayer {
    tokens: Arc<TokenSource>,
}

impl TokenLayer {
    pub(super) fn new(tokens: Arc<TokenSource>) -> Self {
        Self { tokens }
    }
}

impl<S> Layer<S> for TokenLayer {
    type Service = WithToken<S>;

    fn layer(&self, inner: S) -> WithToken<S> {
        WithToken {
            inner: Arc::new(Mutex::new(inner)),
            tokens: self.tokens.clone(),
        }
    }
}

/// The service that [`TokenLayer`] makes.
pub(super) struct WithToken<S> {
    inner: Arc<Mutex<S>>,
    tokens: Arc<TokenSource>,
}

impl<S, A, B> Service<Request<A>> for WithToken<S>
where
    S: Service<Request<A>, Response = Response<B>> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    A: Send + 'static,
    B: Send,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let (inner, tokens) = (self.inner.clone(), self.tokens.clone());
        Box::pin(async move {
            let token = tokens.token().await?;
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
            // The lock is held until the request is handed over, not until it is answered.
            let answer = {
                let mut inner = inner.lock().await;
                inner.ready().await.map_err(Into::into)?.call(request)
            };
            let response = answer.await.map_err(Into::into)?;
            if response.status() == StatusCode::UNAUTHORIZED {
                tokens.forget(&token).await;
            }
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests;
