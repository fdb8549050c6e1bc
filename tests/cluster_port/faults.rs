//! What a real API server, the network and missing rights do to the Spark operator's adapter.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, NamespaceSpec};
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams};
use serde_json::json;
use spark_broker::adapters::spark_operator::Sources;
use spark_broker::error::{Class, Classify};
use spark_broker::model::InstallationId;
use spark_broker::ports::cluster::{Cluster, ClusterEvent, CreateError};

use super::plane::Plane;
use super::proxy::{Network, Proxy};
use super::real::{Real, connect, dial, dial_for, world};
use super::suite;
use super::world::{DEADLINE, PATIENCE, Watching, create, name, object};
use crate::cluster::User;

#[tokio::test]
async fn a_field_that_the_crd_does_not_know_is_refused() {
    let world = world().await;
    let mut object = object(&world, "strict", &world.installation);
    object["spec"]["driver"]["cors"] = json!(1);
    let refused = world.cluster.create(&object, DEADLINE).await;
    let Err(CreateError::Answered {
        status: 400, message, ..
    }) = refused
    else {
        panic!("{refused:?}")
    };
    assert!(
        message.contains(r#"unknown field "spec.driver.cors""#),
        "{message}"
    );
    assert_eq!(world.cluster.get(&name("strict")).await.expect("an answer"), None);
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_ambiguous() {
    let world = world().await;
    create(&world, "first").await;
    world.proxy.set(Network::NoAnswers);
    let unknown = world
        .cluster
        .create(
            &object(&world, "lost", &world.installation),
            Duration::from_secs(2),
        )
        .await;
    assert!(matches!(unknown, Err(CreateError::Ambiguous(_))), "{unknown:?}");
    world.proxy.set(Network::Open);
    assert!(
        world
            .cluster
            .get(&name("lost"))
            .await
            .expect("an answer")
            .is_some()
    );
}

#[tokio::test]
async fn a_connection_that_is_cut_under_a_create_is_ambiguous() {
    let world = world().await;
    create(&world, "first").await;
    world.proxy.set(Network::Stalled);
    let sent = object(&world, "cut", &world.installation);
    let creating = world.cluster.create(&sent, PATIENCE);
    let cutting = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.proxy.set(Network::Cut);
    };
    let (unknown, ()) = tokio::join!(creating, cutting);
    assert!(matches!(unknown, Err(CreateError::Ambiguous(_))), "{unknown:?}");
}

#[tokio::test]
async fn a_watch_that_died_silently_is_noticed() {
    let world = world().await;
    let mut watching = Watching::start(&world);
    watching.listed().await;
    world.proxy.set(Network::Stalled);
    watching.unreachable().await;
    world.proxy.set(Network::Open);
    watching.listed().await;
    watching.stop().await;
}

#[tokio::test]
async fn who_may_not_watch_is_told_so() {
    let mut world = world().await;
    let plane = Plane::shared().await;
    let strange = [
        (plane.token_file_with("nobody"), "401"),
        (plane.token_file(User::Stranger), "403"),
    ];
    for (file, code) in strange {
        let cluster = dial(
            connect(&plane, &world.proxy, file),
            &world.namespace,
            &world.installation,
        );
        world.cluster = Arc::new(cluster);
        let mut watching = Watching::start(&world);
        let reason = watching.unreachable().await;
        assert!(reason.contains(code), "{reason}");
        let refused = world
            .cluster
            .create(&object(&world, code, &world.installation), DEADLINE)
            .await;
        let Err(CreateError::Answered { status, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(status.to_string(), code);
        watching.stop().await;
    }
}

#[tokio::test]
async fn a_cluster_that_can_not_be_dialled_yet_joins_later() {
    let mut world = world().await;
    let plane = Plane::shared().await;
    let file = std::env::temp_dir().join(format!("{}.token", world.namespace));
    let cluster = dial(
        connect(&plane, &world.proxy, file.clone()),
        &world.namespace,
        &world.installation,
    );
    world.cluster = Arc::new(cluster);
    let mut watching = Watching::start(&world);
    watching.unreachable().await;
    let refused = world
        .cluster
        .create(&object(&world, "early", &world.installation), DEADLINE)
        .await;
    assert!(
        matches!(refused, Err(CreateError::NotConnected(_))),
        "{refused:?}"
    );
    std::fs::copy(plane.token_file(User::Broker), &file).expect("a token");
    watching.listed().await;
    watching.stop().await;
    std::fs::remove_file(file).expect("removed");
}

#[tokio::test]
async fn jobs_are_followed_where_nodes_may_not_be_seen() {
    let mut world = world().await;
    let plane = Plane::shared().await;
    plane
        .grant_without_capacity(&world.namespace, User::Stranger)
        .await;
    let made = create(&world, "followed").await;
    let file = plane.token_file(User::Stranger);
    let cluster = dial(
        connect(&plane, &world.proxy, file),
        &world.namespace,
        &world.installation,
    );
    world.cluster = Arc::new(cluster);
    let mut watching = Watching::start(&world);
    let (objects, _) = watching.listed().await;
    assert_eq!(objects[0].uid, made.uid);
    let nodes = |event| match event {
        ClusterEvent::Unreachable(reason) => {
            Some(reason).filter(|r| r.contains("nodes: 403") || r.contains("pods: 403"))
        }
        _ => None,
    };
    watching.until("why there is no capacity", nodes).await;
    watching.stop().await;
}

#[tokio::test]
async fn where_nodes_are_no_source_rights_in_the_namespace_suffice() {
    let mut world = world().await;
    let plane = Plane::shared().await;
    plane
        .grant_without_capacity(&world.namespace, User::Stranger)
        .await;
    let connect = connect(&plane, &world.proxy, plane.token_file(User::Stranger));
    let cluster = dial_for(connect, &world.namespace, &world.installation, Sources::default());
    world.cluster = Arc::new(cluster);
    suite::pods_are_found_by_their_submission(&world).await;
    suite::the_driver_is_followed_to_its_exit_code(&world).await;
    suite::a_cluster_stays_itself(&world).await;
}

/// Deletes the namespace. Nothing on this control plane empties it: it goes once it is `finished`.
async fn delete(namespaces: &Api<Namespace>, name: &str, finished: bool) {
    let asked = namespaces.delete(name, &DeleteParams::default()).await;
    asked.expect("it is deleted");
    if finished {
        finish(namespaces, name).await;
    }
}

async fn finish(namespaces: &Api<Namespace>, name: &str) {
    let mut going = namespaces.get(name).await.expect("it is there");
    going.spec = Some(NamespaceSpec::default());
    let how = PostParams::default();
    let finished = namespaces
        .replace_subresource("finalize", name, &how, &going)
        .await;
    finished.expect("it goes");
}

async fn make(namespaces: &Api<Namespace>, name: &str) {
    let new = Namespace {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    let made = namespaces.create(&PostParams::default(), &new).await;
    made.expect("it is made");
}

/// While Kubernetes empties it, and once it has gone: a list of what isn't there would be empty.
#[tokio::test]
async fn a_namespace_that_goes_or_is_made_anew_puts_the_cluster_out_of_sight() {
    let world = world().await;
    let (namespaces, name): (Api<Namespace>, _) = (Api::all(world.admin.clone()), &world.namespace);
    let mut watching = Watching::start(&world);
    let says = |what| {
        move |event| match event {
            ClusterEvent::Unreachable(reason) => Some(reason).filter(|reason| reason.contains(what)),
            _ => None,
        }
    };
    watching.listed().await;
    delete(&namespaces, name, false).await;
    watching.until("that it goes", says("is being deleted")).await;
    let error = world.cluster.identity().await.expect_err("it goes");
    assert!(error.to_string().contains("is being deleted"), "{error}");
    finish(&namespaces, name).await;
    watching.until("that it has gone", says("doesn't exist")).await;
    make(&namespaces, name).await;
    watching.listed().await;
    // Between two looks, once the first is over, and with all rights still there.
    tokio::time::sleep(Duration::from_secs(3)).await;
    delete(&namespaces, name, true).await;
    make(&namespaces, name).await;
    watching.until("that it is another", says("made anew")).await;
    watching.listed().await;
    watching.stop().await;
}

#[tokio::test]
async fn a_cluster_without_the_operators_crd_is_away_and_says_nothing_of_objects() {
    let plane = Plane::bare().await;
    let proxy = Proxy::to(plane.address()).await;
    let token = plane.token_file(User::Broker);
    let installation = InstallationId::random();
    let cluster = Arc::new(dial(connect(&plane, &proxy, token), "default", &installation));
    plane.grant("default", User::Broker).await;
    let admin = plane.admin().await;
    let (namespace, made) = ("default".to_owned(), name("x"));
    let world = Real {
        cluster,
        installation,
        namespace,
        admin,
        proxy,
    };
    let mut watching = Watching::start(&world);
    let reason = watching.unreachable().await;
    assert!(reason.contains("404"), "{reason}");
    let error = world
        .cluster
        .get(&made)
        .await
        .expect_err("a 404 that isn't the object's");
    assert!(matches!(error.class(), Class::Transient { .. }), "{error}");
    let refused = world
        .cluster
        .create(&object(&world, "x", &world.installation), DEADLINE)
        .await;
    assert!(
        matches!(refused, Err(CreateError::Answered { status: 404, .. })),
        "{refused:?}"
    );
    watching.stop().await;
}
