//! Users have the rights that RBAC gives them, and tokens are whose a webhook says.

use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::config::Kubeconfig;
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::cluster::{ControlPlane, Options, TokenWebhook, User, outcome};

fn rights(namespace: &str) -> [Value; 2] {
    let api = "rbac.authorization.k8s.io";
    let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]});
    [
        json!({"apiVersion": format!("{api}/v1"), "kind": "Role",
               "metadata": {"name": "broker", "namespace": namespace}, "rules": [rule]}),
        json!({"apiVersion": format!("{api}/v1"), "kind": "RoleBinding",
               "metadata": {"name": "broker", "namespace": namespace},
               "roleRef": {"apiGroup": api, "kind": "Role", "name": "broker"},
               "subjects": [{"apiGroup": api, "kind": "User", "name": User::Broker.name()}]}),
    ]
}

async fn list_pods(client: Client, namespace: &str) -> u16 {
    let pods: Api<Pod> = Api::namespaced(client, namespace);
    outcome(pods.list(&ListParams::default()).await).code
}

async fn client_with_token(plane: &ControlPlane, token: &str) -> Client {
    let path = plane.kubeconfig_with("some-token", token);
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    Client::try_from(
        Config::from_custom_kubeconfig(kubeconfig, &Default::default())
            .await
            .unwrap(),
    )
    .unwrap()
}

/// Says that the token `good` is the broker's.
async fn review(Json(review): Json<Value>) -> Json<Value> {
    let known = review["spec"]["token"] == "good";
    let status = json!({"authenticated": known, "user": {"username": User::Broker.name()}});
    Json(json!({"apiVersion": review["apiVersion"], "kind": "TokenReview", "status": status}))
}

#[tokio::test]
async fn a_user_may_do_what_rbac_gives_and_no_more() {
    let plane = ControlPlane::shared().await;
    let (mine, other) = (
        plane.create_namespace("mine").await,
        plane.create_namespace("other").await,
    );
    for object in rights(&mine) {
        plane.apply(&object, None).await;
    }
    assert_eq!(list_pods(plane.client(User::Broker).await, &mine).await, 200);
    assert_eq!(list_pods(plane.client(User::Broker).await, &other).await, 403);
    assert_eq!(list_pods(plane.client(User::Stranger).await, &mine).await, 403);
    assert_eq!(
        list_pods(client_with_token(plane, "unknown").await, &mine).await,
        401
    );
}

#[tokio::test]
async fn a_token_is_whose_the_webhook_says() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, Router::new().route("/", post(review))).await });

    let token_webhook = Some(TokenWebhook {
        url,
        cache: Duration::from_millis(100),
    });
    let plane = ControlPlane::start(Options {
        token_webhook,
        ..Options::default()
    })
    .await;
    let namespace = plane.create_namespace("tokens").await;
    for object in rights(&namespace) {
        plane.apply(&object, None).await;
    }
    assert_eq!(
        list_pods(client_with_token(&plane, "good").await, &namespace).await,
        200
    );
    assert_eq!(
        list_pods(client_with_token(&plane, "bad").await, &namespace).await,
        401
    );
}
