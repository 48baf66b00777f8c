use std::io::BufRead;
use std::path::Path;

use super::*;
use crate::faults::process::Process;

const CHILD: &str = "faults::tests::process::a_child_that_counts";

/// The other process: says a number for each line.
#[test]
#[ignore = "the other tests start it, in a process of its own"]
fn a_child_that_counts() {
    let first: u64 = std::env::var("FIRST")
        .expect("started by another test")
        .parse()
        .unwrap();
    println!("\nready");
    for (number, line) in (first..).zip(std::io::stdin().lock().lines()) {
        println!("{} {number}", line.unwrap());
    }
}

async fn child() -> Process {
    let mut child = Process::test(CHILD).env("FIRST", "7").start().unwrap();
    child.until("ready").await.unwrap();
    child
}

/// Whether the process is there, as a zombie too.
fn lives(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

#[tokio::test]
async fn a_child_answers_and_ends_with_its_input() {
    let mut child = child().await;
    for number in 7..10 {
        child.send("number").unwrap();
        assert_eq!(
            child.line().await.unwrap(),
            Some(format!("number {number}"))
        );
    }
    assert!(child.wait().await.unwrap().success());
    assert!(child.stop().is_err());
    assert!(child.until("more").await.is_err());
}

#[tokio::test]
async fn a_stopped_child_says_nothing_until_it_goes_on() {
    let mut child = child().await;
    child.stop().unwrap();
    child.send("number").unwrap();
    let early = clock::timeout(Duration::from_millis(50), child.line()).await;
    assert!(early.is_err(), "{early:?}");
    child.resume().unwrap();
    assert_eq!(child.line().await.unwrap().unwrap(), "number 7");
}

#[tokio::test]
async fn a_killed_child_ends_at_once_and_what_it_said_can_be_read() {
    use std::os::unix::process::ExitStatusExt;
    let mut child = child().await;
    child.send("last").unwrap();
    assert_eq!(child.line().await.unwrap().unwrap(), "last 7");
    child.stop().unwrap();
    assert_eq!(child.kill().unwrap().signal(), Some(9));
    assert_eq!(child.line().await.unwrap(), None);
    assert!(child.resume().is_err());
}

#[tokio::test]
async fn a_dropped_child_is_gone_even_if_it_was_stopped() {
    for stops in [false, true] {
        let mut child = child().await;
        let id = child.id();
        assert!(lives(id));
        if stops {
            child.stop().unwrap();
        }
        drop(child);
        assert!(!lives(id));
    }
}
