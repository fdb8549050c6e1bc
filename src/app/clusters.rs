//! The clusters that a configuration names, each as the port's adapter.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::assembly::{Places, StartError};
use crate::adapters::aws::Aws;
use crate::adapters::simulated::{self, NodeGroup, SimulatedCluster};
use crate::adapters::spark_operator::{self, CertificateAuthority, EksCluster, SparkOperatorCluster};
use crate::config::{self, Config, Target};
use crate::model::{ClusterName, Demand, InstallationId};
use crate::ports::cluster::Cluster;
use crate::routing::CapacitySource;
use crate::spec;

/// Connects a cluster.
pub type Dial = Arc<dyn Fn(&config::Cluster) -> Result<Arc<dyn Cluster>, StartError> + Send + Sync>;

/// Connects any cluster; simulated ones keep their state in the data directory of `places`.
pub(super) fn dial(aws: &Aws, places: &Places, installation: &InstallationId) -> Dial {
    let (aws, places, installation) = (aws.clone(), places.clone(), installation.clone());
    Arc::new(move |cluster| {
        let new = || connect(cluster, &aws, &places, &installation);
        places.lasting.cluster(cluster, new)
    })
}

/// All clusters of `config`.
pub(super) fn clusters(
    config: &Config,
    dial: &Dial,
) -> Result<HashMap<ClusterName, Arc<dyn Cluster>>, StartError> {
    let clusters = config.clusters.iter();
    clusters
        .map(|cluster| Ok((cluster.settings.name.clone(), dial(cluster)?)))
        .collect()
}

fn connect(
    cluster: &config::Cluster,
    aws: &Aws,
    places: &Places,
    installation: &InstallationId,
) -> Result<Arc<dyn Cluster>, StartError> {
    let namespace = cluster.settings.namespace.clone();
    Ok(match &cluster.target {
        Target::SparkOperator(connect) => Arc::new(SparkOperatorCluster::dialled(
            connection(connect, aws)?,
            aws.config().clone(),
            Arc::clone(&places.clock),
            namespace,
            installation.clone(),
            spark_operator::Sources {
                nodes: cluster.settings.sources.contains(&CapacitySource::Nodes),
                quota: cluster.settings.sources.contains(&CapacitySource::Quota),
                yunikorn: cluster.yunikorn.as_ref().map(yunikorn),
            },
        )),
        Target::Simulated { nodes, node } => {
            let settings = simulated::Settings {
                name: cluster.settings.name.clone(),
                namespace,
                nodes: vec![NodeGroup {
                    count: *nodes,
                    allocatable: node.clone(),
                }],
                data_dir: places.data_dir.clone(),
            };
            let clock = Arc::clone(&places.clock);
            let opened = SimulatedCluster::open(settings, installation.clone(), clock, Arc::new(demand_of));
            Arc::new(opened.map_err(|error| StartError::Configuration(error.to_string()))?)
        }
    })
}

fn yunikorn(queue: &config::Yunikorn) -> spark_operator::Yunikorn {
    spark_operator::Yunikorn {
        queue: queue.queue.clone(),
        partition: queue.partition.clone(),
        at: match &queue.at {
            config::YunikornAt::Url(url) => spark_operator::YunikornAt::Url(url.clone()),
            config::YunikornAt::Service {
                namespace,
                name,
                port,
            } => spark_operator::YunikornAt::Service {
                namespace: namespace.clone(),
                name: name.clone(),
                port: *port,
            },
        },
    }
}

fn demand_of(spec: &Value) -> Demand {
    spec.as_object().map(spec::demand).unwrap_or_default()
}

fn connection(connect: &config::Connect, aws: &Aws) -> Result<spark_operator::Connect, StartError> {
    Ok(match connect {
        config::Connect::Kubeconfig { file, context } => spark_operator::Connect::Kubeconfig {
            path: file.clone(),
            context: context.clone(),
        },
        config::Connect::InCluster => spark_operator::Connect::InCluster,
        config::Connect::Token {
            server,
            certificate_authority,
            token_file,
        } => spark_operator::Connect::Token {
            server: server.clone(),
            certificate_authority: certificate_authority.clone().map(CertificateAuthority::File),
            token_file: token_file.clone(),
        },
        config::Connect::Eks {
            name,
            region,
            role_arn,
        } => {
            let region = region
                .clone()
                .or_else(|| aws.config().region().map(ToString::to_string));
            let missing = || {
                StartError::Configuration(format!(
                    "connect.eks.region of {name}: found nothing, expected a region, here or in the AWS SDK's own settings"
                ))
            };
            let region = region.ok_or_else(missing)?;
            spark_operator::Connect::Eks(EksCluster {
                name: name.clone(),
                region,
                role_arn: role_arn.clone(),
                endpoint: aws.eks_endpoint().map(str::to_owned),
            })
        }
    })
}
