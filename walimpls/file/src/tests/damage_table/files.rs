//! Whole files: lost, emptied, swapped, foreign, unknown, longer.

use walx_core::ErrorKind;

use super::super::{name, salvage, scratch, small};
use super::checker::{Case, check};
use super::image::{Files, IMAGES, Image, Lost, OTHER};
use crate::follow;
use crate::manifest::NAMES;
use crate::read;

/// A way to damage a file.
type Way = (&'static str, fn(&mut Files, &str));

/// One case a file.
fn each(
    image: &'static Image,
    what: &'static str,
    change: fn(&mut Files, &str),
) -> impl Iterator<Item = Case> {
    image.files.keys().map(move |file| {
        let mut files = image.files.clone();
        change(&mut files, file);
        let lost = if file.ends_with(".wal") {
            image.lost_with(file)
        } else {
            Lost::new()
        };
        Case {
            old_marks: file.starts_with("MANIFEST"),
            ..Case::new(format!("{file} is {what}"), image, files, lost)
        }
    })
}

/// Each file in turn, and how many of them are met by strict readers: the segments.
fn each_segment_is_met(what: &'static str, change: fn(&mut Files, &str)) {
    for image in IMAGES.iter() {
        let (files, segments) = (image.files.len(), image.segments().len());
        assert_eq!(check(each(image, what, change)), (files, segments));
    }
}

#[test]
fn a_lost_file() {
    each_segment_is_met("lost", |files, file| _ = files.remove(file));
}

#[test]
fn an_emptied_file() {
    each_segment_is_met("empty", |files, file| files.get_mut(file).unwrap().clear());
}

#[test]
fn a_foreign_file() {
    each_segment_is_met("another store's", |files, file| {
        // Its own segments start at another number, perhaps.
        let foreign = OTHER
            .files
            .get(file)
            .unwrap_or_else(|| &OTHER.files[OTHER.segments()[0]]);
        files.insert(file.to_owned(), foreign.clone());
    });
}

#[test]
fn a_file_with_zeros_behind_it() {
    for image in IMAGES.iter() {
        for zeros in [
            |files: &mut Files, file: &str| files.get_mut(file).unwrap().extend([0; 8]),
            |files: &mut Files, file: &str| files.get_mut(file).unwrap().extend([0; 5_000]),
        ] {
            let cases = each(image, "longer by zeros", zeros).map(|case| Case {
                lost: Lost::new(),
                old_marks: false,
                ..case
            });
            assert_eq!(check(cases), (image.files.len(), 0));
        }
    }
}

#[test]
fn two_swapped_segments() {
    for image in IMAGES.iter() {
        let segments = image.segments();
        let pairs = (0..segments.len()).flat_map(|at| (0..at).map(move |to| (at, to)));
        let cases = pairs.map(|(at, to)| {
            let (one, other) = (segments[at], segments[to]);
            let mut files = image.files.clone();
            files.insert(one.clone(), image.files[other].clone());
            files.insert(other.clone(), image.files[one].clone());
            let mut lost = image.lost_with(one);
            lost.extend(image.lost_with(other));
            Case::new(format!("{one} and {other} are swapped"), image, files, lost)
        });
        let (checked, named) = check(cases);
        assert!(checked >= 3 && named == checked, "{named} of {checked}");
    }
}

#[test]
fn both_manifests() {
    for image in IMAGES.iter() {
        let changes: [Way; 4] = [
            ("lost", |files, file| _ = files.remove(file)),
            ("empty", |files, file| files.get_mut(file).unwrap().clear()),
            ("damaged", |files, file| {
                files.get_mut(file).unwrap()[40] ^= 1
            }),
            ("another store's", |files, file| {
                files.insert(file.to_owned(), OTHER.files[file].clone());
            }),
        ];
        let cases = changes.into_iter().map(|(what, change)| {
            let mut files = image.files.clone();
            NAMES.iter().for_each(|file| change(&mut files, file));
            let all = image.segments().into_iter();
            let lost = all.flat_map(|file| image.lost_with(file)).collect();
            Case {
                hopeless: true,
                old_marks: true,
                ..Case::new(format!("both manifests are {what}"), image, files, lost)
            }
        });
        assert_eq!(check(cases), (4, 4));

        // Nor is a store without them one without channels.
        let dir = scratch();
        for (name, bytes) in &image.files {
            if !name.starts_with("MANIFEST") {
                std::fs::write(dir.path().join(name), bytes).unwrap();
            }
        }
        let config = small(dir.path());
        let error = follow::names(&config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

#[test]
fn nothing_that_can_be_read() {
    for image in IMAGES.iter() {
        let changes: [Way; 5] = [
            ("lost", |files, file| _ = files.remove(file)),
            ("empty", |files, file| files.get_mut(file).unwrap().clear()),
            ("zeroed", |files, file| files.get_mut(file).unwrap().fill(0)),
            ("headless", |files, file| {
                files.get_mut(file).unwrap()[20] ^= 1
            }),
            ("another store's", |files, file| {
                let foreign = OTHER.files[OTHER.segments()[0]].clone();
                files.insert(file.to_owned(), foreign);
            }),
        ];
        let cases = changes.into_iter().flat_map(|(what, change)| {
            [false, true].map(|acked| {
                let mut files = image.files.clone();
                let segments = image.segments();
                segments.iter().for_each(|file| change(&mut files, file));
                if !acked {
                    files.remove("ACKED");
                }
                let lost = segments.into_iter().flat_map(|file| image.lost_with(file));
                let name = format!("all segments are {what}, ACKED is there: {acked}");
                Case {
                    // Nothing says how far a killed one was.
                    old_marks: !acked,
                    ..Case::new(name, image, files, lost.collect())
                }
            })
        });
        assert_eq!(check(cases), (10, 10));
    }
}

#[test]
fn a_store_in_which_nothing_can_be_read_is_never_taken_for_an_empty_one() {
    for image in IMAGES.iter() {
        let dir = scratch();
        let others = image
            .files
            .iter()
            .filter(|(name, _)| !name.ends_with(".wal"));
        for (name, bytes) in others {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        for config in [small(dir.path()), salvage(&small(dir.path()))] {
            let error = read::bounds(&config, &name("a"), None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(
                error.to_string().contains("0000000000000001.wal"),
                "{error}"
            );
        }
    }
}

#[test]
fn unknown_files() {
    for image in IMAGES.iter() {
        let mut files = image.files.clone();
        for name in [
            "notes.txt",
            "0000000000000001.wal.bak",
            "0000000000000001",
            "1.wal",
            "MANIFEST.c",
            "MANIFEST",
            "ACKED~",
            ".LOCK",
            "lost+found",
        ] {
            files.insert(name.to_owned(), image.files[image.segments()[0]].clone());
        }
        let case = Case::new("unknown files".into(), image, files, Lost::new());
        assert_eq!(check([case].into_iter()), (1, 0));
    }
}
