//! One bit flips, in every byte of every file.

use super::super::scratch;
use super::checker::{Case, check};
use super::image::{BLOCK, IMAGES, Image};
use crate::manifest::{Manifest, NAMES};
use crate::segment::{Head, SegmentHeader};

/// A case for each byte of a file, each with another bit.
fn flips(
    image: &'static Image,
    file: &'static str,
    at: impl Iterator<Item = usize> + Send,
) -> impl Iterator<Item = Case> + Send {
    at.map(move |at| {
        let bit = at % 8;
        let mut files = image.files.clone();
        files.get_mut(file).unwrap()[at] ^= 1 << bit;
        let lost = image.lost(file, at..at + 1);
        let name = format!("bit {bit} of byte {at} of {file}");
        Case::new(name, image, files, lost).one_of_many(at)
    })
}

#[test]
fn a_flipped_bit_in_any_byte_of_a_segment() {
    for image in IMAGES.iter() {
        let (mut bytes, mut headers) = (0, 0);
        for file in image.segments() {
            let content = &image.files[file];
            // Of the first block one crc decides, whatever the bit: each of them by itself, and some by all of the
            // store.
            for at in 0..BLOCK * 8 {
                let mut block = content[..BLOCK].to_vec();
                block[at / 8] ^= 1 << (at % 8);
                assert!(matches!(SegmentHeader::decode(&block), Head::Damaged));
            }
            let header = (0..BLOCK).filter(|at| *at < 72 || *at % 64 == 3 || *at >= BLOCK - 4);
            headers += header.clone().count();
            bytes += content.len() - BLOCK;
            let (checked, named) = check(flips(image, file, header));
            assert_eq!(checked, named);
        }
        let behind = image
            .segments()
            .into_iter()
            .flat_map(|file| flips(image, file, BLOCK..image.files[file].len()));
        let (checked, named) = check(behind);
        assert_eq!(checked, bytes);
        assert!(named > bytes * 3 / 4, "{named} of {bytes} were met");
        assert!(headers > 3 * 72);
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_a_manifest() {
    for image in IMAGES.iter() {
        for file in NAMES {
            let bytes = &image.files[file];
            let said = 32 + u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
            let cases = flips(image, file, 0..said).map(|case| Case {
                old_marks: true,
                ..case
            });
            let (checked, named) = check(cases);
            assert_eq!((checked, named), (said, 0));

            // Behind what it says nothing is read but by this.
            let dir = scratch();
            for name in NAMES {
                std::fs::write(dir.path().join(name), &image.files[name]).unwrap();
            }
            let load = || Manifest::load(dir.path()).unwrap();
            let sound = load();
            let mut bytes = bytes.clone();
            for at in (said..bytes.len()).step_by(7) {
                bytes[at] ^= 1 << (at % 8);
            }
            std::fs::write(dir.path().join(file), &bytes).unwrap();
            assert_eq!(load(), sound);
        }
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_acked() {
    for image in IMAGES.iter() {
        let size = image.files["ACKED"].len();
        assert_eq!(check(flips(image, "ACKED", 0..size)), (size, 0));
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_the_lock() {
    for image in IMAGES.iter() {
        let size = image.files["LOCK"].len();
        assert_eq!(check(flips(image, "LOCK", 0..size)), (size, 0));
    }
}
