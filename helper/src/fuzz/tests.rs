use super::*;

#[path = "../../fuzz/inputs.rs"]
mod inputs;

use inputs::check;

#[test]
fn kept_and_changed_frames_of_records_keep_the_promises() {
    check("record", record, 4_000);
}

#[test]
fn kept_and_changed_headers_keep_the_promises() {
    check("header", header, 4_000);
}

#[test]
fn kept_and_changed_store_uris_keep_the_promises() {
    check("uri", uri, 1_000);
}

#[test]
fn kept_and_changed_configurations_keep_the_promises() {
    check("config", config, 1_000);
}

#[test]
fn kept_and_changed_ids_keep_the_promises() {
    check("id", id, 4_000);
}

#[test]
fn kept_and_changed_names_keep_the_promises() {
    check("name", name, 4_000);
}

#[test]
fn kept_and_changed_tokens_keep_the_promises() {
    check("token", token, 4_000);
}

#[test]
fn the_sample_fills_every_field_so_its_way_back_is_shown() {
    assert!(config(include_bytes!("../../fuzz/seeds/config/sample.txt")));
}
