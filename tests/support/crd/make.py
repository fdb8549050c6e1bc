"""The CRD of SparkApplication, an example of it and a judge of it, all made from the operator's published models.

    make.py crd         prints the CustomResourceDefinition
    make.py example     prints a SparkApplication in which every field of the published schema is set once
    make.py validate    reads a list of SparkApplications; prints a list with the faults of each

The models (PyPI: kubeflow-spark-api) are generated from the operator's own API, so none of our types judges itself.
"""

import inspect
import json
import re
import sys

from kubeflow_spark_api import models
from kubeflow_spark_api.models.spark_v1beta2_spark_application import SparkV1beta2SparkApplication as Application

GROUP, VERSION, KIND, PLURAL = "sparkoperator.k8s.io", "v1beta2", "SparkApplication", "sparkapplications"
QUANTITY = "IoK8sApimachineryPkgApiResourceQuantity"
INT_OR_STRING = "IoK8sApimachineryPkgUtilIntstrIntOrString"

SCHEMA = Application.model_json_schema(by_alias=True)
MODELS = SCHEMA["$defs"]


def resolved(schema):
    """`schema` without `Optional` around it and without reference: its model's name, if any, and the schema itself."""
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) > 1:
        raise ValueError(f"no structural form for {schema}")
    schema = choices[0] if choices else schema
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return name, MODELS[name]
    return None, schema


# --- the CRD ---


def structural(schema):
    """`schema` as a CRD may write it: no references, no null, none of the keywords that only describe."""
    name, schema = resolved(schema)
    if name in (QUANTITY, INT_OR_STRING):
        return {"x-kubernetes-int-or-string": True}
    kind = schema.get("type")
    if kind is None:
        return {"x-kubernetes-preserve-unknown-fields": True}
    if kind == "array":
        return {"type": "array", "items": structural(schema["items"])}
    if kind == "object":
        return structural_object(schema)
    result = {"type": kind}
    if schema.get("format") == "date-time":
        # The operator writes `null` for a time that it hasn't got yet.
        result |= {"format": "date-time", "nullable": True}
    return result


