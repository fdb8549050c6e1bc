//! No JSON, however odd, makes any step of a spec panic.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

use super::schema::{APPLICATION, BROKER};
use super::*;

/// Names within driver, executor and `sparkConf`, and those that pods and messages have.
const NAMES: &[&str] = &[
    "memory",
    "cores",
    "instances",
    "coreRequest",
    "gpu",
    "name",
    "quantity",
    "template",
    "metadata",
    "spec",
    "containers",
    "initContainers",
    "sidecars",
    "resources",
    "limits",
    "env",
    "affinity",
    "labels",
    "spark.executor.memory",
    "spark.driver.memoryOverheadFactor",
    "spark.memory.offHeap.size",
    "spark.executor.resource.x.amount",
    "spark.dynamicAllocation.enabled",
    "on",
];

fn name() -> impl Strategy<Value = String> {
    let fields: Vec<&str> = APPLICATION.iter().chain(BROKER).map(|field| field.name).collect();
    prop_oneof![
        "[a-zA-Z./-]{0,8}",
        select(fields).prop_map(str::to_owned),
        select(NAMES).prop_map(str::to_owned),
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        ".{0,12}",
        "[0-9.eE+-]{0,30}[a-zA-Z]{0,2}",
        Just("true".to_owned()),
        Just("{spark-broker:".to_owned()),
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ]
}

fn any_spec() -> impl Strategy<Value = Map<String, Value>> {
    let value = leaf().prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name(), inner), 0..6)
                .prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    });
    proptest::collection::vec((name(), value), 0..8).prop_map(Map::from_iter)
}

proptest! {
    #[test]
    fn no_spec_makes_any_step_panic(user in any_spec(), layer in any_spec()) {
        let mut effective = merge([&layer, &user, &layer]);
        fill_image(&mut effective, &Map::new(), &[]);
        for spec in [&user, &effective] {
            let _ = (check(spec), missing(spec), has_image(spec), most_executors(spec));
            let _ = (demand(spec).total(), JobSpec::of(spec));
        }
        let marks = ObjectMarks {
            name: "n".into(),
            namespace: "s".into(),
            labels: Default::default(),
            annotations: Default::default(),
        };
        let mut object = object(&effective, &marks, Some(60));
        expand(&mut object, &[("queue", "dev")]);
    }
}
