use std::sync::Arc;

use rdkafka::consumer::Consumer;
use walx_core::{ChannelName, ErrorKind};
use walx_helper::config;
use walx_impls::OpenerBuilderImpls;
use walx_testkit::faults::proxy::Way;
use walx_utility::spawn;

use super::line::Proxied;
use super::{here, until};
use crate::config::KafkaConfig;
use crate::store::Store;
use crate::{KafkaBuilder, NAME, topic};

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_made_once_asked_about_and_cut() {
    let Some(config) = here() else { return };
    let store = Store::connect(config).await.unwrap();
    let channel = ChannelName::new("orders").unwrap();
    let name = store.topic(&channel).unwrap();
    let missing = topic::exists(&store, &name).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    topic::prepare(&store, &name).await.unwrap();
    topic::prepare(&store, &name).await.unwrap();
    let layout = topic::exists(&store, &name).await.unwrap();
    assert_eq!((layout.partitions, layout.copies), (1, 1));
    topic::truncate(&store, &name, 0).await.unwrap();
    let asking = Arc::clone(&store);
    let asked = name.clone();
    let ends = spawn::blocking(move || asking.watermarks_blocking(&asked));
    assert_eq!(ends.await.unwrap().unwrap(), (0, 0));
    assert!(store.close() && !store.close());
    let closed = topic::exists(&store, &name).await.unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncation_whose_connection_breaks_is_asked_again() {
    let Some(config) = here() else { return };
    let proxied = Proxied::start().await.unwrap();
    let store = Store::connect(proxied.reach(config)).await.unwrap();
    let channel = ChannelName::new("orders").unwrap();
    let name = store.topic(&channel).unwrap();
    topic::prepare(&store, &name).await.unwrap();
    // So that nothing but the request itself goes to the broker from here on.
    topic::truncate(&store, &name, 0).await.unwrap();
    let proxy = proxied.proxy.stall_way(Way::ToClient);
    let before = proxy.forwarded(Way::ToServer);
    let break_it = async {
        until("the request", async || {
            proxy.forwarded(Way::ToServer) > before
        })
        .await;
        proxy.cut().resume();
    };
    let (truncated, ()) = tokio::join!(topic::truncate(&store, &name, 0), break_it);
    truncated.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_bounded_by_a_setting_that_the_refusal_names() {
    let Some(mut config) = here() else { return };
    config.max_clients = 2;
    let store = Store::connect(config).await.unwrap();
    let (one, two) = (store.client().unwrap(), store.client().unwrap());
    let error = store.client().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Overloaded { .. }));
    assert!(error.to_string().contains("max_clients"), "{error}");
    drop(one);
    let again = store.client().unwrap();
    drop((two, again));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_apart_is_empty_and_gone_when_it_is_dropped() {
    let Some(outer) = here() else { return };
    let apart = KafkaBuilder
        .apart(config::to_config(&outer).unwrap())
        .await
        .unwrap();
    let inner: KafkaConfig = config::parse(NAME, &apart.config).unwrap();
    assert!(inner.location.prefix().starts_with(outer.location.prefix()));
    assert_ne!(inner.location, outer.location);
    let store = Store::connect(inner).await.unwrap();
    let name = store.topic(&ChannelName::new("a").unwrap()).unwrap();
    topic::prepare(&store, &name).await.unwrap();
    assert_eq!(topics(&store).await, 1);
    drop(apart);
    assert_eq!(topics(&store).await, 0);
}

/// How many topics stand below the prefix.
pub(super) async fn topics(store: &Arc<Store>) -> usize {
    let prefix = store.config().location.prefix().to_owned();
    let counted = store.ask("list", move |asker, time| {
        let all = asker.fetch_metadata(None, time)?;
        let ours = all
            .topics()
            .iter()
            .filter(|it| it.name().starts_with(&prefix));
        Ok(ours.count())
    });
    counted.await.unwrap()
}
