//! Objects as YAML and JSON documents write them, applied to an API server.

use kube::api::{DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::core::discovery::Scope;
use kube::{Api, discovery};
use serde_json::Value;

use super::control_plane::ControlPlane;
use super::objects::typed;

impl ControlPlane {
    /// Applies an object of any kind, server-side, by the tests' own user; `namespace` is for those that name none.
    ///
    /// # Panics
    ///
    /// If the API server refuses it.
    pub async fn apply(&self, object: &Value, namespace: Option<&str>) {
        self.apply_with(object, namespace, &PatchParams::apply("tests").force())
            .await;
    }

    /// Lets the API server judge an object as strictly as it can, without making it: what it would have made.
    ///
    /// # Panics
    ///
    /// If the API server refuses it.
    pub async fn dry_run(&self, object: &Value, namespace: Option<&str>) -> DynamicObject {
        let strictly = PatchParams::apply("tests").dry_run().validation_strict();
        self.apply_with(object, namespace, &strictly).await
    }

    async fn apply_with(&self, object: &Value, namespace: Option<&str>, how: &PatchParams) -> DynamicObject {
        let client = self.admin().await;
        let mut object: DynamicObject = typed(object.clone());
        let types = object.types.as_ref().expect("an object names its kind");
        let kind = GroupVersionKind::try_from(types).expect("an apiVersion is a group and a version");
        let found = discovery::pinned_kind(&client, &kind).await;
        let (resource, capabilities) = found.unwrap_or_else(|error| panic!("{kind:?} isn't served: {error}"));
        // Charts write a namespace on cluster-wide objects too.
        let own = object.metadata.namespace.take();
        let api: Api<DynamicObject> = match capabilities.scope {
            Scope::Cluster => Api::all_with(client, &resource),
            Scope::Namespaced => {
                let namespace = own.as_deref().or(namespace).unwrap_or("default");
                Api::namespaced_with(client, namespace, &resource)
            }
        };
        let name = object
            .metadata
            .name
            .as_deref()
            .expect("an applied object has a name");
        let applied = api.patch(name, how, &Patch::Apply(&object)).await;
        applied.unwrap_or_else(|error| panic!("{} {name} is refused: {error}", kind.kind))
    }

    /// Applies every document of a YAML text, in its order.
    pub async fn apply_yaml(&self, text: &str, namespace: Option<&str>) {
        for object in documents(text) {
            self.apply(&object, namespace).await;
        }
    }
}

/// The documents of a YAML text that aren't empty.
pub fn documents(text: &str) -> Vec<Value> {
    let all: Vec<Value> =
        serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("bad YAML: {error}"));
    all.into_iter().filter(|document| !document.is_null()).collect()
}
