//! The fields of a job spec: those of `SparkApplication` v1beta2 as the operator 2.4.0 publishes them, and the broker's own.
//!
//! Source: the operator's published models (`kubeflow-spark-api` 2.4.0) for the names and types, its CRD for bounds and words.

use k8s_openapi::api::core::v1::{
    Affinity, Container, EnvFromSource, EnvVar, HostAlias, Lifecycle, PodDNSConfig, PodSecurityContext,
    PodTemplateSpec, SecurityContext, Toleration, Volume, VolumeMount,
};
use k8s_openapi::api::networking::v1::IngressTLS;

use super::field::Kind::{
    Annotations, Causes, Clusters, Kube, KubeList, Labels, Object, ObjectMap, Objects, Quantities, SparkConf,
    TextMap, Texts,
};
use super::field::Scalar::{
    Bool, Cpu, Duration, Factor, Int, MemoryLimit, Name, OneOf, Queue, Refused, SparkMemory, SubmissionId,
    Text,
};
use super::field::{Field, field, required, scalar};
use super::kube::{check, check_template};

/// The largest number of executors that a spec may name. It guards against slips, not against use.
pub(crate) const EXECUTORS_MAX: u32 = 100_000;

/// Fields whose effect isn't built; each is refused by name.
pub const UNBUILT: &[&str] = &["template", "parameters"];

const INT32: i64 = i32::MAX as i64;
const EXECUTORS: i64 = EXECUTORS_MAX as i64;
const NO_TEMPLATES: &str = "no such field: job templates aren't built yet; write the whole spec";

/// The broker's own fields, beside those of [`APPLICATION`].
pub(crate) const BROKER: &[Field] = &[
    scalar("submissionId", SubmissionId),
    scalar("applicationName", Name),
    scalar("queue", Queue),
    scalar("priority", Int(-(INT32 + 1), INT32)),
    field("clusters", Clusters),
    scalar("namespace", Name),
    field("timeouts", Object(TIMEOUTS)),
    field("retry", Object(RETRY)),
    field("labels", Labels),
    field("annotations", Annotations),
    scalar("template", Refused(NO_TEMPLATES)),
    scalar("parameters", Refused(NO_TEMPLATES)),
];

const TIMEOUTS: &[Field] = &[
    scalar("queue", Duration),
    scalar("pickup", Duration),
    scalar("start", Duration),
    scalar("run", Duration),
];

const RETRY: &[Field] = &[scalar("maxAttempts", Int(1, 100)), field("on", Causes)];

/// `SparkApplication.spec`.
pub(crate) const APPLICATION: &[Field] = &[
    scalar("type", OneOf(&["Java", "Scala", "Python", "R"])),
    required("sparkVersion", Name),
    scalar("mode", OneOf(&["cluster"])),
    scalar(
        "suspend",
        Refused("no `suspend`: the broker holds and releases objects itself"),
    ),
    scalar("proxyUser", Text),
    scalar("image", Name),
    scalar("imagePullPolicy", Name),
    field("imagePullSecrets", Texts),
    scalar("mainClass", Name),
    required("mainApplicationFile", Name),
    field("arguments", Texts),
    field("sparkConf", SparkConf),
    field("hadoopConf", TextMap),
    scalar("sparkConfigMap", Name),
    scalar("hadoopConfigMap", Name),
    field("volumes", KubeList(check::<Volume>)),
    field("driver", Object(DRIVER)),
    field("executor", Object(EXECUTOR)),
    field("deps", Object(DEPS)),
    field("restartPolicy", Object(RESTART_POLICY)),
    field("nodeSelector", TextMap),
    scalar("failureRetries", Int(0, INT32)),
    scalar("retryInterval", Int(0, i64::MAX)),
    scalar("pythonVersion", OneOf(&["2", "3"])),
    scalar("memoryOverheadFactor", Factor),
    field("monitoring", Object(MONITORING)),
    scalar("batchScheduler", Name),
    scalar("timeToLiveSeconds", Int(1, i64::MAX)),
    field("batchSchedulerOptions", Object(BATCH_SCHEDULER_OPTIONS)),
    field("sparkUIOptions", Object(SPARK_UI_OPTIONS)),
    field("driverIngressOptions", Objects(DRIVER_INGRESS_OPTIONS)),
    field("dynamicAllocation", Object(DYNAMIC_ALLOCATION)),
];

