use crate::loss::{Loss, Losses, Note};
use crate::manifest::{self, Decoded, Manifest, hex, room};

/// A manifest: the text of its body, or the whole file.
pub fn manifest(bytes: &[u8]) -> bool {
    let mut file = Manifest::default().encode().unwrap_or_default();
    file.truncate(manifest::HEADER);
    file.extend_from_slice(bytes);
    super::image::seal_manifest(&mut file);
    assert!(!matches!(Manifest::decode(&file), Decoded::Newer(_)));
    let whole = manifest_file(bytes);
    manifest_file(&file) || whole
}

fn manifest_file(bytes: &[u8]) -> bool {
    let Decoded::Sound(manifest) = Manifest::decode(bytes) else {
        return false;
    };
    let again = manifest.encode().unwrap_or_default();
    match Manifest::decode(&again) {
        Decoded::Sound(back) => {
            assert_eq!(back, manifest);
            assert_eq!(back.generation(), manifest.generation());
        }
        _ => panic!("what was written is not read: {manifest:?}"),
    }
    assert_eq!(hex(&manifest.uuid()), manifest.uuid);
    let most = room::most(&manifest).encode().unwrap_or_default();
    assert!(again.len() <= most.len(), "there is no room for it");
    true
}

/// A list of losses: the text of its body, or the whole file.
pub fn losses(bytes: &[u8]) -> bool {
    let whole = losses_file(bytes);
    losses_file(&super::image::losses_of(bytes)) || whole
}

fn losses_file(bytes: &[u8]) -> bool {
    let losses = match Losses::decode(bytes) {
        Ok(Some(losses)) => losses,
        Ok(None) => return false,
        Err(version) => {
            assert!(version > 1);
            return false;
        }
    };
    let again = losses.encode().unwrap_or_default();
    assert_eq!(Losses::decode(&again), Ok(Some(losses.clone())));
    // What a repair writes is sorted, and each of its notes is found again, by itself or by one that it lies in. No repair
    // notes more than three losses at one offset.
    let sorted = Losses::new("", losses.notes().to_vec());
    let place = |loss: &Loss| (loss.segment, loss.offset);
    for Note { loss, .. } in sorted.notes() {
        let same = sorted
            .notes()
            .iter()
            .filter(|it| place(&it.loss) == place(loss));
        let found = sorted.note(loss).is_some();
        assert!(found || same.count() > 3, "{loss:?} is not found");
        assert!(loss.serials().ends_with(" lost"));
    }
    true
}
