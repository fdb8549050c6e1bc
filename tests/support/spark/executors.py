"""What Spark itself asks for an executor, by its own classes and without a cluster.

Reads a list of Spark configurations (each the text of a properties file) from standard input, and prints a list of the same length: what
`BasicExecutorFeatureStep` gives an executor's container to request, and with how many executors Spark begins. One JVM
for all of them. `SPARK_HOME` and `PYTHONPATH` name the unpacked Spark.
"""

import json
import sys

from pyspark.java_gateway import launch_gateway


def amounts(quantities):
    """A Java map of Kubernetes quantities, each as its text."""
    return {} if quantities is None else {name: quantities[name].toString() for name in quantities}


def executor(jvm, properties):
    spark = jvm.org.apache.spark
    kubernetes = spark.deploy.k8s
    conf = spark.SparkConf(False)
    read = jvm.java.util.Properties()
    read.load(jvm.java.io.StringReader(properties))
    for key in read.stringPropertyNames():
        conf.set(key, read.getProperty(key))
    # Scala's objects, and its default arguments.
    profiles = getattr(getattr(spark.resource, "ResourceProfile$"), "MODULE$")
    default = getattr(spark.SecurityManager, "$lessinit$greater$default$3")()
    nothing = jvm.scala.Option.empty()
    security = spark.SecurityManager(conf, nothing, default)
    profiles.clearDefaultProfile()
    profile = profiles.getOrCreateDefaultProfile(conf)
    executor_conf = kubernetes.KubernetesExecutorConf(conf, "spark-0", "1", nothing, 0)
    step = kubernetes.features.BasicExecutorFeatureStep(executor_conf, security, profile)
    resources = step.configurePod(kubernetes.SparkPod.initialPod()).container().getResources()
    backend = spark.scheduler.cluster.SchedulerBackendUtils
    return {
        "requests": amounts(resources.getRequests()),
        "limits": amounts(resources.getLimits()),
        "executors": backend.getInitialTargetExecutorNumber(conf, 2),
    }


def main():
    gateway = launch_gateway()
    try:
        print(json.dumps([executor(gateway.jvm, properties) for properties in json.load(sys.stdin)]))
    finally:
        gateway.shutdown()


main()
