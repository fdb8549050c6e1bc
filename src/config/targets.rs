//! How clusters are reached, and what stands in for them.

use std::path::PathBuf;

use super::faults::Checks;
use super::raw_cluster::{RawCluster, RawConnect, RawKind, RawSimulated};
use super::{Connect, Target};
use crate::model::{Bytes, Millicores, Resources};

/// The kubelet's own default (`maxPods`, kubernetes.io, "KubeletConfiguration").
const PODS_PER_NODE: u64 = 110;
const CONNECT_FORMS: &str = "one of {kubeContext, kubeconfig}, {eks: {name, region, roleArn}}, {inCluster: true}, \
                             {server, certificateAuthority, tokenFile}";

/// What stands behind the cluster's name.
pub(super) fn target(raw: &mut RawCluster, path: &str, checks: &mut Checks) -> Option<Target> {
    let (connect, nodes) = (raw.connect.take(), raw.simulated.take());
    match raw.kind.unwrap_or_default() {
        RawKind::SparkOperator => operator(connect, nodes, path, checks),
        RawKind::Simulated => simulated(connect, nodes.unwrap_or_default(), path, checks),
    }
}

fn operator(
    connect: Option<RawConnect>,
    simulated: Option<RawSimulated>,
    path: &str,
    checks: &mut Checks,
) -> Option<Target> {
    if simulated.is_some() {
        checks.fault(
            &format!("{path}.simulated"),
            "a setting",
            "no such key, or type: simulated",
        );
    }
    let path = format!("{path}.connect");
    let connect = checks.required(&path, connect, CONNECT_FORMS)?;
    self::connect(connect, &path, checks).map(Target::SparkOperator)
}

fn connect(raw: RawConnect, path: &str, checks: &mut Checks) -> Option<Connect> {
    let forms = [
        raw.kube_context.is_some() || raw.kubeconfig.is_some(),
        raw.eks.is_some(),
        raw.in_cluster.is_some(),
        raw.server.is_some() || raw.certificate_authority.is_some() || raw.token_file.is_some(),
    ];
    let given = forms.iter().filter(|given| **given).count();
    if given != 1 {
        let found = if given == 0 { "nothing" } else { "several at once" };
        checks.fault(path, found, CONNECT_FORMS);
        return None;
    }
    let at = |key: &str| format!("{path}.{key}");
    if let Some(eks) = raw.eks {
        let name = checks.required(&at("eks.name"), eks.name, "the EKS cluster's name");
        return Some(Connect::Eks {
            name: checks.text(&at("eks.name"), name)?,
            region: checks.text(&at("eks.region"), eks.region),
            role_arn: checks.text(&at("eks.roleArn"), eks.role_arn),
        });
    }
    if let Some(inside) = raw.in_cluster {
        if !inside {
            checks.fault(&at("inCluster"), "false", "true, or no such key");
        }
        return Some(Connect::InCluster);
    }
    if raw.kube_context.is_some() || raw.kubeconfig.is_some() {
        return Some(Connect::Kubeconfig {
            file: checks.text(&at("kubeconfig"), raw.kubeconfig).map(PathBuf::from),
            context: checks.text(&at("kubeContext"), raw.kube_context),
        });
    }
    let server = checks.required(&at("server"), raw.server, "the API server's URL");
    let token_file = checks.required(&at("tokenFile"), raw.token_file, "a file with a bearer token");
    let server = checks.url(&at("server"), server, &["https"]);
    Some(Connect::Token {
        server: server?,
        certificate_authority: checks
            .text(&at("certificateAuthority"), raw.certificate_authority)
            .map(PathBuf::from),
        token_file: checks.text(&at("tokenFile"), token_file)?.into(),
    })
}

fn simulated(
    connect: Option<RawConnect>,
    raw: RawSimulated,
    path: &str,
    checks: &mut Checks,
) -> Option<Target> {
    if connect.is_some() {
        checks.fault(
            &format!("{path}.connect"),
            "a setting",
            "no such key for a simulated cluster",
        );
    }
    let cores = checks.cores(&format!("{path}.simulated.cores"), raw.cores.as_ref());
    let memory = checks.memory(&format!("{path}.simulated.memory"), raw.memory.as_ref());
    Some(Target::Simulated {
        nodes: raw.nodes.unwrap_or(4),
        node: Resources::new(
            cores.unwrap_or(Millicores(16_000)),
            memory.unwrap_or(Bytes::mib(64 * 1024)),
            PODS_PER_NODE,
        ),
    })
}
