//! The Spark configuration as the operator passes it to spark-submit: fields and `sparkConf` in one map.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::conf::{parse_bool, parse_factor, parse_int};
use super::memory::{self, Bare};
use crate::model::Bytes;

/// Keys and values; of a field and its twin in `sparkConf` the field wins, being passed later, except for
/// `memoryOverheadFactor`, which the operator passes before `sparkConf`.
#[derive(Debug)]
pub(crate) struct SparkConf {
    values: BTreeMap<String, String>,
    devices: BTreeMap<&'static str, (String, u64)>,
    version: String,
}

/// Fields of driver and executor, and the keys that they become.
const TWINS: &[(&str, &str)] = &[
    ("cores", "spark.{}.cores"),
    ("coreRequest", "spark.kubernetes.{}.request.cores"),
    ("memory", "spark.{}.memory"),
    ("memoryOverhead", "spark.{}.memoryOverhead"),
    ("instances", "spark.{}.instances"),
];

const DYNAMIC_ALLOCATION: &[&str] = &["initialExecutors", "minExecutors", "maxExecutors"];

impl SparkConf {
    /// The configuration that `spec` becomes.
    pub(crate) fn of(spec: &Map<String, Value>) -> Self {
        let mut conf = Self {
            values: BTreeMap::new(),
            devices: BTreeMap::new(),
            version: spec
                .get("sparkVersion")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        };
        conf.set(
            "spark.kubernetes.memoryOverheadFactor",
            spec.get("memoryOverheadFactor"),
        );
        for (key, value) in spec
            .get("sparkConf")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            conf.set(key, Some(value));
        }
        for (label, value) in spec
            .get("nodeSelector")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            conf.set(&format!("spark.kubernetes.node.selector.{label}"), Some(value));
        }
        for part in ["driver", "executor"] {
            conf.add_part(part, spec.get(part).and_then(Value::as_object));
        }
        conf.add_instances(spec.get("dynamicAllocation"));
        conf.add_dynamic_allocation(spec.get("dynamicAllocation"));
        conf
    }

    fn set(&mut self, key: &str, value: Option<&Value>) {
        match value {
            Some(Value::String(text)) => drop(self.values.insert(key.to_owned(), text.clone())),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => {
                self.values.insert(key.to_owned(), value.to_string());
            }
            None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => {}
        }
    }

    fn add_part(&mut self, part: &'static str, fields: Option<&Map<String, Value>>) {
        let Some(fields) = fields else { return };
        for (field, key) in TWINS {
            self.set(&key.replace("{}", part), fields.get(*field));
        }
        let gpu = |name: &str| fields.get("gpu").and_then(|gpu| gpu.get(name));
        if let (Some(name), Some(quantity)) = (
            gpu("name").and_then(Value::as_str),
            gpu("quantity").and_then(Value::as_u64),
        ) {
            self.devices.insert(part, (name.to_owned(), quantity));
        }
    }

    /// The operator's default of one executor. It looks for dynamic allocation in its own field, and in `sparkConf` only
    /// under a key in lower case that Spark doesn't know; so with dynamic allocation in `sparkConf` alone it sets 1 too.
    fn add_instances(&mut self, dynamic_allocation: Option<&Value>) {
        const KEY: &str = "spark.executor.instances";
        let sought = match dynamic_allocation {
            Some(field) => field.get("enabled").and_then(Value::as_bool).unwrap_or(false),
            None => self.bool("spark.dynamicallocation.enabled"),
        };
        if !sought && self.text(KEY).is_none_or(str::is_empty) {
            self.values.insert(KEY.to_owned(), "1".to_owned());
        }
    }

    fn add_dynamic_allocation(&mut self, field: Option<&Value>) {
        let Some(field) = field.filter(|field| field.get("enabled") == Some(&Value::Bool(true))) else {
            return;
        };
        self.set("spark.dynamicAllocation.enabled", Some(&Value::Bool(true)));
        for name in DYNAMIC_ALLOCATION {
            self.set(&format!("spark.dynamicAllocation.{name}"), field.get(*name));
        }
    }

    /// The value of `key`.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The keys that begin with `prefix`, without it, and their values.
    pub(crate) fn below(&self, prefix: &str) -> impl Iterator<Item = (String, String)> {
        let values = self.values.range(prefix.to_owned()..);
        values.map_while(move |(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())))
    }

    /// A number that isn't negative.
    pub(crate) fn int(&self, key: &str) -> Option<u64> {
        self.text(key)
            .and_then(parse_int)
            .and_then(|n| u64::try_from(n).ok())
    }

    /// A truth value; false where there is none.
    pub(crate) fn bool(&self, key: &str) -> bool {
        self.text(key).and_then(parse_bool).unwrap_or(false)
    }

    /// A factor above 0.
    pub(crate) fn factor(&self, key: &str) -> Option<f64> {
        self.text(key).and_then(parse_factor)
    }

    /// An amount of memory in whole MiB, as Spark keeps it: parts of one are cut off.
    pub(crate) fn mib(&self, key: &str) -> Option<u64> {
        self.text(key)
            .and_then(|text| memory::parse(text, Bare::Mib))
            .map(|bytes| bytes.0 / (1024 * 1024))
    }

    /// An amount of memory whose bare number means bytes.
    pub(crate) fn bytes(&self, key: &str) -> Option<Bytes> {
        self.text(key).and_then(|text| memory::parse(text, Bare::Bytes))
    }

    /// Whether the Spark version is 4 or later, which knows `minMemoryOverhead`.
    pub(crate) fn is_spark_4(&self) -> bool {
        self.version
            .split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| major >= 4)
    }

    /// The devices of a part by their Kubernetes names: `spark.<part>.resource.<name>.amount` with its `.vendor`, and the
    /// field `gpu`, which the operator's webhook writes over them.
    pub(crate) fn devices(&self, part: &'_ str) -> BTreeMap<String, u64> {
        let prefix = format!("spark.{part}.resource.");
        let mut devices: BTreeMap<_, _> = self
            .values
            .iter()
            .filter_map(|(key, amount)| {
                let name = key.strip_prefix(&prefix)?.strip_suffix(".amount")?;
                let vendor = self.text(&format!("{prefix}{name}.vendor"))?;
                let amount = parse_int(amount)
                    .and_then(|n| u64::try_from(n).ok())
                    .filter(|n| *n > 0)?;
                Some((format!("{vendor}/{name}"), amount))
            })
            .collect();
        if let Some((name, quantity)) = self.devices.get(part) {
            devices.insert(name.clone(), *quantity);
        }
        devices
    }

    /// The names of the devices that are requested without a vendor, each as its key; Spark refuses them on Kubernetes.
    pub(crate) fn devices_without_vendor(&self) -> impl Iterator<Item = &str> {
        self.values.iter().filter_map(|(key, amount)| {
            let resource = key.strip_suffix(".amount")?;
            let rest = resource
                .strip_prefix("spark.driver.resource.")
                .or(resource.strip_prefix("spark.executor.resource."))?;
            let asked = parse_int(amount).is_some_and(|n| n > 0) && !rest.is_empty();
            (asked && self.text(&format!("{resource}.vendor")).is_none_or(str::is_empty))
                .then_some(key.as_str())
        })
    }
}
