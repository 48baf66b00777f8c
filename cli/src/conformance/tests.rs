//! A backend that breaks its promises: each open of it is an empty store.

use std::io::Read;
use std::sync::Arc;

use clap::Parser;
use walx::memory::MemoryBuilder;
use walx_testkit::{Suite, TestStore};

use super::run::all;
use crate::args::{Cli, Command};
use crate::exit::Code;
use crate::out::Out;
use crate::signal::Signals;

/// What the command ends with and prints for the forgetful backend.
async fn conformance(more: &[&str]) -> (Code, String) {
    let command = ["walx", "conformance", "forgetful:"];
    let Command::Conformance(args) = Cli::parse_from(command.iter().chain(more)).command else {
        panic!("another command")
    };
    let forgetful = || {
        let builder = Arc::new(MemoryBuilder::new());
        Ok(TestStore::new(builder, walx::Config::new()))
    };
    let suite = Suite::new("forgetful", forgetful)
        .with_faults(!args.plain)
        .with_seed(args.seed)
        .only(args.only.clone());
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut out = Out::to(writer);
    let mut signals = Signals::listen().unwrap();
    let code = all(&args, vec![suite], &mut signals, &mut out).await;
    let code = code.unwrap_or_else(|failure| panic!("{failure}"));
    out.finish().await.unwrap();
    drop(out);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    (code, text)
}

const CASE: &str = "backend::open::a_store_opened_anew_has_what_was_written";

#[tokio::test]
async fn a_broken_promise_is_told_in_full_with_the_way_to_run_it_again() {
    let (code, text) = conformance(&["--only", CASE, "--seed", "7"]).await;
    assert_eq!(code, Code::Broken);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], format!("FAIL  forgetful  plain   {CASE}"));
    assert!(lines[1].starts_with("      promise: "), "{text}");
    assert!(lines[2].starts_with("      but: "), "{text}");
    let again = format!("      again: walx conformance STORE --only {CASE}");
    assert!(lines.contains(&again.as_str()), "{text}");
    assert!(
        lines.contains(&format!("{again} --seed 7").as_str()),
        "{text}"
    );
    assert!(
        text.contains("0 of 1 pass plain, 0 of 1 pass under faults"),
        "{text}"
    );
    assert!(text.contains("forgetful: 2 runs FAILED:"), "{text}");
}

#[tokio::test]
async fn a_broken_promise_shows_in_objects_and_in_the_table() {
    let (code, text) = conformance(&["--only", CASE, "--output", "json"]).await;
    assert_eq!(code, Code::Broken);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[0]["run"]["outcome"], "failed");
    assert!(lines[0]["run"]["reason"].is_string());
    assert_eq!(lines[2]["summary"]["kept"], false);
    let (code, text) = conformance(&["--only", CASE, "--plain", "--output", "markdown"]).await;
    assert_eq!(code, Code::Broken);
    assert!(
        text.contains("| `forgetful:` |") && text.contains("| 0 of 1 | - |"),
        "{text}"
    );
}
