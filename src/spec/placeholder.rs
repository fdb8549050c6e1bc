//! Placeholders in values, such as `{spark-broker:submission-id}`.

const OPEN: &str = "{spark-broker:";

/// The names that placeholders may have. They are expanded when an attempt's object is made.
pub(crate) const PLACEHOLDERS: &[&str] = &["submission-id", "queue", "attempt", "cluster"];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_that_do_not_exist_are_found() {
        assert_eq!(
            unknown("{spark-broker:sub}{spark-broker:queue}").collect::<Vec<_>>(),
            ["sub"]
        );
        assert_eq!(unknown("{spark-broker:").collect::<Vec<_>>(), [""]);
        assert_eq!(unknown("plain {x}").count(), 0);
    }
}
