use super::*;

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
fn kept_and_changed_stores_keep_the_promises() {
    check("file_store", in_memory, 150);
}

fn in_memory(bytes: &[u8]) -> bool {
    let dir = crate::tests::scratch();
    store(&dir.path().join("store"), bytes)
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

#[test]
fn zz_debug() {
    let Ok(hex) = std::env::var("HEX") else {
        return;
    };
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let change = change::Change::of(&bytes);
    eprintln!("{change:?}");
    let (now, was) = (change.files(), change::Change::of(&bytes[..1]).files());
    for name in image::NAMES {
        match (was.get(name), now.get(name)) {
            (Some(a), Some(b)) => {
                if a.len() != b.len() {
                    eprintln!("{name}: {} -> {}", a.len(), b.len());
                }
                for (at, (x, y)) in a.iter().zip(b).enumerate() {
                    if x != y {
                        eprintln!("{name} {at}: {x:02x} -> {y:02x}");
                    }
                }
            }
            (a, b) => {
                if a.is_some() != b.is_some() {
                    eprintln!("{name}: there {} -> {}", a.is_some(), b.is_some())
                }
            }
        }
    }
    in_memory(&bytes);
}
