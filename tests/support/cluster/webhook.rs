//! The operator's admission webhook, served on this machine and called by the API server.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::control_plane::ControlPlane;
use super::operator::NAMESPACE;
use super::ports::free_ports;

const SECRET: &str = "spark-operator-webhook-certs";

/// How the webhook is run.
#[derive(Debug, Clone)]
pub struct WebhookOptions {
    /// Refuse applications for which the namespace's resource quotas have no room.
    pub quotas: bool,
    port: u16,
}

impl WebhookOptions {
    /// On a free port; `quotas`: refuse applications for which the namespace's resource quotas have no room.
    pub fn new(quotas: bool) -> Self {
        let [port] = free_ports();
        Self { quotas, port }
    }
}

/// The arguments of `webhook start`; the certificate that they name is stored first.
///
/// The certificate is the API server's own: it names 127.0.0.1, and its key has the form that the operator reads
/// (RSA, PKCS#1).
pub async fn arguments(plane: &ControlPlane, options: &WebhookOptions) -> Vec<String> {
    let key =
        fs::read_to_string(plane.folder().join("certs/apiserver.key")).expect("the API server has a key");
    let data = json!({"ca.crt": plane.certificate(), "tls.crt": plane.certificate(), "tls.key": key});
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": data});
    plane.apply(&secret, Some(NAMESPACE)).await;
    vec![
        "--enable-cert-manager=true".to_owned(),
        format!("--webhook-cert-dir={}", plane.folder().join("webhook").display()),
        format!("--webhook-port={}", options.port),
        format!("--webhook-secret-name={SECRET}"),
        format!("--enable-resource-quota-enforcement={}", options.quotas),
    ]
}

/// Registers the webhooks of the operator's own `chart`, at this machine's address instead of a service's.
pub async fn register(plane: &ControlPlane, chart: &[Value], options: &WebhookOptions) {
    let is_registration = |object: &&Value| {
        object["kind"]
            .as_str()
            .is_some_and(|kind| kind.ends_with("WebhookConfiguration"))
    };
    for object in chart.iter().filter(is_registration) {
        let mut object = object.clone();
        for webhook in object["webhooks"].as_array_mut().into_iter().flatten() {
            let path = webhook["clientConfig"]["service"]["path"]
                .as_str()
                .unwrap_or_default();
            let url = format!("https://127.0.0.1:{}{path}", options.port);
            webhook["clientConfig"] = json!({"url": url, "caBundle": STANDARD.encode(plane.certificate())});
        }
        plane.apply(&object, None).await;
    }
}
