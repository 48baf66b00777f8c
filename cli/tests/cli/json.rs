use serde_json::{Value, json};

use crate::program::{Store, run};

#[test]
fn what_tail_prints_append_takes() {
    let input = concat!(
        r#"{"payload":"paid","properties":{"order":"4711","raw":{"base64":"//4A"},"order":"again"}}"#,
        "\n",
        r#"{"payload_base64":"/wBh"}"#,
        "\n",
        r#"{"payload":"","properties":{}}"#,
        "\n",
        r#"{"payload":"a\nb\u0000ü","virtual_channel":"v1","idempotency_key":"k"}"#,
    );
    let store = Store::new();
    let done = run(
        &["append", &store.uri(), "orders", "--json"],
        input.as_bytes(),
    );
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (0, "walx: appended 4 records\n")
    );
    let printed = store.tail("orders", &["--output", "json"]);
    let lines: Vec<Value> = String::from_utf8(printed.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["payload"], "paid");
    assert_eq!(lines[0]["properties"]["raw"], json!({"base64": "//4A"}));
    assert_eq!(
        (&lines[1]["payload"], &lines[1]["payload_base64"]),
        (&Value::Null, &json!("/wBh"))
    );
    assert_eq!(lines[2]["payload"], "");
    assert_eq!(
        (&lines[3]["virtual_channel"], &lines[3]["idempotency_key"]),
        (&json!("v1"), &json!("k"))
    );
    assert!(
        String::from_utf8(printed.clone())
            .unwrap()
            .contains(r#""order":"4711","raw""#),
        "both values of a name"
    );

    // Once more into another channel: the same but for the place.
    let done = run(&["append", &store.uri(), "copies", "--json"], &printed);
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (0, "walx: appended 4 records\n")
    );
    let copies = store.tail("copies", &["--output", "json"]);
    assert_eq!(without_place(&copies), without_place(&printed));
    // The last line's payload has a newline in it, the second one is no text.
    assert_eq!(
        store.tail("copies", &[]),
        b"paid\n\xff\0a\n\na\nb\0\xc3\xbc\n"
    );
}

/// The text from the first field behind the place on.
fn without_place(lines: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(lines).unwrap();
    text.lines()
        .map(|line| line.split_once(r#""term":1,"#).unwrap().1.to_owned())
        .collect()
}

#[test]
fn a_bad_line_ends_it_and_those_before_it_are_safe() {
    let store = Store::new();
    let input =
        b"{\"payload\":\"a\"}\n{\"payload\":\"b\"}\n{\"paylaod\":\"c\"}\n{\"payload\":\"d\"}\n";
    let done = run(
        &["append", &store.uri(), "orders", "--json", "--print-ids"],
        input,
    );
    assert_eq!(done.code, 2);
    let (report, error) = done.stderr.split_once('\n').unwrap();
    assert_eq!(report, "walx: appended 2 records");
    assert!(
        error.starts_with("walx: line 3: no JSON record: unknown field `paylaod`"),
        "{error}"
    );
    assert_eq!(done.stdout.iter().filter(|byte| **byte == b'\n').count(), 2);
    assert_eq!(store.tail("orders", &[]), b"a\nb\n");
}
