//! On a real broker: its address stands in `WALX_KAFKA`.

mod bed;
mod fault;
mod flights;
mod order;
mod owner;
mod readback;
mod roll;

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use rdkafka::ClientConfig;
use walx_utility::sync::lock;

/// What clients of topics are configured with beside the store's configuration.
static OPTIONS: LazyLock<Mutex<HashMap<String, (&'static str, &'static str)>>> =
    LazyLock::new(Mutex::default);

/// Gives the writers of a topic an option that stores refuse.
fn set_option(topic: &str, name: &'static str, value: &'static str) {
    lock(&OPTIONS).insert(topic.to_owned(), (name, value));
}

pub(super) fn configure(topic: &str, config: &mut ClientConfig) {
    if let Some((name, value)) = lock(&OPTIONS).get(topic) {
        config.set(*name, *value);
    }
}
