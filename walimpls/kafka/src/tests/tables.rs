//! The tables in the crate's docs and in the book are those of the code.

use std::fmt::Write;
use std::path::Path;

use crate::config::refused::{self, Refused};
use crate::error::table::TABLE;
use crate::topic::{Grade, RULES};

fn topics() -> String {
    let mut table =
        "| Setting | Found | The topic is | Accepted by | Why |\n|---|---|---|---|---|\n"
            .to_owned();
    for rule in RULES {
        let grade = match rule.grade {
            Grade::Refused => "refused",
            Grade::Warned => "warned about",
        };
        let accept = rule
            .accept
            .map(|it| format!("`accept={it}`"))
            .unwrap_or_default();
        let (setting, when, why) = (rule.setting, rule.when, rule.why);
        writeln!(
            table,
            "| `{setting}` | {when} | {grade} | {accept} | {why} |"
        )
        .unwrap();
    }
    table
}

fn errors() -> String {
    let mut table = "| Kind | Codes | What to do |\n|---|---|---|\n".to_owned();
    for row in TABLE {
        let codes: Vec<_> = row.codes.iter().map(|it| format!("`{it:?}`")).collect();
        let kind = format!("{:?}", row.kind);
        let kind = kind.split(' ').next().unwrap();
        writeln!(
            table,
            "| `{kind}` | {} | {} |",
            codes.join(", "),
            ticked(row.way_out)
        )
        .unwrap();
    }
    table
}

fn refusals() -> String {
    let mut table = "| Option | Why not | Instead |\n|---|---|---|\n".to_owned();
    let mut rows = |before: &str, refused: Refused| {
        for (names, why, way_out) in refused {
            let names: Vec<_> = names.iter().map(|it| format!("`{before}{it}`")).collect();
            let way_out = ticked(way_out);
            writeln!(table, "| {} | {why} | {way_out} |", names.join(", ")).unwrap();
        }
    };
    rows("topic.", refused::TOPIC);
    rows("kafka.", refused::CLIENT);
    table
}

/// With names in backticks.
fn ticked(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let name = word.trim_end_matches([',', ':', ';']);
        match name.contains('_') || name.contains('=') {
            true => word.replacen(name, &format!("`{name}`"), 1),
            false => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The file has the table between its marks, each line behind `before`.
fn holds(path: &str, name: &str, table: &str, before: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let page = std::fs::read_to_string(&path).unwrap();
    let (start, end) = (
        format!("{before}<!-- {name} -->\n"),
        format!("{before}<!-- its end -->\n"),
    );
    let (head, rest) = page.split_once(&start).unwrap();
    let (_, tail) = rest.split_once(&end).unwrap();
    let blank = format!("{}\n", before.trim_end());
    let lines: String = table.lines().map(|it| format!("{before}{it}\n")).collect();
    let expected = format!("{head}{start}{blank}{lines}{blank}{end}{tail}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let shown = std::fs::read_to_string(&path).unwrap();
    assert_eq!(shown, expected, "run this test with UPDATE_GOLDEN=1");
}

#[test]
fn the_crate_s_docs_have_the_tables_of_the_code() {
    holds("src/lib.rs", "the table of topics", &topics(), "//! ");
    holds("src/lib.rs", "the table of errors", &errors(), "//! ");
    holds(
        "src/lib.rs",
        "the table of refused options",
        &refusals(),
        "//! ",
    );
}

#[test]
fn the_book_has_the_tables_of_the_code() {
    holds(
        "../../wal/docs/kafka.md",
        "the table of topics",
        &topics(),
        "",
    );
    holds(
        "../../wal/docs/kafka.md",
        "the table of refused options",
        &refusals(),
        "",
    );
}
