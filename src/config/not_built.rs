//! What the design names and this version doesn't do yet: refused by name rather than accepted and ignored.

use serde_json::Value;

use super::faults::Checks;

/// A place, the value that is refused there (`None`: any), and what to write instead.
const NOT_BUILT: [(&str, Option<&str>, &str); 2] = [
    ("api.auth.oidc", None, "none, or {tokenFile}"),
    (
        "aws.endpoints.sts",
        None,
        "no such key; AWS_ENDPOINT_URL_STS in the environment works",
    ),
];

/// Tells of everything that isn't built, and takes it out of `document`.
pub(super) fn refuse(document: &mut Value, checks: &mut Checks) {
    for (place, word, instead) in NOT_BUILT {
        let steps: Vec<&str> = place
            .split_inclusive("[]")
            .flat_map(|part| part.split('.'))
            .collect();
        let steps: Vec<&str> = steps.into_iter().filter(|s| !s.is_empty()).collect();
        visit(document, &steps, String::new(), &mut |path, found| {
            if word.is_some_and(|word| found.as_str() != Some(word)) {
                return false;
            }
            let found = word.unwrap_or("a setting");
            checks.fault(path, format!("{found}, which isn't built yet"), instead);
            true
        });
    }
}

/// Calls `refused` on every value at `steps`; those that it refuses are removed. Returns whether `value` is to go.
fn visit(
    value: &mut Value,
    steps: &[&str],
    path: String,
    refused: &mut impl FnMut(&str, &Value) -> bool,
) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return refused(&path, value);
    };
    let key = step.trim_end_matches("[]");
    let Some(object) = value.as_object_mut() else {
        return false;
    };
    let at = if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    };
    let Some(inner) = object.get_mut(key) else {
        return false;
    };
    if step.ends_with("[]") {
        if let Some(items) = inner.as_array_mut() {
            let mut n = 0;
            items.retain_mut(|item| {
                let gone = visit(item, rest, format!("{at}[{n}]"), refused);
                n += 1;
                !gone
            });
        }
    } else if visit(inner, rest, at, refused) {
        object.remove(key);
    }
    false
}
