//! What a spec leaves to the broker: the application's type, and the image for that type and Spark version.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One entry of the configuration's `images`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageRule {
    /// The Spark version, compared exactly.
    pub spark_version: String,
    /// The types it serves: of Java, Scala, Python, R. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// The image.
    pub image: String,
}

/// The application's type: what the spec says, else Java where it has a `mainClass`, else Python (as Apple's gateway did).
pub fn application_type(spec: &Map<String, Value>) -> &str {
    match spec.get("type").and_then(Value::as_str) {
        Some(named) => named,
        None if spec.get("mainClass").is_some_and(|class| !class.is_null()) => "Java",
        None => "Python",
    }
}

/// Writes the type, and the first image that serves it, into a spec that names none.
pub fn fill(spec: &mut Map<String, Value>, images: &[ImageRule]) {
    let kind = application_type(spec).to_owned();
    let version = spec.get("sparkVersion").and_then(Value::as_str);
    let rule = images.iter().find(|rule| {
        Some(rule.spark_version.as_str()) == version && (rule.types.is_empty() || rule.types.contains(&kind))
    });
    if let Some(rule) = rule.filter(|_| !spec.contains_key("image")) {
        spec.insert("image".into(), rule.image.clone().into());
    }
    spec.insert("type".into(), kind.into());
}

/// Whether driver and executors have an image from a field or from `sparkConf`.
pub(crate) fn has_image(spec: &Map<String, Value>) -> bool {
    let field = |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|image| !image.is_empty());
    let conf = |key: &str| field(spec.get("sparkConf").and_then(|conf| conf.get(key)));
    let own = |part: &str| {
        field(spec.get(part).and_then(|part| part.get("image")))
            || conf(&format!("spark.kubernetes.{part}.container.image"))
    };
    field(spec.get("image")) || conf("spark.kubernetes.container.image") || (own("driver") && own("executor"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_image_follows_type_and_version() {
        let rule = |version: &str, types: &[&str], image: &str| ImageRule {
            spark_version: version.into(),
            types: types.iter().map(|t| (*t).to_owned()).collect(),
            image: image.into(),
        };
        let images = [rule("3.5.0", &["Java", "Scala"], "jvm"), rule("3.5.0", &["Python"], "py"), rule("4.0.0", &[], "four")];
        for (spec, kind, image) in [
            (json!({"sparkVersion": "3.5.0", "mainClass": "A"}), "Java", json!("jvm")),
            (json!({"sparkVersion": "3.5.0"}), "Python", json!("py")),
            (json!({"sparkVersion": "3.5.0", "type": "R"}), "R", Value::Null),
            (json!({"sparkVersion": "4.0.0", "type": "R"}), "R", json!("four")),
            (json!({"sparkVersion": "3.5.0", "image": "own"}), "Python", json!("own")),
        ] {
            let mut map = spec.as_object().cloned().unwrap();
            fill(&mut map, &images);
            assert_eq!((&map["type"], map.get("image").unwrap_or(&Value::Null)), (&json!(kind), &image), "{spec}");
        }
    }
}
