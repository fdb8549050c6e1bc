//! The fields of a job spec: the whole `spec` of `SparkApplication` v1beta2 (operator 2.4.0) and the broker's own.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::networking::v1 as networking;

/// What a field holds.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of these.
    Word(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A whole number within these bounds.
    Int(i64, i64),
    /// Memory as Spark reads it.
    SparkMemory,
    /// CPU as Kubernetes reads it.
    Cpu,
    /// Bytes as Kubernetes reads it.
    KubernetesBytes,
    /// A decimal number of at least 0, as a text.
    Factor,
    /// A duration: seconds, or a text such as `15m`.
    Duration,
    /// Texts.
    Texts,
    /// One of these, several times.
    Words(&'static [&'static str]),
    /// Texts by name.
    TextMap,
    /// Names of clusters.
    ClusterNames,
    /// An object of these fields.
    Object(&'static [Field]),
    /// Objects of these fields.
    Objects(&'static [Field]),
    /// Objects of these fields by name.
    ObjectMap(&'static [Field]),
    /// A type of Kubernetes: reads it and gives back what it understood.
    Kubernetes(fn(&Value) -> Result<Value, String>),
    /// Read elsewhere, or never legal: the rules say so.
    Ruled,
}

/// A field.
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

const fn f(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

fn k8s<T: DeserializeOwned + Serialize>(value: &Value) -> Result<Value, String> {
    let typed: T = serde_json::from_value(value.clone()).map_err(|e| e.to_string())?;
    serde_json::to_value(typed).map_err(|e| e.to_string())
}

const INT_MAX: i64 = i32::MAX as i64;
/// The most executors that a spec may ask for at its start.
const EXECUTORS_MAX: i64 = 100_000;

/// The broker's own fields.
pub const BROKER: &[Field] = &[
    f("applicationName", Kind::Text),
    f("submissionId", Kind::Text),
    f("queue", Kind::Text),
    f("priority", Kind::Int(-1_000_000, 1_000_000)),
    f("clusters", Kind::ClusterNames),
    f("namespace", Kind::Text),
    f("labels", Kind::TextMap),
    f("annotations", Kind::TextMap),
    f("timeouts", Kind::Object(TIMEOUTS)),
    f("retry", Kind::Object(RETRY)),
];

const TIMEOUTS: &[Field] = &[
    f("queue", Kind::Duration),
    f("run", Kind::Duration),
    f("pickup", Kind::Ruled),
    f("start", Kind::Ruled),
];

const RETRY: &[Field] = &[
    f("maxAttempts", Kind::Int(1, 100)),
    f(
        "on",
        Kind::Words(&[
            "Lost",
            "DriverEvicted",
            "NodeLost",
            "OutOfMemory",
            "ApplicationFailed",
        ]),
    ),
];

/// The fields of `SparkApplication.spec`.
pub const APPLICATION: &[Field] = &[
    f("arguments", Kind::Texts),
    f("batchScheduler", Kind::Text),
    f("batchSchedulerOptions", Kind::Object(BATCH_SCHEDULER)),
    f("deps", Kind::Object(DEPS)),
    f("driver", Kind::Object(DRIVER)),
    f("driverIngressOptions", Kind::Objects(INGRESS)),
    f("dynamicAllocation", Kind::Object(DYNAMIC_ALLOCATION)),
    f("executor", Kind::Object(EXECUTOR)),
    f("failureRetries", Kind::Int(0, INT_MAX)),
    f("hadoopConf", Kind::TextMap),
    f("hadoopConfigMap", Kind::Text),
    f("image", Kind::Text),
    f(
        "imagePullPolicy",
        Kind::Word(&["Always", "IfNotPresent", "Never"]),
    ),
    f("imagePullSecrets", Kind::Texts),
    f("mainApplicationFile", Kind::Text),
    f("mainClass", Kind::Text),
    f("memoryOverheadFactor", Kind::Factor),
    f("mode", Kind::Word(&["cluster"])),
    f("monitoring", Kind::Object(MONITORING)),
    f("nodeSelector", Kind::TextMap),
    f("proxyUser", Kind::Text),
    f("pythonVersion", Kind::Word(&["2", "3"])),
    f("restartPolicy", Kind::Object(RESTART_POLICY)),
    f("retryInterval", Kind::Int(1, INT_MAX)),
    f("sparkConf", Kind::TextMap),
    f("sparkConfigMap", Kind::Text),
    f("sparkUIOptions", Kind::Object(UI)),
    f("sparkVersion", Kind::Text),
    f("suspend", Kind::Ruled),
    f("timeToLiveSeconds", Kind::Int(1, i64::MAX)),
    f("type", Kind::Word(&["Java", "Scala", "Python", "R"])),
    f("volumes", Kind::Kubernetes(k8s::<Vec<core::Volume>>)),
];

const BATCH_SCHEDULER: &[Field] = &[
    f("priorityClassName", Kind::Text),
    f("queue", Kind::Text),
    f(
        "resources",
        Kind::Kubernetes(
            k8s::<std::collections::BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>>,
        ),
    ),
];

const DEPS: &[Field] = &[
    f("archives", Kind::Texts),
    f("excludePackages", Kind::Texts),
    f("files", Kind::Texts),
    f("jars", Kind::Texts),
    f("packages", Kind::Texts),
    f("pyFiles", Kind::Texts),
    f("repositories", Kind::Texts),
];

const DYNAMIC_ALLOCATION: &[Field] = &[
    f("enabled", Kind::Flag),
    f("initialExecutors", Kind::Int(0, EXECUTORS_MAX)),
    f("maxExecutors", Kind::Int(0, EXECUTORS_MAX)),
    f("minExecutors", Kind::Int(0, EXECUTORS_MAX)),
    f("shuffleTrackingEnabled", Kind::Flag),
    f("shuffleTrackingTimeout", Kind::Int(0, i64::MAX)),
];

const RESTART_POLICY: &[Field] = &[
    f("type", Kind::Word(&["Never", "OnFailure", "Always"])),
    f("onFailureRetries", Kind::Int(0, INT_MAX)),
    f("onFailureRetryInterval", Kind::Int(1, INT_MAX)),
    f("onSubmissionFailureRetries", Kind::Int(0, 99)),
    f("onSubmissionFailureRetryInterval", Kind::Int(1, INT_MAX)),
];

const MONITORING: &[Field] = &[
    f("exposeDriverMetrics", Kind::Flag),
    f("exposeExecutorMetrics", Kind::Flag),
    f("metricsProperties", Kind::Text),
    f("metricsPropertiesFile", Kind::Text),
    f("prometheus", Kind::Object(PROMETHEUS)),
];

const PROMETHEUS: &[Field] = &[
    f("configFile", Kind::Text),
    f("configuration", Kind::Text),
    f("jmxExporterJar", Kind::Text),
    f("port", Kind::Int(1024, 49_151)),
    f("portName", Kind::Text),
];

const UI: &[Field] = &[
    f("ingressAnnotations", Kind::TextMap),
    f("ingressTLS", Kind::Kubernetes(k8s::<Vec<networking::IngressTLS>>)),
    f("serviceAnnotations", Kind::TextMap),
    f("serviceLabels", Kind::TextMap),
    f("servicePort", Kind::Int(1, 65_535)),
    f("servicePortName", Kind::Text),
    f("serviceType", Kind::Text),
];

const INGRESS: &[Field] = &[
    f("ingressAnnotations", Kind::TextMap),
    f("ingressTLS", Kind::Kubernetes(k8s::<Vec<networking::IngressTLS>>)),
    f("ingressURLFormat", Kind::Text),
    f("serviceAnnotations", Kind::TextMap),
    f("serviceLabels", Kind::TextMap),
    f("servicePort", Kind::Int(1, 65_535)),
    f("servicePortName", Kind::Text),
    f("serviceType", Kind::Text),
];

const GPU: &[Field] = &[f("name", Kind::Text), f("quantity", Kind::Int(1, 1_000_000))];
const NAME_KEY: &[Field] = &[f("key", Kind::Text), f("name", Kind::Text)];
const NAME_PATH: &[Field] = &[f("name", Kind::Text), f("path", Kind::Text)];
const PORT: &[Field] = &[
    f("containerPort", Kind::Int(1, 65_535)),
    f("name", Kind::Text),
    f("protocol", Kind::Word(&["TCP", "UDP", "SCTP"])),
];
const SECRET: &[Field] = &[
    f("name", Kind::Text),
    f("path", Kind::Text),
    f("secretType", Kind::Text),
];

/// The fields that driver and executor share, with those of one of them in front.
macro_rules! pod_fields {
    ($($own:expr),* $(,)?) => {
        &[
            $($own,)*
            f("affinity", Kind::Kubernetes(k8s::<core::Affinity>)),
            f("annotations", Kind::TextMap),
            f("configMaps", Kind::Objects(NAME_PATH)),
            f("coreLimit", Kind::Cpu),
            f("coreRequest", Kind::Cpu),
            f("cores", Kind::Int(1, 1_000_000)),
            f("dnsConfig", Kind::Kubernetes(k8s::<core::PodDNSConfig>)),
            f("env", Kind::Kubernetes(k8s::<Vec<core::EnvVar>>)),
            f("envFrom", Kind::Kubernetes(k8s::<Vec<core::EnvFromSource>>)),
            f("envSecretKeyRefs", Kind::ObjectMap(NAME_KEY)),
            f("envVars", Kind::TextMap),
            f("gpu", Kind::Object(GPU)),
            f("hostAliases", Kind::Kubernetes(k8s::<Vec<core::HostAlias>>)),
            f("hostNetwork", Kind::Flag),
            f("image", Kind::Text),
            f("initContainers", Kind::Kubernetes(k8s::<Vec<core::Container>>)),
            f("javaOptions", Kind::Text),
            f("labels", Kind::TextMap),
            f("lifecycle", Kind::Kubernetes(k8s::<core::Lifecycle>)),
            f("memory", Kind::SparkMemory),
            f("memoryLimit", Kind::KubernetesBytes),
            f("memoryOverhead", Kind::SparkMemory),
            f("nodeSelector", Kind::TextMap),
            f("podSecurityContext", Kind::Kubernetes(k8s::<core::PodSecurityContext>)),
            f("ports", Kind::Objects(PORT)),
            f("priorityClassName", Kind::Text),
            f("schedulerName", Kind::Text),
            f("secrets", Kind::Objects(SECRET)),
            f("securityContext", Kind::Kubernetes(k8s::<core::SecurityContext>)),
            f("serviceAccount", Kind::Text),
            f("shareProcessNamespace", Kind::Flag),
            f("sidecars", Kind::Kubernetes(k8s::<Vec<core::Container>>)),
            f("template", Kind::Kubernetes(k8s::<core::PodTemplateSpec>)),
            f("terminationGracePeriodSeconds", Kind::Int(0, i64::MAX)),
            f("tolerations", Kind::Kubernetes(k8s::<Vec<core::Toleration>>)),
            f("volumeMounts", Kind::Kubernetes(k8s::<Vec<core::VolumeMount>>)),
        ]
    };
}

const DRIVER: &[Field] = pod_fields![
    f("kubernetesMaster", Kind::Text),
    f("podName", Kind::Ruled),
    f("serviceAnnotations", Kind::TextMap),
    f("serviceLabels", Kind::TextMap),
];

const EXECUTOR: &[Field] = pod_fields![
    f("deleteOnTermination", Kind::Flag),
    f("instances", Kind::Int(0, EXECUTORS_MAX))
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_published_models_is_here() {
        // Counted in the operator's published Python models, 2.4.0.
        assert_eq!((APPLICATION.len(), DRIVER.len(), EXECUTOR.len()), (32, 40, 38));
    }
}
