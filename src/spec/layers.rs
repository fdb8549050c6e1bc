//! The effective spec: overrides over the user's request over defaults, by JSON merge patch (RFC 7386).

use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// An image for a Spark version and application types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The Spark version, by exact match.
    pub spark_version: String,
    /// The types that it runs.
    pub types: Vec<String>,
    /// The image.
    pub image: String,
}

/// Merges `layers`, each over those before it: objects by key, a list or scalar replaces, `null` removes.
pub fn merge<'a>(layers: impl IntoIterator<Item = &'a Object>) -> Object {
    let mut merged = Object::new();
    for layer in layers {
        patch(&mut merged, layer);
    }
    merged
}

fn patch(target: &mut Object, layer: &Object) {
    for (key, value) in layer {
        match (value, target.get_mut(key)) {
            (Value::Null, _) => drop(target.remove(key)),
            (Value::Object(inner), Some(Value::Object(existing))) => patch(existing, inner),
            (Value::Object(inner), _) => {
                let mut fresh = Object::new();
                patch(&mut fresh, inner);
                target.insert(key.clone(), Value::Object(fresh));
            }
            (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_), _) => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The type of the application: as given, else Java where there is a main class and Python where there is none (as
/// Apple's gateway has it).
pub fn application_type(spec: &Object) -> &str {
    match spec.get("type").and_then(Value::as_str) {
        Some(given) => given,
        None if spec.get("mainClass").is_some_and(|class| !class.is_null()) => "Java",
        None => "Python",
    }
}

/// Fills in the image by type and version, where `nearer`, the layers above those defaults that hold for every spec,
/// has none.
pub fn fill_image(spec: &mut Object, nearer: &Object, images: &[Image]) {
    let named = |part: &str| {
        spec.get(part)
            .and_then(|p| p.get("image"))
            .is_some_and(|image| !image.is_null())
    };
    let has_image = nearer.contains_key("image") || (named("driver") && named("executor"));
    let version = spec.get("sparkVersion").and_then(Value::as_str);
    let kind = application_type(spec);
    let fits = |image: &&Image| {
        Some(image.spark_version.as_str()) == version && image.types.iter().any(|t| t == kind)
    };
    if let Some(image) = images.iter().find(fits).filter(|_| !has_image) {
        spec.insert("image".into(), image.image.clone().into());
    }
}

/// Replaces placeholders such as `{spark-broker:submission-id}` in every text of `value`.
pub fn expand(value: &mut Value, placeholders: &[(&str, &str)]) {
    match value {
        Value::String(text) => {
            for (name, replacement) in placeholders {
                let placeholder = format!("{{spark-broker:{name}}}");
                if text.contains(&placeholder) {
                    *text = text.replace(&placeholder, replacement);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| expand(item, placeholders)),
        Value::Object(map) => map.values_mut().for_each(|item| expand(item, placeholders)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn overrides_win_over_the_user_and_defaults_yield() {
        let defaults =
            object(json!({"sparkConf": {"a": "default", "b": "default"}, "arguments": ["x"], "image": "i"}));
        let user = object(json!({"sparkConf": {"a": "user", "c": "user"}, "arguments": [], "image": null}));
        let overrides = object(json!({"sparkConf": {"c": "override"}}));
        let merged = merge([&defaults, &user, &overrides]);
        let expected = json!({"sparkConf": {"a": "user", "b": "default", "c": "override"}, "arguments": []});
        assert_eq!(Value::Object(merged), expected);
    }

    #[test]
    fn an_image_is_found_by_type_and_version_unless_the_spec_has_one() {
        let image = |types: &[&str], image: &str| Image {
            spark_version: "3.5.0".into(),
            types: types.iter().map(|t| (*t).to_owned()).collect(),
            image: image.into(),
        };
        let images = [image(&["Python"], "py"), image(&["Java", "Scala"], "jvm")];
        let filled = |value: Value| {
            let user = object(value);
            let mut spec = merge([&object(json!({"image": "of every spec"})), &user]);
            fill_image(&mut spec, &user, &images);
            spec.get("image").and_then(Value::as_str).map(str::to_owned)
        };
        assert_eq!(
            filled(json!({"sparkVersion": "3.5.0", "mainClass": "A"})).as_deref(),
            Some("jvm")
        );
        assert_eq!(filled(json!({"sparkVersion": "3.5.0"})).as_deref(), Some("py"));
        assert_eq!(
            filled(json!({"sparkVersion": "3.5.0", "image": "own"})).as_deref(),
            Some("own")
        );
        assert_eq!(
            filled(json!({"sparkVersion": "3.4.0"})).as_deref(),
            Some("of every spec")
        );
    }

    #[test]
    fn placeholders_are_expanded_in_values() {
        let mut value = json!({"arguments": ["--run={spark-broker:submission-id}"], "x": 1});
        expand(&mut value, &[("submission-id", "job-1")]);
        assert_eq!(value, json!({"arguments": ["--run=job-1"], "x": 1}));
    }
}
