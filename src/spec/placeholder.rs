//! Placeholders in values, such as `{spark-broker:submission-id}`.

use serde_json::Value;

const OPEN: &str = "{spark-broker:";

/// The names that placeholders may have. `attempt`, `cluster` and `namespace` are known once a cluster is chosen.
pub const PLACEHOLDERS: &[&str] = &["submission-id", "queue", "attempt", "cluster", "namespace"];

/// Whether `text` has a placeholder.
pub(crate) fn has(text: &str) -> bool {
    text.contains(OPEN)
}

/// The names of the placeholders of `text` that don't exist.
pub(crate) fn unknown(text: &str) -> impl Iterator<Item = &str> {
    text.split(OPEN).skip(1).filter_map(|rest| {
        let name = rest.split('}').next().unwrap_or(rest);
        (!PLACEHOLDERS.contains(&name)).then_some(name)
    })
}

/// Replaces, in every text within `value`, the placeholders that `known` names; others stay.
pub fn expand(value: &mut Value, known: &[(&str, &str)]) {
    match value {
        Value::String(text) if has(text) => {
            for (name, with) in known {
                *text = text.replace(&format!("{OPEN}{name}}}"), with);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| expand(item, known)),
        Value::Object(map) => map.values_mut().for_each(|value| expand(value, known)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn placeholders_are_expanded_wherever_a_text_stands() {
        let mut value = json!({"a": ["x-{spark-broker:submission-id}-y", 1], "b": {"c": "{spark-broker:cluster}"}});
        expand(&mut value, &[("submission-id", "job-1")]);
        assert_eq!(value, json!({"a": ["x-job-1-y", 1], "b": {"c": "{spark-broker:cluster}"}}));
        assert_eq!(unknown("{spark-broker:sub}{spark-broker:queue}").collect::<Vec<_>>(), ["sub"]);
    }
}
