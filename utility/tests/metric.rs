//! The table of metrics is the only place of the product that names them, all of it is used, and the book shows it as it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use walx_utility::metric;

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.unwrap().to_path_buf()
}

/// All Rust sources of the workspace but the table itself, with their paths in it.
fn sources() -> Vec<(PathBuf, String)> {
    let (root, mut sources) = (root(), Vec::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") && !path.ends_with("utility/src/metric.rs") {
                // An editor's file may be gone by now.
                if let Ok(text) = fs::read_to_string(&path) {
                    sources.push((path.strip_prefix(&root).unwrap().to_owned(), text));
                }
            }
        }
    }
    sources
}

/// The constants and the metrics that they name, as the table's source has them.
fn constants() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("utility/src/metric.rs")).unwrap();
    let row = |line: &str| {
        let (constant, rest) = line.trim().split_once(" = \"walx_")?;
        let name = rest.split('"').next()?;
        Some((constant.to_owned(), format!("walx_{name}")))
    };
    text.lines().filter_map(row).collect()
}

/// Whether the text has this name as a whole word.
fn names(text: &str, name: &str) -> bool {
    let inside = |it: char| it == '_' || it.is_alphanumeric();
    text.match_indices(name).any(|(at, _)| {
        let (before, behind) = (&text[..at], &text[at + name.len()..]);
        !before.ends_with(inside) && !behind.starts_with(inside)
    })
}

#[test]
fn no_two_metrics_have_the_same_name_and_names_follow_their_kind() {
    let mut seen = BTreeSet::new();
    for metric in metric::ALL {
        assert!(seen.insert(metric.name), "{} is there twice", metric.name);
        let counter = metric.kind == metric::Kind::Counter;
        assert_eq!(metric.name.ends_with("_total"), counter, "{}", metric.name);
        assert!(metric.help.ends_with('.'), "{}", metric.name);
        let channel = metric.labels.contains(&"channel");
        let gauge = metric.kind == metric::Kind::Gauge;
        assert!(gauge || !channel, "{} grows with the channels", metric.name);
    }
    assert_eq!(constants().len(), seen.len());
}

/// Whether it is not a test, which may spell out what operators see.
fn is_product(path: &Path) -> bool {
    !path.components().any(|it| it.as_os_str() == "tests")
}

#[test]
fn names_of_metrics_stand_nowhere_but_in_the_table() {
    let mut sources = sources();
    sources.retain(|(path, _)| is_product(path));
    assert!(sources.len() > 100, "the workspace has sources");
    for (path, text) in sources {
        for (number, line) in text.lines().enumerate() {
            let named = metric::ALL.iter().any(|it| names(line, it.name));
            assert!(!named, "{}:{}: {line}", path.display(), number + 1);
        }
        for makes in ["counter", "gauge", "histogram"].map(|it| format!("{it}!(")) {
            for (at, _) in text.match_indices(&makes) {
                // It may stand on the next line.
                let name = text[at + makes.len()..].trim_start();
                assert!(!name.starts_with('"'), "{}: {name:.40}", path.display());
            }
        }
    }
}

#[test]
fn every_metric_of_the_table_is_used() {
    let sources = sources();
    for (constant, name) in constants() {
        let mut sources = sources.iter().filter(|(path, _)| is_product(path));
        let used = sources.any(|(_, text)| text.contains("metric::") && names(text, &constant));
        assert!(used, "nobody sets {name}");
    }
}

#[test]
fn the_book_s_table_is_the_table() {
    let path = root().join("wal/docs/metrics.md");
    let page = fs::read_to_string(&path).unwrap();
    let (start, end) = ("<!-- the table of metrics -->\n", "<!-- its end -->\n");
    let (before, rest) = page.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let mut table = "| Name | Kind | Unit | Labels | What it tells |\n".to_owned();
    table += "|---|---|---|---|---|\n";
    for metric in metric::ALL {
        let (name, kind, unit) = (metric.name, metric.kind.name(), metric.unit.as_str());
        let (labels, help) = (metric.labels.join(", "), metric.help);
        writeln!(table, "| {name} | {kind} | {unit} | {labels} | {help} |").unwrap();
    }
    // A blank line keeps the table apart from the comments.
    let expected = format!("{before}{start}\n{table}\n{end}{after}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let shown = fs::read_to_string(&path).unwrap();
    assert_eq!(shown, expected, "run this test with UPDATE_GOLDEN=1");
}
