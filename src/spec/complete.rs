//! What an effective spec, every layer merged, must have.

use serde_json::{Map, Value};

use super::field::{Field, Kind};
use super::merged::SparkConf;
use super::path;
use super::schema::APPLICATION;
use crate::error::Violation;

type Object = Map<String, Value>;

/// What the effective spec lacks, and what of it contradicts itself. An image is asked for elsewhere: see [`has_image`].
pub fn missing(effective: &Object) -> Vec<Violation> {
    let mut faults = Vec::new();
    required(effective, APPLICATION, "", &mut faults);
    devices(effective, &mut faults);
    bounds(effective, &mut faults);
    faults
}

/// Objects in lists were checked as the user sent them: no layer merges those.
fn required(object: &Object, fields: &[Field], at: &str, faults: &mut Vec<Violation>) {
    for field in fields {
        let place = path::key(at, field.name);
        match (object.get(field.name), field.kind) {
            (None | Some(Value::Null), _) if field.required => {
                let expected = hint(&place);
                faults.push(Violation::new(place, "nothing", expected));
            }
            (Some(Value::Object(inner)), Kind::Object(fields)) => required(inner, fields, &place, faults),
            (Some(Value::Object(map)), Kind::ObjectMap(fields)) => {
                for (key, inner) in map
                    .iter()
                    .filter_map(|(key, value)| Some((key, value.as_object()?)))
                {
                    required(inner, fields, &path::key(&place, key), faults);
                }
            }
            (_, _) => {}
        }
    }
}

fn hint(place: &str) -> &'static str {
    match place {
        "mainApplicationFile" => "where the application is, such as `local:///opt/app.jar`",
        "sparkVersion" => "such as `3.5.0`",
        _ => "a value: it is required there",
    }
}

fn devices(spec: &Object, faults: &mut Vec<Violation>) {
    let conf = SparkConf::of(spec);
    for key in conf.devices_without_vendor() {
        let vendor = key.replace(".amount", ".vendor");
        let expected =
            format!("`{vendor}` beside it, such as nvidia.com: Spark refuses a device without a vendor");
        faults.push(Violation::new(path::key("sparkConf", key), "no vendor", expected));
    }
    if conf.bool("spark.memory.offHeap.enabled")
        && conf.bytes("spark.memory.offHeap.size").is_none_or(|b| b.0 == 0)
    {
        let place = path::key("sparkConf", "spark.memory.offHeap.size");
        faults.push(Violation::new(
            place,
            "nothing, or 0",
            "a size above 0: off-heap memory is enabled",
        ));
    }
}

fn bounds(spec: &Object, faults: &mut Vec<Violation>) {
    let conf = SparkConf::of(spec);
    let bound = |key: &str| conf.int(&format!("spark.dynamicAllocation.{key}"));
    if let (true, Some(least), Some(most)) = (
        conf.bool("spark.dynamicAllocation.enabled"),
        bound("minExecutors"),
        bound("maxExecutors"),
    ) && least > most
    {
        let expected = format!("at least minExecutors, {least}");
        faults.push(Violation::new("dynamicAllocation.maxExecutors", most, expected));
    }
}

/// Whether driver and executors have an image, from a field or from `sparkConf`.
pub fn has_image(spec: &Object) -> bool {
    let field = |value: Option<&Value>| {
        value
            .and_then(Value::as_str)
            .is_some_and(|image| !image.is_empty())
    };
    let conf = |key: &str| field(spec.get("sparkConf").and_then(|conf| conf.get(key)));
    let own = |part: &str| {
        field(spec.get(part).and_then(|part| part.get("image")))
            || conf(&format!("spark.kubernetes.{part}.container.image"))
    };
    field(spec.get("image")) || conf("spark.kubernetes.container.image") || (own("driver") && own("executor"))
}
