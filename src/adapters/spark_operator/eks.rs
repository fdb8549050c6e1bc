//! An EKS cluster by its name: where it is, and who we are to it.

use std::sync::Arc;

use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_eks::error::DisplayErrorContext;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::token::TokenSource;
use crate::model::Clock;

/// An EKS cluster, perhaps of another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EksCluster {
    /// Its name in EKS.
    pub name: String,
    /// Its region; STS signs for it there too.
    pub region: String,
    /// The role to assume first, for a cluster of another account.
    pub role_arn: Option<String>,
    /// URL of the EKS endpoint in place of AWS's own.
    pub endpoint: Option<String>,
}

/// Why the cluster can't be found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There are no credentials to ask with.
    #[error("no AWS credentials")]
    NoCredentials,
    /// The SDK's configuration isn't one of its loader's, and can't assume a role.
    #[error("the AWS configuration has no time source")]
    NoTimeSource,
    /// DescribeCluster failed.
    #[error("DescribeCluster {name}: {message}")]
    Describe {
        /// The cluster.
        name: String,
        /// EKS's words.
        message: String,
    },
    /// EKS knows the cluster, but its API server isn't up yet.
    #[error("cluster {0} has no endpoint or certificate authority yet")]
    NotReady(String),
}

/// What a connection needs.
pub(super) struct Found {
    pub(super) endpoint: String,
    pub(super) certificate_authority: String,
    pub(super) tokens: TokenSource,
}

/// Asks EKS, as `role_arn` where there is one.
pub(super) async fn find(
    cluster: &EksCluster,
    sdk: &SdkConfig,
    clock: Arc<dyn Clock>,
) -> Result<Found, Error> {
    let sdk = as_caller(cluster, sdk).await?;
    let credentials = sdk.credentials_provider().ok_or(Error::NoCredentials)?;
    let mut config = aws_sdk_eks::config::Builder::from(&sdk);
    if let Some(url) = &cluster.endpoint {
        config = config.endpoint_url(url);
    }
    let answer = aws_sdk_eks::Client::from_conf(config.build())
        .describe_cluster()
        .name(&cluster.name)
        .send()
        .await
        .map_err(|error| Error::Describe {
            name: cluster.name.clone(),
            message: DisplayErrorContext(&error).to_string(),
        })?;
    let not_ready = || Error::NotReady(cluster.name.clone());
    let described = answer.cluster.ok_or_else(not_ready)?;
    let authority = described
        .certificate_authority
        .and_then(|a| a.data)
        .ok_or_else(not_ready)?;
    let pem = STANDARD
        .decode(authority)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(Found {
        endpoint: described.endpoint.ok_or_else(not_ready)?,
        certificate_authority: pem.ok_or_else(not_ready)?,
        tokens: TokenSource::new(&cluster.name, &cluster.region, credentials, clock),
    })
}

/// The SDK's configuration in the cluster's region, with the credentials of its role.
async fn as_caller(cluster: &EksCluster, sdk: &SdkConfig) -> Result<SdkConfig, Error> {
    let region = Region::new(cluster.region.clone());
    let builder = sdk.to_builder().region(region.clone());
    let Some(role) = &cluster.role_arn else {
        return Ok(builder.build());
    };
    sdk.time_source().ok_or(Error::NoTimeSource)?;
    let provider = aws_config::sts::AssumeRoleProvider::builder(role)
        .session_name("spark-broker")
        .region(region)
        .configure(sdk)
        .build()
        .await;
    let credentials = SharedCredentialsProvider::new(provider);
    Ok(builder.credentials_provider(credentials).build())
}
