//! Places in a job spec: `driver.memory`, `volumes[0].name`, `sparkConf["spark.driver.memory"]`.

/// The place of `key` in the object at `at`.
pub(crate) fn key(at: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (at.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{at}.{key}"),
        (_, false) => format!("{at}[{}]", serde_json::Value::from(crate::error::shorten(key, 100))),
    }
}

/// The place of the item with `index` in the list at `at`.
pub(crate) fn item(at: &str, index: usize) -> String {
    format!("{at}[{index}]")
}
