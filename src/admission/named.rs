//! Images and service accounts, wherever a spec can name them.

use serde_json::{Map, Value};

use crate::spec::at;

type Object = Map<String, Value>;
/// A place in the spec and the name that stands there.
type Named = (String, String);

/// Every image that the spec names.
pub fn images(spec: &Object) -> Vec<Named> {
    let mut named = fields(spec, &["image", "driver.image", "executor.image"]);
    named.extend(conf(
        spec,
        &[
            "spark.kubernetes.container.image",
            "spark.kubernetes.driver.container.image",
            "spark.kubernetes.executor.container.image",
        ],
    ));
    for part in ["driver", "executor"] {
        for list in [
            "sidecars",
            "initContainers",
            "template.spec.containers",
            "template.spec.initContainers",
        ] {
            let place = format!("{part}.{list}");
            let containers = at(spec, &place).and_then(Value::as_array).into_iter().flatten();
            named.extend(containers.enumerate().filter_map(|(index, container)| {
                let image = container.get("image")?.as_str()?;
                Some((format!("{place}[{index}].image"), image.to_owned()))
            }));
        }
    }
    named
}

/// Every service account that the spec names.
pub fn service_accounts(spec: &Object) -> Vec<Named> {
    let mut named = fields(spec, &["driver.serviceAccount", "executor.serviceAccount"]);
    named.extend(conf(
        spec,
        &[
            "spark.kubernetes.authenticate.driver.serviceAccountName",
            "spark.kubernetes.authenticate.executor.serviceAccountName",
        ],
    ));
    for part in ["driver", "executor"] {
        let spec_of_pod =
            ["serviceAccountName", "serviceAccount"].map(|name| format!("{part}.template.spec.{name}"));
        named.extend(fields(spec, &spec_of_pod.each_ref().map(String::as_str)));
    }
    named
}

fn fields(spec: &Object, paths: &[&str]) -> Vec<Named> {
    let named = |path: &&str| Some(((*path).to_owned(), at(spec, path)?.as_str()?.to_owned()));
    paths.iter().filter_map(named).collect()
}

fn conf(spec: &Object, keys: &[&str]) -> Vec<Named> {
    let named = |key: &&str| {
        let name = spec.get("sparkConf")?.get(*key)?.as_str()?;
        Some((format!("sparkConf.{key}"), name.to_owned()))
    };
    keys.iter().filter_map(named).collect()
}
