//! Layers of partial specs, merged by JSON merge patch (RFC 7386): a list replaces, `null` removes.

use serde_json::{Map, Value};

/// The partial specs around the user's, weakest first. Defaults yield to the user, overrides win over them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layers<'a> {
    /// `defaults` of the configuration.
    pub global_defaults: Option<&'a Map<String, Value>>,
    /// Defaults of the Spark version.
    pub version_defaults: Option<&'a Map<String, Value>>,
    /// `defaults` of the chosen cluster; absent until one is chosen.
    pub cluster_defaults: Option<&'a Map<String, Value>>,
    /// `defaults` of the job queue.
    pub queue_defaults: Option<&'a Map<String, Value>>,
    /// `overrides` of the configuration.
    pub global_overrides: Option<&'a Map<String, Value>>,
    /// `overrides` of the job queue.
    pub queue_overrides: Option<&'a Map<String, Value>>,
    /// `overrides` of the chosen cluster; absent until one is chosen.
    pub cluster_overrides: Option<&'a Map<String, Value>>,
}

impl Layers<'_> {
    /// The user's spec between its layers. What `null` removed is absent.
    pub fn merge(&self, user: &Map<String, Value>) -> Map<String, Value> {
        let layers = [
            self.global_defaults,
            self.version_defaults,
            self.cluster_defaults,
            self.queue_defaults,
            Some(user),
            self.global_overrides,
            self.queue_overrides,
            self.cluster_overrides,
        ];
        let mut merged = Map::new();
        for layer in layers.into_iter().flatten() {
            patch(&mut merged, layer);
        }
        merged
    }
}

/// Applies `layer` to `target` as a merge patch.
pub fn patch(target: &mut Map<String, Value>, layer: &Map<String, Value>) {
    for (key, value) in layer {
        match value {
            Value::Null => drop(target.shift_remove(key)),
            Value::Object(layer) => {
                let mut inner = match target.shift_remove(key) {
                    Some(Value::Object(inner)) => inner,
                    _ => Map::new(),
                };
                patch(&mut inner, layer);
                target.insert(key.clone(), Value::Object(inner));
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn overrides_win_over_the_user_and_defaults_yield() {
        let layer = |name: &str| map(json!({"image": name, "sparkConf": {name: "1", "all": name}}));
        let [global, version, cluster, queue, user] = ["global", "version", "cluster", "queue", "user"].map(layer);
        let [queue_wins, cluster_wins] = ["queue-wins", "cluster-wins"].map(layer);
        let mut layers = Layers {
            global_defaults: Some(&global),
            version_defaults: Some(&version),
            cluster_defaults: Some(&cluster),
            queue_defaults: Some(&queue),
            ..Layers::default()
        };
        assert_eq!(layers.merge(&Map::new())["image"], "queue");
        let merged = layers.merge(&user);
        assert_eq!((&merged["image"], &merged["sparkConf"]["all"]), (&json!("user"), &json!("user")));
        assert_eq!(merged["sparkConf"].as_object().unwrap().len(), 6);
        layers.queue_overrides = Some(&queue_wins);
        assert_eq!(layers.merge(&user)["image"], "queue-wins");
        layers.cluster_overrides = Some(&cluster_wins);
        assert_eq!(layers.merge(&user)["image"], "cluster-wins");
    }

    #[test]
    fn null_removes_and_a_list_replaces() {
        let defaults = map(json!({"arguments": ["a", "b"], "driver": {"cores": 2, "memory": "2g"}, "nodeSelector": {"a": "b"}}));
        let user = map(json!({"arguments": ["c"], "driver": {"cores": null}, "nodeSelector": null, "deps": {"jars": null}}));
        let layers = Layers { global_defaults: Some(&defaults), ..Layers::default() };
        assert_eq!(Value::Object(layers.merge(&user)), json!({"arguments": ["c"], "driver": {"memory": "2g"}, "deps": {}}));
    }
}
