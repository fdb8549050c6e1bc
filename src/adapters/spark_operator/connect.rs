//! From what the configuration says of a cluster to a client of its API server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::client::ClientBuilder;
use kube::config::{
    AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
};
use kube::{Client, Config};
use tower::timeout::TimeoutLayer;

use super::eks::{self, EksCluster};
use super::token::TokenLayer;
use crate::model::Clock;

/// A connection that isn't made by then won't be.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The first byte of an answer, of a watch too, comes before this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A watch ends itself long before this, so a connection that stays silent for so long is dead.
const SILENCE: Duration = Duration::from_secs(65);

/// How a cluster's API server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connect {
    /// By a kubeconfig.
    Kubeconfig {
        /// The file; absent: `KUBECONFIG`, else `~/.kube/config`.
        path: Option<PathBuf>,
        /// The context; absent: the file's current one.
        context: Option<String>,
    },
    /// By the service account of the pod that we run in.
    InCluster,
    /// By a server and a file with a bearer token, which is read again at least once a minute.
    Token {
        /// `https://host:port`.
        server: String,
        /// Who signed the server's certificate; absent: the machine's own authorities.
        certificate_authority: Option<CertificateAuthority>,
        /// The file with the token.
        token_file: PathBuf,
    },
    /// By the name of an EKS cluster.
    Eks(EksCluster),
}

/// Where a certificate authority's PEM stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateAuthority {
    /// In a file.
    File(PathBuf),
    /// Here.
    Pem(String),
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig can't be used.
    #[error("kubeconfig: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// We don't run in a cluster.
    #[error("in-cluster configuration: {0}")]
    InCluster(#[from] kube::config::InClusterError),
    /// The parts don't make a client.
    #[error("client: {}", super::request::chain(.0))]
    Client(#[from] kube::Error),
    /// EKS doesn't say where the cluster is.
    #[error("eks: {0}")]
    Eks(#[from] eks::Error),
    /// Neither a client nor a way to make one.
    #[error("no client and no connection configured")]
    NoClient,
    /// The thread that makes the client ended without one.
    #[error("connecting was interrupted")]
    Interrupted,
}

/// Makes a client: one try per request, 5 s to connect, no answer without an end.
///
/// `sdk` has the credentials, region and endpoints for [`Connect::Eks`].
pub async fn client(connect: &Connect, sdk: &SdkConfig, clock: Arc<dyn Clock>) -> Result<Client, Error> {
    match connect {
        Connect::Kubeconfig { path, context } => {
            let options = KubeConfigOptions {
                context: context.clone(),
                ..KubeConfigOptions::default()
            };
            let config = match path {
                Some(path) => Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &options).await?,
                None => Config::from_kubeconfig(&options).await?,
            };
            build(config, None).await
        }
        Connect::InCluster => build(Config::incluster()?, None).await,
        Connect::Token {
            server,
            certificate_authority,
            token_file,
        } => {
            let user = AuthInfo {
                token_file: Some(token_file.display().to_string()),
                ..AuthInfo::default()
            };
            build(
                config_of(server, certificate_authority.as_ref(), user).await?,
                None,
            )
            .await
        }
        Connect::Eks(cluster) => {
            let found = eks::find(cluster, sdk, clock).await?;
            let authority = CertificateAuthority::Pem(found.certificate_authority);
            let config = config_of(&found.endpoint, Some(&authority), AuthInfo::default()).await?;
            build(config, Some(TokenLayer::new(Arc::new(found.tokens)))).await
        }
    }
}

/// A kubeconfig of one cluster, one user and one context, so that `kube` alone reads certificates.
async fn config_of(
    server: &str,
    authority: Option<&CertificateAuthority>,
    user: AuthInfo,
) -> Result<Config, Error> {
    const NAME: &str = "cluster";
    let (file, data) = match authority {
        Some(CertificateAuthority::File(path)) => (Some(path.display().to_string()), None),
        Some(CertificateAuthority::Pem(pem)) => (None, Some(STANDARD.encode(pem))),
        None => (None, None),
    };
    let cluster = Cluster {
        server: Some(server.to_owned()),
        certificate_authority: file,
        certificate_authority_data: data,
        ..Cluster::default()
    };
    let context = Context {
        cluster: NAME.into(),
        user: Some(NAME.into()),
        ..Context::default()
    };
    let kubeconfig = Kubeconfig {
        clusters: vec![NamedCluster {
            name: NAME.into(),
            cluster: Some(cluster),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: NAME.into(),
            auth_info: Some(user),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: NAME.into(),
            context: Some(context),
            ..NamedContext::default()
        }],
        current_context: Some(NAME.into()),
        ..Kubeconfig::default()
    };
    Ok(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
}

/// A client of an HTTP API that isn't a cluster's.
pub(super) async fn direct(url: &str) -> Result<Client, Error> {
    let url = url.parse::<http::Uri>().map_err(|_| Error::NoClient)?;
    build(Config::new(url), None).await
}

/// On a thread of its own, since a kubeconfig may run another program for the first token.
async fn build(config: Config, tokens: Option<TokenLayer>) -> Result<Client, Error> {
    let making = tokio::task::spawn_blocking(move || assemble(config, tokens));
    making.await.map_err(|_| Error::Interrupted)?
}

fn assemble(mut config: Config, tokens: Option<TokenLayer>) -> Result<Client, Error> {
    // kube's own retry would repeat a create, and a repeat's answer proves nothing.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    let builder = ClientBuilder::try_from(config)?.with_layer(&TimeoutLayer::new(ANSWER_TIMEOUT));
    Ok(match tokens {
        Some(layer) => builder.with_layer(&layer).build(),
        None => builder.build(),
    })
}