def structural_object(schema):
    properties = {name: structural(field) for name, field in schema.get("properties", {}).items()}
    values = schema.get("additionalProperties")
    if properties:
        result = {"type": "object", "properties": properties}
        return result | ({"required": schema["required"]} if schema.get("required") else {})
    if isinstance(values, dict):
        return {"type": "object", "additionalProperties": structural(values)}
    return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def crd():
    schema = structural_object(SCHEMA)
    schema["properties"]["metadata"] = {"type": "object"}
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    names = {"kind": KIND, "listKind": f"{KIND}List", "plural": PLURAL, "singular": "sparkapplication"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        # Only names under k8s.io need it: the API server asks who approved the API.
        "metadata": {"name": f"{PLURAL}.{GROUP}", "annotations": {"api-approved.kubernetes.io": "unapproved, tests only"}},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


# --- the example ---

# What a field means is more than its type: values that Spark and Kubernetes can read, by the end of the field's path.
MEANT = {
    "spec.type": "Scala",
    "spec.mode": "cluster",
    "spec.sparkVersion": "3.5.6",
    "spec.pythonVersion": "3",
    "spec.mainApplicationFile": "local:///opt/spark/examples/jars/spark-examples.jar",
    "spec.mainClass": "org.apache.spark.examples.SparkPi",
    "spec.imagePullPolicy": "IfNotPresent",
    "spec.memoryOverheadFactor": "0.2",
    "spec.batchScheduler": "yunikorn",
    "spec.suspend": False,
    "spec.restartPolicy.type": "Never",
    "spec.driver.podName": "every-field-driver",
    "spec.driver.kubernetesMaster": "k8s://https://kubernetes.default.svc:443",
    "spec.sparkConf": {"spark.eventLog.enabled": "false"},
    "spec.hadoopConf": {"fs.s3a.path.style.access": "true"},
    "spec.dynamicAllocation.minExecutors": 1,
    "spec.dynamicAllocation.initialExecutors": 2,
    "spec.dynamicAllocation.maxExecutors": 3,
    "coreLimit": "1200m",
    "coreRequest": "500m",
    "memory": "2g",
    "memoryLimit": "4Gi",
    "memoryOverhead": "512m",
    "servicePortName": "http",
    "servicePort": 4040,
    "serviceType": "ClusterIP",
    "deps.repositories": ["https://repo.example.com/maven"],
    "deps.packages": ["org.example:library:1.0.0"],
    "deps.excludePackages": ["org.example:unwanted"],
    "creationTimestamp": "2026-01-02T03:04:05Z",
}


def meant(path):
    """The value in `MEANT` whose key is the longest end of `path`; lists and maps count as their elements."""
    parts = path.split(".")
    for start in range(len(parts)):
        key = ".".join(parts[start:])
        if key in MEANT:
            return MEANT[key]
    return None


def enumerations(name):
    """The first allowed value of each field of a model that has a choice of them; only its validators' source tells."""
    model = getattr(models, name)
    result = {}
    for function in inspect.getsource(model).split("    def ")[1:]:
        allowed = re.search(r"^(\w+)_validate_enum.*?set\(\[.*?'(\w+)'", function, re.S)
        if allowed:
            attribute, value = allowed.groups()
            is_list = "for i in value" in function
            result[model.model_fields[attribute].alias or attribute] = [value] if is_list else value
    return result


def example(schema, path):
    name, schema = resolved(schema)
    value = meant(path)
    if value is not None:
        return value
    if name == QUANTITY:
        return "1"
    if name == INT_OR_STRING:
        return 8080
    if schema.get("type") == "object":
        return example_object(schema, path) | (enumerations(name) if name else {})
    if schema.get("type") == "array":
        return [example(schema["items"], path)]
    if schema.get("format") == "date-time":
        return MEANT["creationTimestamp"]
    return {"string": f"a-{path.rsplit('.', 1)[-1].lower()}", "integer": 1, "number": 1, "boolean": True}[schema["type"]]


def example_object(schema, path):
    if schema.get("properties"):
        # What Kubernetes itself keeps in an object's metadata is nobody's to set.
        kept = {key: field for key, field in schema["properties"].items() if key != "managedFields"}
        return {key: example(field, f"{path}.{key}") for key, field in kept.items()}
    if isinstance(schema.get("additionalProperties"), dict):
        return {"a-key": example(schema["additionalProperties"], path)}
    return {}


def whole_example():
    spec = example(SCHEMA["properties"]["spec"], "spec")
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": {"name": "every-field"}, "spec": spec}


# --- the judge ---


def faults(application):
    """What the models say of `application`. They drop unknown fields in silence: hence the comparison."""
    if (application.get("apiVersion"), application.get("kind")) != (f"{GROUP}/{VERSION}", KIND):
        return ["apiVersion or kind is another one"]
    try:
        understood = Application.from_dict(application).to_dict()
    except ValueError as error:
        return [str(error)]
    return list(differences(json.loads(json.dumps(application)), json.loads(json.dumps(understood, default=text)), ""))


def text(value):
    return value.isoformat().replace("+00:00", "Z")


def differences(sent, understood, path):
    if isinstance(sent, dict) and isinstance(understood, dict):
        for key in sorted(sent.keys() | understood.keys()):
            yield from differences(sent.get(key), understood.get(key), f"{path}.{key}" if path else key)
    elif isinstance(sent, list) and isinstance(understood, list) and len(sent) == len(understood):
        for index, pair in enumerate(zip(sent, understood)):
            yield from differences(*pair, f"{path}[{index}]")
    elif sent != understood:
        yield f"{path}: sent {json.dumps(sent)}, understood {json.dumps(understood)}"


MODES = {
    "crd": crd,
    "example": whole_example,
    "validate": lambda: [faults(application) for application in json.load(sys.stdin)],
}

if __name__ == "__main__":
    json.dump(MODES[sys.argv[1]](), sys.stdout)
