use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::golden::Transcript;
use crate::program::{Program, Store};

/// Somebody whom the rights of files hold back: root is not.
fn anybody(command: &mut Command) {
    if rustix::process::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
}

fn rights(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn output_of_doctor() {
    let store = Store::new();
    let mut shell = Transcript::new("run-doctor.txt");
    shell.note("a store that is missing");
    shell.run(&store, &["doctor", "STORE"]);
    assert!(
        !store.folder.path().join("data").exists(),
        "nothing is made"
    );
    shell.note("a store with two channels");
    store.append("orders", b"0\n");
    store.append("payments", b"0\n");
    shell.run(&store, &["doctor", "STORE"]);
    shell.run(&store, &["doctor", "STORE", "--output", "json"]);
    shell.note("a writer lives");
    let mut writer = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
    writer.write(b"1\n");
    writer.line().unwrap();
    shell.run(&store, &["doctor", "STORE"]);
    drop(writer);
    shell.note("a store that loses all with its process");
    shell.run(&store, &["doctor", "memory:"]);
    shell.note("errors");
    let file = store.file("notes.txt", b"mine");
    shell.mask(&file, "FILE");
    shell.run(&store, &["doctor", &format!("file:{file}")]);
    shell.run(&store, &["doctor", "STORE?durabilty=each"]);
    shell.run(&store, &["doctor", "carrier-pigeon:coop"]);
    shell.run(&store, &["doctor", "./data"]);
    shell.end();
}

#[test]
fn output_in_a_directory_without_rights_to_write() {
    let store = Store::new();
    let data = store.folder.path().join("data");
    store.append("orders", b"0\n1\n");
    rights(store.folder.path(), 0o755);
    rights(&data, 0o555);
    for file in std::fs::read_dir(&data).unwrap() {
        rights(&file.unwrap().path(), 0o444);
    }
    let mut shell = Transcript::new("run-read-only.txt");
    for arguments in [
        &["tail", "STORE", "orders"][..],
        &["ls", "STORE", "--long"],
        &["verify", "STORE"],
        &["append", "STORE", "orders"],
        &["truncate", "STORE", "orders", "--until", "lsn:0"],
        &["truncate", "STORE", "orders", "--until", "lsn:0", "--yes"],
        &["repair", "STORE"],
        &["doctor", "STORE"],
    ] {
        shell.run_as(&store, arguments, b"2\n", anybody);
    }
    rights(&data, 0o755);
    shell.end();
}