/// Makes the table of a pod from the fields of its own and those that driver and executor have in common.
macro_rules! pod {
    ($($own:expr),+ $(,)?) => {
        &[
            $($own,)+
            field("template", Kube(check_template::<PodTemplateSpec>)),
            scalar("cores", Int(1, INT32)),
            scalar("coreRequest", Cpu),
            scalar("coreLimit", Cpu),
            scalar("memory", SparkMemory),
            scalar("memoryLimit", MemoryLimit),
            scalar("memoryOverhead", SparkMemory),
            field("gpu", Object(GPU)),
            scalar("image", Name),
            field("configMaps", Objects(NAME_PATH)),
            field("secrets", Objects(SECRET)),
            field("env", KubeList(check::<EnvVar>)),
            field("envVars", TextMap),
            field("envFrom", KubeList(check::<EnvFromSource>)),
            field("envSecretKeyRefs", ObjectMap(NAME_KEY)),
            field("labels", Labels),
            field("annotations", Annotations),
            field("volumeMounts", KubeList(check::<VolumeMount>)),
            field("affinity", Kube(check::<Affinity>)),
            field("tolerations", KubeList(check::<Toleration>)),
            field("podSecurityContext", Kube(check::<PodSecurityContext>)),
            field("securityContext", Kube(check::<SecurityContext>)),
            scalar("schedulerName", Name),
            field("sidecars", KubeList(check::<Container>)),
            field("initContainers", KubeList(check::<Container>)),
            scalar("hostNetwork", Bool),
            field("nodeSelector", TextMap),
            field("dnsConfig", Kube(check::<PodDNSConfig>)),
            scalar("terminationGracePeriodSeconds", Int(0, i64::MAX)),
            scalar("serviceAccount", Name),
            field("hostAliases", KubeList(check::<HostAlias>)),
            scalar("shareProcessNamespace", Bool),
            scalar("javaOptions", Text),
            field("lifecycle", Kube(check::<Lifecycle>)),
            field("ports", Objects(PORT)),
            scalar("priorityClassName", Name),
        ]
    };
}

const DRIVER: &[Field] = pod![
    scalar("podName", Refused("no fixed pod name: attempts would collide")),
    scalar("kubernetesMaster", Text),
    field("serviceAnnotations", TextMap),
    field("serviceLabels", Labels),
];

const EXECUTOR: &[Field] = pod![
    scalar("instances", Int(1, EXECUTORS)),
    scalar("deleteOnTermination", Bool)
];

const GPU: &[Field] = &[required("name", Name), required("quantity", Int(1, INT32))];
const NAME_PATH: &[Field] = &[required("name", Name), required("path", Name)];
const NAME_KEY: &[Field] = &[required("name", Name), required("key", Name)];
const SECRET: &[Field] = &[
    required("name", Name),
    required("path", Name),
    required("secretType", Name),
];
const PORT: &[Field] = &[
    required("name", Name),
    required("protocol", Name),
    required("containerPort", Int(1, 65_535)),
];

const DEPS: &[Field] = &[
    field("jars", Texts),
    field("files", Texts),
    field("pyFiles", Texts),
    field("packages", Texts),
    field("excludePackages", Texts),
    field("repositories", Texts),
    field("archives", Texts),
];

const RESTART_POLICY: &[Field] = &[
    scalar("type", OneOf(&["Never", "OnFailure", "Always"])),
    scalar("onSubmissionFailureRetries", Int(0, 99)),
    scalar("onFailureRetries", Int(0, INT32)),
    scalar("onSubmissionFailureRetryInterval", Int(1, i64::MAX)),
    scalar("onFailureRetryInterval", Int(1, i64::MAX)),
];

const MONITORING: &[Field] = &[
    required("exposeDriverMetrics", Bool),
    required("exposeExecutorMetrics", Bool),
    scalar("metricsProperties", Text),
    scalar("metricsPropertiesFile", Text),
    field("prometheus", Object(PROMETHEUS)),
];

const PROMETHEUS: &[Field] = &[
    required("jmxExporterJar", Name),
    scalar("port", Int(1024, 49_151)),
    scalar("portName", Name),
    scalar("configFile", Text),
    scalar("configuration", Text),
];

const BATCH_SCHEDULER_OPTIONS: &[Field] = &[
    scalar("queue", Name),
    scalar("priorityClassName", Name),
    field("resources", Quantities),
];

const SERVICE_TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

const SPARK_UI_OPTIONS: &[Field] = &[
    scalar("servicePort", Int(1, 65_535)),
    scalar("servicePortName", Name),
    scalar("serviceType", OneOf(SERVICE_TYPES)),
    field("serviceAnnotations", TextMap),
    field("serviceLabels", Labels),
    field("ingressAnnotations", TextMap),
    field("ingressTLS", KubeList(check::<IngressTLS>)),
];

const DRIVER_INGRESS_OPTIONS: &[Field] = &[
    required("servicePort", Int(1, 65_535)),
    required("servicePortName", Name),
    scalar("serviceType", OneOf(SERVICE_TYPES)),
    field("serviceAnnotations", TextMap),
    field("serviceLabels", Labels),
    scalar("ingressURLFormat", Text),
    field("ingressAnnotations", TextMap),
    field("ingressTLS", KubeList(check::<IngressTLS>)),
];

const DYNAMIC_ALLOCATION: &[Field] = &[
    scalar("enabled", Bool),
    scalar("initialExecutors", Int(0, EXECUTORS)),
    scalar("minExecutors", Int(0, EXECUTORS)),
    scalar("maxExecutors", Int(1, EXECUTORS)),
    scalar("shuffleTrackingEnabled", Bool),
    scalar("shuffleTrackingTimeout", Int(0, i64::MAX)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_have_as_many_fields_as_the_operator_publishes() {
        assert_eq!(APPLICATION.len(), 32);
        assert_eq!(DRIVER.len(), 40);
        assert_eq!(EXECUTOR.len(), 38);
    }
}
