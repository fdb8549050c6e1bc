//! The programs of a control plane, built from their Go modules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folders::{once, run, support};

const KUBERNETES: &str = "v1.36.3";

/// A program that the tests build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Kubernetes' store.
    Etcd,
    /// The API server.
    ApiServer,
    /// The scheduler: binds pods to nodes.
    Scheduler,
    /// The controller manager: garbage collection, taints of nodes, service accounts.
    ControllerManager,
    /// KWOK: plays the kubelets of all nodes.
    Kwok,
    /// Kubeflow's Spark operator.
    SparkOperator,
    /// Helm, which renders charts.
    Helm,
}

impl Tool {
    const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::Scheduler => "kube-scheduler",
            Self::ControllerManager => "kube-controller-manager",
            Self::Kwok => "kwok",
            Self::SparkOperator => "spark-operator",
            Self::Helm => "helm",
        }
    }

    const fn package(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::ApiServer => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::Scheduler => "k8s.io/kubernetes/cmd/kube-scheduler",
            Self::ControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
            Self::Kwok => "sigs.k8s.io/kwok/cmd/kwok",
            Self::SparkOperator => "github.com/kubeflow/spark-operator/v2/cmd/operator",
            Self::Helm => "helm.sh/helm/v3/cmd/helm",
        }
    }

    fn module(self) -> PathBuf {
        match self {
            Self::SparkOperator => support().join("operator-tools"),
            Self::Helm => support().with_file_name("helm"),
            Self::Etcd | Self::ApiServer | Self::Scheduler | Self::ControllerManager | Self::Kwok => {
                support().join("cluster-tools")
            }
        }
    }
}

/// The path of `tool`, built now if it isn't there; a folder named by `KUBEBUILDER_ASSETS` that holds it wins.
///
/// # Panics
///
/// If this machine has no Go, or the build fails.
pub fn binary(tool: Tool) -> PathBuf {
    let asset = assets()
        .map(|folder| folder.join(tool.name()))
        .filter(|path| path.exists());
    asset.unwrap_or_else(|| build(tool))
}

/// The folder of `module` in Go's module cache, for what lies beside its programs; downloaded if it isn't there.
pub fn module_folder(tool: Tool, module: &str) -> PathBuf {
    let printed = run(
        go(&tool.module()).args(["mod", "download", "-json", module]),
        NO_GO,
    );
    let told: serde_json::Value = serde_json::from_str(&printed).expect("Go describes a module as JSON");
    PathBuf::from(told["Dir"].as_str().expect("a downloaded module has a folder"))
}

const NO_GO: &str =
    "the tests build a Kubernetes control plane from its sources: install Go 1.26 (https://go.dev/dl)";

fn build(tool: Tool) -> PathBuf {
    let flags = link_flags(tool);
    let [module, sum] =
        ["go.mod", "go.sum"].map(|name| fs::read(tool.module().join(name)).expect("both files are there"));
    once(tool.name(), &[&module, &sum, flags.as_bytes()], |path| {
        eprintln!("building {} (once; the first time takes minutes)", tool.name());
        let ldflags = format!("-ldflags={flags}");
        let mut command = go(&tool.module());
        run(
            command
                .args(["build", "-trimpath", &ldflags, "-o"])
                .arg(path)
                .arg(tool.package()),
            NO_GO,
        );
    })
}

/// Without a version built in, clients read `v0.0.0-master`, and some refuse that.
fn link_flags(tool: Tool) -> String {
    let version = "k8s.io/component-base/version";
    match tool {
        Tool::SparkOperator | Tool::Helm => "-s -w".to_owned(),
        Tool::Etcd | Tool::ApiServer | Tool::Scheduler | Tool::ControllerManager | Tool::Kwok => format!(
            "-s -w -X {version}.gitVersion={KUBERNETES} -X {version}.gitMajor=1 -X {version}.gitMinor=36"
        ),
    }
}

fn go(folder: &Path) -> Command {
    let mut command = Command::new("go");
    command.current_dir(folder);
    command
}

#[expect(
    clippy::disallowed_methods,
    reason = "envtest's own variable; not a setting of the program"
)]
fn assets() -> Option<PathBuf> {
    std::env::var("KUBEBUILDER_ASSETS").ok().map(PathBuf::from)
}
