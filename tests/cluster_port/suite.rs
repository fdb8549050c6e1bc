//! What every cluster does.

use serde_json::json;
use spark_broker::error::{Class, Classify};
use spark_broker::model::InstallationId;
use spark_broker::ports::cluster::{CapacityView, ClusterEvent, CreateError, Deleted, NodeView};
use spark_broker::watch::{DriverPhase, marks};

use super::world::{DEADLINE, Watching, World, create, name, object};

pub async fn a_name_is_created_once(world: &dyn World) {
    let made = create(world, "Once.1").await;
    assert_eq!(made.name, name("Once.1"));
    assert_eq!(made.owner.installation.as_ref(), Some(&world.installation()));
    assert_eq!(made.submission_id.as_ref().map(|id| id.as_str()), Some("Once.1"));
    assert_eq!(made.raw, "");
    let again = object(world, "Once.1", &world.installation());
    let refused = world.cluster().create(&again, DEADLINE).await;
    let Err(CreateError::Answered { status, reason, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((status, reason.as_str()), (409, "AlreadyExists"));
    let found = world
        .cluster()
        .get(&made.name)
        .await
        .expect("an answer")
        .expect("the object");
    assert_eq!(found.uid, made.uid);
}

pub async fn what_does_not_exist_is_absent(world: &dyn World) {
    let made = create(world, "absent").await;
    let cluster = world.cluster();
    assert_eq!(cluster.get("sb-never-a1").await.expect("an answer"), None);
    assert_eq!(
        cluster.delete("sb-never-a1", &made.uid).await.expect("an answer"),
        Deleted::Absent
    );
    assert_eq!(
        cluster
            .delete_pod("sb-never-a1-driver", &made.uid)
            .await
            .expect("an answer"),
        Deleted::Absent
    );
    assert_eq!(
        cluster
            .pods(&"never".parse().expect("an ID"))
            .await
            .expect("an answer"),
        []
    );
}

pub async fn only_the_uid_that_was_meant_is_deleted(world: &dyn World) {
    let cluster = world.cluster();
    let made = create(world, "uid").await;
    let other = "0b5c8d3e-0000-4000-8000-000000000000".parse().expect("a UID");
    assert_eq!(
        cluster.delete(&made.name, &other).await.expect("an answer"),
        Deleted::Absent
    );
    assert!(cluster.get(&made.name).await.expect("an answer").is_some());
    assert_eq!(
        cluster.delete(&made.name, &made.uid).await.expect("an answer"),
        Deleted::Done
    );
    assert_eq!(cluster.get(&made.name).await.expect("an answer"), None);
    assert_eq!(
        cluster.delete(&made.name, &made.uid).await.expect("an answer"),
        Deleted::Absent
    );
}

pub async fn only_the_suspended_object_that_was_meant_is_released(world: &dyn World) {
    let cluster = world.cluster();
    let mut held = object(world, "held", &world.installation());
    held["spec"]["suspend"] = json!(true);
    held["metadata"]["annotations"][marks::COMMIT] = json!(marks::TWO_PHASE);
    let made = cluster.create(&held, DEADLINE).await.expect("created");
    assert!(made.suspended && made.two_phase);
    let suspended = async || {
        let found = cluster.get(&made.name).await.expect("an answer");
        found.expect("the object").suspended
    };
    let other = "0b5c8d3e-0000-4000-8000-000000000000".parse().expect("a UID");
    cluster.release(&made.name, &other).await.expect("an answer");
    assert!(suspended().await, "another UID was meant");
    for _ in 0..2 {
        cluster.release(&made.name, &made.uid).await.expect("an answer");
        assert!(!suspended().await);
    }
    cluster.delete(&made.name, &made.uid).await.expect("deleted");
    cluster.release(&made.name, &made.uid).await.expect("an answer");
}

pub async fn a_watch_begins_with_a_list_and_tells_what_follows(world: &dyn World) {
    let before = create(world, "before").await;
    let foreign = object(world, "foreign", &InstallationId::random());
    world.cluster().create(&foreign, DEADLINE).await.expect("created");
    let mut watching = Watching::start(world);
    let first = watching.until("an event", Some).await;
    let ClusterEvent::Listed { objects, .. } = first else {
        panic!("{first:?}")
    };
    assert_eq!(objects.iter().map(|o| &o.uid).collect::<Vec<_>>(), [&before.uid]);

    let made = create(world, "after").await;
    let seen = watching
        .until("the object", |event| match event {
            ClusterEvent::Object(object) if object.name == made.name => Some(object),
            _ => None,
        })
        .await;
    assert_eq!((&seen.uid, &seen.submission_id), (&made.uid, &made.submission_id));
    world
        .cluster()
        .delete(&before.name, &before.uid)
        .await
        .expect("deleted");
    let gone = watching
        .until("the end of an object", |event| match event {
            ClusterEvent::ObjectGone(object) => Some(object),
            _ => None,
        })
        .await;
    assert_eq!(gone.uid, before.uid);
    watching.stop().await;
}

pub async fn the_driver_is_followed_to_its_exit_code(world: &dyn World) {
    let mut watching = Watching::start(world);
    watching.listed().await;
    let made = create(world, "driver").await;
    world.run(&made).await;
    let running = watching
        .driver("a running driver", |d| {
            matches!(d.phase, DriverPhase::Running { .. })
        })
        .await;
    assert_eq!(running.object_name.as_ref(), Some(&made.name));
    assert_eq!(running.owner, made.owner);
    world.fail(&made).await;
    let ended = watching
        .driver("an ended driver", |d| matches!(d.phase, DriverPhase::Ended(_)))
        .await;
    let DriverPhase::Ended(end) = ended.phase else {
        panic!("{:?}", ended.phase)
    };
    assert_eq!((end.exit_code, end.success), (Some(3), false));
    assert!(end.started_at.is_some() && end.finished_at >= end.started_at);
    let object = world
        .cluster()
        .get(&made.name)
        .await
        .expect("an answer")
        .expect("the object");
    assert_eq!(object.raw, "FAILED");
    assert!(object.error_message.is_some_and(|m| m.contains("ExitCode: 3")));
    assert!(object.terminated_at.is_some());
    watching.stop().await;
}

pub async fn pods_are_found_by_their_submission(world: &dyn World) {
    let cluster = world.cluster();
    let made = create(world, "Pods:1").await;
    create(world, "other").await;
    let id = "Pods:1".parse().expect("an ID");
    world.run(&made).await;
    let pods = cluster.pods(&id).await.expect("an answer");
    let drivers: Vec<_> = pods.iter().filter(|pod| pod.driver.is_some()).collect();
    let [driver] = drivers[..] else { panic!("{pods:?}") };
    assert!(pods.iter().all(|pod| pod.owner == made.owner));
    let mut watching = Watching::start(world);
    let (_, listed) = watching.listed().await;
    assert!(listed.iter().any(|d| d.uid == driver.uid));
    let removed = cluster
        .delete_pod(&driver.name, &made.uid)
        .await
        .expect("an answer");
    assert_eq!(removed, Deleted::Absent, "another UID");
    assert_eq!(
        cluster
            .delete_pod(&driver.name, &driver.uid)
            .await
            .expect("an answer"),
        Deleted::Done
    );
    let gone = watching
        .until("the end of the pod", |event| match event {
            ClusterEvent::DriverGone(driver) => Some(driver.uid.clone()),
            _ => None,
        })
        .await;
    assert_eq!(gone, driver.uid);
    assert!(
        cluster
            .pods(&id)
            .await
            .expect("an answer")
            .iter()
            .all(|pod| pod.driver.is_none())
    );
    watching.stop().await;
}

pub async fn after_an_outage_comes_a_list(world: &dyn World) {
    let cluster = world.cluster();
    let made = create(world, "outage").await;
    let mut watching = Watching::start(world);
    watching.listed().await;
    world.go_away().await;
    assert!(!watching.unreachable().await.is_empty());
    let error = cluster.get(&made.name).await.expect_err("away");
    assert!(matches!(error.class(), Class::Transient { .. }), "{error}");
    let refused = cluster
        .create(&object(world, "new", &world.installation()), DEADLINE)
        .await;
    assert!(
        matches!(refused, Err(CreateError::NotConnected(_))),
        "{refused:?}"
    );
    world.come_back().await;
    let (objects, _) = watching.listed().await;
    assert_eq!(objects.iter().map(|o| &o.name).collect::<Vec<_>>(), [&made.name]);
    create(world, "new").await;
    watching
        .until("what comes after the list", |event| match event {
            ClusterEvent::Object(object) => (object.name == name("new")).then_some(()),
            _ => None,
        })
        .await;
    watching.stop().await;
}

pub async fn capacity_is_what_nodes_have_and_pods_request(world: &dyn World) {
    let mut watching = Watching::start(world);
    let names = world.nodes();
    let ours = |view: &CapacityView| -> Vec<NodeView> {
        view.nodes
            .iter()
            .filter(|node| names.contains(&node.name))
            .cloned()
            .collect()
    };
    let empty = watching
        .capacity("three nodes", |view| ours(view).len() == 3)
        .await;
    assert!(
        ours(&empty)
            .iter()
            .all(|n| n.allocatable.cpu.0 == 4000 && n.requested.cpu.0 == 0)
    );
    assert_eq!(empty.bound, []);
    let made = create(world, "capacity").await;
    world.run(&made).await;
    let used = watching
        .capacity("a bound driver", |view| !view.bound.is_empty())
        .await;
    assert_eq!(used.bound[0].0, made.name);
    let (bound, requested) = (
        &used.bound[0].1,
        ours(&used).iter().map(|n| n.requested.cpu.0).sum::<u64>(),
    );
    assert!(bound.cpu.0 >= 1000 && bound.pods >= 1);
    assert_eq!(requested, bound.cpu.0);
    world.fail(&made).await;
    let freed = watching
        .capacity("room again", |view| view.bound.is_empty())
        .await;
    assert!(
        ours(&freed)
            .iter()
            .all(|n| n.requested.cpu.0 == 0 && n.requested.pods == 0)
    );
    watching.stop().await;
}

pub async fn a_cluster_stays_itself(world: &dyn World) {
    let first = world.cluster().identity().await.expect("an identity");
    assert!(!first.is_empty());
    assert_eq!(world.cluster().identity().await.expect("an identity"), first);
}

/// Runs every case of the suite as a test of its own, each in a new world made by `$world`.
macro_rules! suite {
    ($world:expr; $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let world = $world.await;
                crate::suite::$case(&world).await;
            }
        )+
    };
    ($world:expr) => {
        crate::suite::suite! { $world;
            a_name_is_created_once,
            what_does_not_exist_is_absent,
            only_the_uid_that_was_meant_is_deleted,
            only_the_suspended_object_that_was_meant_is_released,
            a_watch_begins_with_a_list_and_tells_what_follows,
            the_driver_is_followed_to_its_exit_code,
            pods_are_found_by_their_submission,
            after_an_outage_comes_a_list,
            capacity_is_what_nodes_have_and_pods_request,
            a_cluster_stays_itself,
        }
    };
}
pub(crate) use suite;
