use crate::golden::Transcript;
use crate::program::{Store, run};

const SHIPPED: &[u8] = br#"{"payload":"packed","virtual_channel":"eu","idempotency_key":"1"}
{"payload":"shipped","virtual_channel":"eu","idempotency_key":"2"}
"#;

#[test]
fn output_of_transactions_and_keys() {
    let store = Store::new();
    let mut shell = Transcript::new("run-transactions.txt");
    store.append("orders", b"paid\n");
    let one = ["append", "STORE", "orders", "--json", "--transaction"];
    shell.run_on(&store, &one, SHIPPED);
    shell.note("nothing of it, where something is wrong with it");
    shell.run_on(&store, &one, b"{\"payload\":\"never seen\"}\n{}\n");
    let mixed = b"{\"payload\":\"a\",\"virtual_channel\":\"eu\"}\n{\"payload\":\"b\",\"virtual_channel\":\"us\"}\n";
    shell.run_on(&store, &one, mixed);
    shell.note("known keys are not written again, in a transaction or beside it");
    let known = ["append", "STORE", "orders", "--json", "--idempotency"];
    shell.run_on(&store, &known, SHIPPED);
    let more = [
        SHIPPED,
        b"{\"payload\":\"delivered\",\"idempotency_key\":\"3\"}\n",
    ]
    .concat();
    shell.run_on(&store, &[&known[..], &["--transaction"]].concat(), &more);
    shell.run_on(&store, &["append", "STORE", "orders", "--idempotency"], b"");
    shell.run_on(&store, &[&known[..4], &["--idempotency=1h"]].concat(), b"");
    shell.note("whole, raw, one stream");
    let tail = ["tail", "STORE", "orders"];
    for more in [
        &[][..],
        &["--output", "json"],
        &["--output", "table", "--raw", "--ticks"],
        &["--raw", "--from", "last:3"],
        &[
            "--output", "json", "--raw", "--from", "lsn:1", "--count", "2",
        ],
        &["--virtual-channel", "us"],
        &[
            "--virtual-channel",
            "us",
            "--virtual-channel",
            "eu",
            "--count",
            "2",
        ],
    ] {
        shell.run(&store, &[&tail[..], more].concat());
    }
    shell.note("a copy has the same transactions");
    shell.run(&store, &["copy", "STORE", "orders", "STORE", "copy"]);
    shell.run(&store, &["diff", "STORE", "orders", "STORE", "copy"]);
    shell.run(
        &store,
        &[
            "tail", "STORE", "copy", "--output", "json", "--from", "last:4",
        ],
    );
    let flat = ["append", "STORE", "flat", "--json"];
    let whole = run(&["tail", &store.uri(), "orders", "--output", "json"], b"");
    shell.run_on(&store, &flat, &whole.stdout);
    shell.run(&store, &["diff", "STORE", "orders", "STORE", "flat"]);
    shell.run(&store, &["verify", "STORE", "orders"]);
    shell.end();
}

#[test]
fn a_copy_goes_on_behind_the_transaction_that_it_ended_with() {
    let store = Store::new();
    let uri = store.uri();
    let mut ended = vec![];
    for lines in ["a\nb\n", "c\nd\n"] {
        let one = ["append", &uri, "orders", "--transaction"];
        assert_eq!(run(&one, lines.as_bytes()).code, 0);
        let from = ended
            .last()
            .cloned()
            .unwrap_or_else(|| "earliest".to_owned());
        let copy = [
            "copy", &uri, "orders", &uri, "copy", "--append", "--from", &from,
        ];
        let done = run(&copy, b"");
        assert_eq!(done.code, 0, "{}", done.stderr);
        let (_, rest) = done.stderr.split_once("--from ").unwrap();
        ended.push(rest.split_whitespace().next().unwrap().to_owned());
    }
    assert!(ended[0].starts_with("after:file:"), "{ended:?}");
    let done = run(&["diff", &uri, "orders", &uri, "copy"], b"");
    assert_eq!(done.stdout, b"4 messages are equal\n");
}
