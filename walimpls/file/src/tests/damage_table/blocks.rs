//! Blocks of 4 KiB that are zeroed, swapped, or old; and what stands behind an end.

use super::checker::{Case, check};
use super::image::{BLOCK, IMAGES, Image, Lost, OTHER};

/// The blocks of all segments: (file, its number in the file).
fn blocks(image: &'static Image) -> Vec<(&'static str, usize)> {
    let of = |file: &'static String| {
        let count = image.files[file].len().div_ceil(BLOCK);
        (0..count).map(move |block| (file.as_str(), block))
    };
    image.segments().into_iter().flat_map(of).collect()
}

/// A block's bytes; the last one of a file is filled up with zeros.
fn block(image: &Image, file: &str, number: usize) -> Vec<u8> {
    let bytes = &image.files[file];
    let mut block = bytes[number * BLOCK..bytes.len().min((number + 1) * BLOCK)].to_vec();
    block.resize(BLOCK, 0);
    block
}

/// The store with other blocks at these places; files keep their sizes.
fn with(image: &'static Image, name: String, changes: &[(&str, usize, Vec<u8>)]) -> Option<Case> {
    let (mut files, mut lost) = (image.files.clone(), Lost::new());
    for (file, number, bytes) in changes {
        let there = files.get_mut(*file).unwrap();
        let end = there.len().min((number + 1) * BLOCK);
        there[number * BLOCK..end].copy_from_slice(&bytes[..end - number * BLOCK]);
        lost.extend(image.lost(file, number * BLOCK..end));
    }
    (files != image.files).then(|| Case::new(name, image, files, lost))
}

#[test]
fn a_zeroed_block() {
    for image in IMAGES.iter() {
        let cases = blocks(image).into_iter().filter_map(|(file, number)| {
            let name = format!("block {number} of {file} is zeroed");
            with(image, name, &[(file, number, vec![0; BLOCK])])
        });
        let (checked, named) = check(cases);
        assert!(checked >= 6 && named >= checked - 1, "{named} of {checked}");
        let others = ["MANIFEST.a", "MANIFEST.b", "ACKED"].map(|file| {
            let mut files = image.files.clone();
            let bytes = files.get_mut(file).unwrap();
            let end = bytes.len().min(BLOCK);
            bytes[..end].fill(0);
            Case {
                old_marks: true,
                ..Case::new(format!("{file} is zeroed"), image, files, Lost::new())
            }
        });
        assert_eq!(check(others.into_iter()), (3, 0));
    }
}

#[test]
fn two_swapped_blocks() {
    for image in IMAGES.iter() {
        let blocks = blocks(image);
        let pairs = (0..blocks.len()).flat_map(|at| (at + 1..blocks.len()).map(move |to| (at, to)));
        let cases = pairs.filter_map(|(at, to)| {
            let ((one, first), (other, second)) = (blocks[at], blocks[to]);
            let name = format!("block {first} of {one} and block {second} of {other} are swapped");
            let changes = [
                (one, first, block(image, other, second)),
                (other, second, block(image, one, first)),
            ];
            with(image, name, &changes)
        });
        let (checked, named) = check(cases);
        assert!(
            checked > blocks.len() * 2 && named == checked,
            "{named} of {checked}"
        );
    }
}

#[test]
fn a_stale_block() {
    for image in IMAGES.iter() {
        let blocks = blocks(image);
        let from_here = blocks.iter().map(|(file, number)| (image, *file, *number));
        let from_there = OTHER.segments().into_iter().flat_map(|file| {
            let count = OTHER.files[file].len() / BLOCK;
            (0..count).map(move |number| (&*OTHER, file.as_str(), number))
        });
        let sources: Vec<_> = from_here.chain(from_there).collect();
        let cases = blocks.iter().flat_map(|(file, number)| {
            sources.iter().filter_map(move |(source, from, old)| {
                let store = if std::ptr::eq(*source, &*OTHER) {
                    "another store's "
                } else {
                    ""
                };
                let name = format!("block {number} of {file} is {store}block {old} of {from}");
                with(image, name, &[(file, *number, block(source, from, *old))])
            })
        });
        let (checked, named) = check(cases);
        assert!(checked > blocks.len() * 7, "{checked}");
        assert!(named > checked * 9 / 10, "{named} of {checked}");
    }
}

/// What may stand behind an end without being the store's.
fn garbage(image: &'static Image, file: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = &image.files[file];
    let other = OTHER.segments()[0];
    vec![
        ("a byte", vec![7]),
        ("zeros", vec![0; 64]),
        ("many zeros", vec![0; 3 * BLOCK]),
        ("many ones", vec![0xff; 3 * BLOCK + 5]),
        ("magics", b"WXFR".repeat(100)),
        ("an earlier frame", bytes[image.first_frame(file)].to_vec()),
        ("all earlier frames", bytes[BLOCK..].to_vec()),
        ("the whole file again", bytes.clone()),
        (
            "a frame of another store",
            OTHER.files[other][OTHER.first_frame(other)].to_vec(),
        ),
        (
            "all frames of another store",
            OTHER.files[other][BLOCK..].to_vec(),
        ),
    ]
}

fn behind(image: &'static Image, file: &'static str) -> impl Iterator<Item = Case> {
    garbage(image, file)
        .into_iter()
        .map(move |(what, garbage)| {
            let mut files = image.files.clone();
            files.get_mut(file).unwrap().extend(garbage);
            Case::new(format!("{what} behind {file}"), image, files, Lost::new())
        })
}

#[test]
fn garbage_behind_the_tail() {
    for image in IMAGES.iter() {
        let last = image.segments().pop().unwrap();
        assert_eq!(check(behind(image, last)), (10, 0));
    }
}

#[test]
fn garbage_behind_a_sealed_segment() {
    for image in IMAGES.iter() {
        let mut sealed = image.segments();
        sealed.pop();
        for file in sealed {
            assert_eq!(check(behind(image, file)), (10, 0));
        }
    }
}
