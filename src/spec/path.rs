//! Places in a job spec: `driver.memory`, `volumes[0].name`, `sparkConf.spark.driver.memory`.

use serde_json::{Map, Value};

use crate::error::shorten;

/// The longest key that a place spells out, and the longest place; a record must be able to hold many of them.
const KEY_MAX: usize = 100;
const PLACE_MAX: usize = 400;

/// The place of `key` in the object at `at`.
pub(crate) fn key(at: &str, key: &str) -> String {
    let key = shorten(key, KEY_MAX);
    if at.is_empty() {
        key
    } else {
        shorten(&format!("{at}.{key}"), PLACE_MAX)
    }
}

/// The place of the item with `index` in the list at `at`.
pub(crate) fn item(at: &str, index: usize) -> String {
    format!("{at}[{index}]")
}

/// The value at a dotted path of plain names.
pub fn at<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = object.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}
