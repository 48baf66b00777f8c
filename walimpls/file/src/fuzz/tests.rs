use super::*;
use crate::acked::Acked;
use crate::frame::{FrameHeader, Seed};
use crate::summary::Summary;
use crate::varint;

#[path = "../../../../helper/fuzz/inputs.rs"]
mod inputs;

use inputs::check;

#[test]
fn kept_and_changed_heads_keep_the_promises() {
    check("file_head", head, 1_000);
}

#[test]
fn kept_and_changed_frames_keep_the_promises() {
    check("file_frame", frame, 4_000);
}

#[test]
fn kept_and_changed_footers_keep_the_promises() {
    check("file_footer", footer, 4_000);
}

#[test]
fn kept_and_changed_manifests_keep_the_promises() {
    check("file_manifest", manifest, 2_000);
}

#[test]
fn kept_and_changed_losses_keep_the_promises() {
    check("file_losses", losses, 2_000);
}

#[test]
fn kept_and_changed_configurations_keep_the_promises() {
    check("file_config", config, 1_000);
}

#[test]
fn kept_and_changed_lists_of_mounts_keep_the_promises() {
    check("file_mounts", mounts, 1_000);
}

#[test]
fn kept_and_changed_stores_keep_the_promises() {
    check("file_store", in_memory, 150);
}

fn in_memory(bytes: &[u8]) -> bool {
    let dir = crate::tests::scratch();
    store(&dir.path().join("store"), bytes)
}

#[test]
fn numbers_that_no_store_reaches_are_damage() {
    use crate::manifest::{Decoded, Manifest};
    for (number, sound) in [
        (varint::END - 1, true),
        (varint::END, false),
        (u64::MAX, false),
    ] {
        let acked = Acked {
            durable: number,
            ..Acked::default()
        };
        assert_eq!(Acked::decode(&acked.encode()).is_some(), sound);
        let mut manifest = Manifest::new(UUID);
        manifest.floor = number;
        let decoded = Manifest::decode(&manifest.encode().unwrap());
        assert_eq!(matches!(decoded, Decoded::Sound(_)), sound);
        let mut summary = Summary::default().following(0);
        summary.end_serial = number;
        assert_eq!(Summary::decode(&summary.encode()).is_some(), sound);
        let mut header = FrameHeader::new(1, &[], 0, 0);
        header.first_serial = number;
        let seed = Seed::new(&UUID, 1, 2);
        let bytes = header.encode(seed, 0);
        assert_eq!(FrameHeader::decode(&bytes, seed, 0).is_some(), sound);
    }
}

#[test]
fn the_store_that_is_changed_is_sound() {
    for closed in [0, 1] {
        for then in [0, 1, 2] {
            assert!(in_memory(&[closed | then << 3]));
        }
        // The checksums that are made right are right already.
        let mut sealed = image::files(closed == 1);
        image::seal(&mut sealed, true);
        assert_eq!(sealed, image::files(closed == 1));
    }
}
