use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

const NAME: BackendName = BackendName::constant("file");

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Whole {
    #[serde(alias = "location")]
    path: Option<String>,
    direct: bool,
    threads: u8,
    offset: i64,
    ratio: f64,
    segment: ByteSize,
    every: Option<HumanDuration>,
    sync: Sync,
    hosts: Vec<String>,
    limit: Limit,
    retry: Retry,
    client: BTreeMap<String, String>,
    password: Option<Secret>,
    api_key: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Sync {
    #[default]
    Each,
    ByInterval,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
struct Limit(u32);

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Retry {
    first: HumanDuration,
    #[serde(default)]
    most: Option<HumanDuration>,
}

fn config(entries: &[(&str, &str)]) -> Config {
    entries.iter().fold(Config::new(), |config, (key, value)| {
        config.with(*key, *value)
    })
}

fn ms(ms: u64) -> HumanDuration {
    HumanDuration(Duration::from_millis(ms))
}

fn whole() -> Whole {
    Whole {
        path: Some("./data".to_owned()),
        direct: true,
        threads: 255,
        offset: -7,
        ratio: 0.5,
        segment: ByteSize(64 << 20),
        every: Some(ms(5)),
        sync: Sync::ByInterval,
        hosts: vec!["a:1".to_owned(), "b:2".to_owned()],
        limit: Limit(9),
        retry: Retry {
            first: ms(100),
            most: Some(ms(30_000)),
        },
        client: [
            ("linger.ms".to_owned(), "5".to_owned()),
            ("debug".to_owned(), "all".to_owned()),
        ]
        .into(),
        password: Some(Secret::new("hunter2")),
        api_key: 7,
    }
}

#[test]
fn a_text_becomes_what_its_field_asks_for() {
    let table = config(&[
        ("location", "./data"),
        ("direct", "true"),
        ("threads", "255"),
        ("offset", "-7"),
        ("ratio", "0.5"),
        ("segment", "64 MiB"),
        ("every", "5ms"),
        ("sync", "by_interval"),
        ("hosts", "a:1, b:2"),
        ("limit", "9"),
        ("retry.first", "100ms"),
        ("retry.most", "30s"),
        ("client.linger.ms", "5"),
        ("client.debug", "all"),
        ("password", "hunter2"),
        ("api_key", "7"),
    ]);
    assert_eq!(parse::<Whole>(NAME, &table).unwrap(), whole());
    assert_eq!(
        parse::<Whole>(NAME, &Config::new()).unwrap(),
        Whole::default()
    );
}

#[test]
fn a_struct_survives_the_way_into_a_table_and_back() {
    let table = to_config(&whole()).unwrap();
    assert_eq!(table.get("retry.most"), Some("30s"));
    assert_eq!(table.get("segment"), Some("64MiB"));
    assert_eq!(parse::<Whole>(NAME, &table).unwrap(), whole());
    let table = to_config(&Whole::default()).unwrap();
    assert_eq!(table.get("every"), None);
    assert_eq!(parse::<Whole>(NAME, &table).unwrap(), Whole::default());
}

#[test]
fn errors_name_backend_key_value_and_what_is_legal() {
    let lists = "location, path, direct, threads, offset, ratio, segment, every, sync, hosts, limit, retry, client";
    for (key, value, says) in [
        (
            "thread",
            "1",
            format!("there is no key 'thread'; it knows {}", lists),
        ),
        (
            "retry.firts",
            "1s",
            "there is no key 'retry.firts'; it knows retry.first, retry.most".to_owned(),
        ),
        (
            "retry.most",
            "1s",
            "the key 'retry.first' is missing".to_owned(),
        ),
        (
            "threads",
            "256",
            "the key 'threads' can't be \"256\": use a number from 0 to 255".to_owned(),
        ),
        (
            "direct",
            "yes",
            "the key 'direct' can't be \"yes\": use true or false".to_owned(),
        ),
        (
            "sync",
            "never",
            "the key 'sync' can't be \"never\": use one of each, by_interval".to_owned(),
        ),
        (
            "segment",
            "1XB",
            "the key 'segment' can't be \"1XB\": use a whole number of bytes".to_owned(),
        ),
        (
            "every",
            "5",
            "the key 'every' can't be \"5\": use a number with its unit".to_owned(),
        ),
        (
            "retry.first",
            "5",
            "the key 'retry.first' can't be \"5\": use a number".to_owned(),
        ),
        (
            "retry",
            "5s",
            "the key 'retry' can't be \"5s\": it takes keys of its own".to_owned(),
        ),
        (
            "direct.x",
            "1",
            "the key 'direct' is wrong: it takes one value, not the keys direct.x".to_owned(),
        ),
        (
            "limit",
            "x",
            "the key 'limit' can't be \"x\": use a number from 0 to 4294967295".to_owned(),
        ),
    ] {
        let error = parse::<Whole>(NAME, &config(&[(key, value)])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = error.to_string();
        assert!(
            error.starts_with("invalid input: configure: the configuration of backend 'file': "),
            "{error}"
        );
        assert!(error.contains(&says), "{says:?} is not in: {error}");
    }
    let error = parse::<Whole>(NAME, &config(&[("path", "a"), ("location", "b")])).unwrap_err();
    assert!(error.to_string().contains("'path' is set twice"), "{error}");
}

#[test]
fn a_secret_shows_in_no_debug_and_no_error() {
    let table = to_config(&whole()).unwrap();
    assert_eq!(table.get("password"), Some("hunter2"));
    let parsed: Whole = parse(NAME, &table).unwrap();
    assert_eq!(
        parsed.password.as_ref().map(Secret::expose),
        Some("hunter2")
    );
    assert!(
        format!("{parsed:?}").ends_with("password: Some(***), api_key: 7 }"),
        "{parsed:?}"
    );
    assert!(!format!("{parsed:?} {table:?} {}", Secret::new("hunter2")).contains("hunter2"));
    for (key, value) in [
        ("api_key", "hunter2"),
        ("passwort", "hunter2"),
        ("password.x", "hunter2"),
    ] {
        let error = parse::<Whole>(NAME, &config(&[(key, value)])).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    let error = from_toml("backend = \"file\"\npassword = \"hunter2\" x").unwrap_err();
    assert!(
        !format!("{error:?}").contains("hunter2") && error.to_string().contains("line 2"),
        "{error:?}"
    );
}

#[test]
fn a_toml_table_is_a_backend_and_its_keys() {
    let (backend, table) = from_toml(
        "backend = 'file'\nlocation = './data'\nthreads = 3\ndirect = true\nhosts = ['a', 'b']\nratio = 0.25\n\
         [retry]\nfirst = '1s'\n[client]\n'linger.ms' = 5\n",
    )
    .unwrap();
    assert_eq!(backend, Some(NAME));
    let parsed: Whole = parse(NAME, &table).unwrap();
    assert_eq!(
        (
            parsed.threads,
            parsed.direct,
            parsed.ratio,
            parsed.hosts.len()
        ),
        (3, true, 0.25, 2)
    );
    assert_eq!(
        (parsed.retry.first, &parsed.client["linger.ms"][..]),
        (ms(1000), "5")
    );
    assert_eq!(from_toml("").unwrap(), (None, Config::new()));
}

#[test]
fn what_a_table_of_texts_cannot_hold_is_refused() {
    for toml in [
        "a = [[1]]",
        "a = [{b = 1}]",
        "a = ['x,y']",
        "backend = 1",
        "backend = 'No'",
        "a = ",
        "'a.b' = 1\n[a]\nb = 2",
    ] {
        assert_eq!(
            from_toml(toml).unwrap_err().kind(),
            ErrorKind::InvalidInput,
            "{toml}"
        );
    }
    assert!(to_config(&7).is_err());
}

#[test]
fn sizes_show_their_shortest_exact_form() {
    for (bytes, text) in [
        (0, "0"),
        (1, "1"),
        (1000, "1KB"),
        (1023, "1023"),
        (1024, "1KiB"),
        (4096, "4KiB"),
        (512_000, "512KB"),
        (1 << 30, "1GiB"),
        (3 << 40, "3TiB"),
        (u64::MAX, "18446744073709551615"),
    ] {
        assert_eq!(ByteSize(bytes).to_string(), text);
    }
    assert_eq!("64 mib".parse::<ByteSize>().unwrap(), ByteSize(64 << 20));
    for text in [
        "",
        "MiB",
        "1.5GiB",
        "-1",
        "1 K",
        "16777216TiB",
        "18446744073709551616",
    ] {
        assert!(text.parse::<ByteSize>().is_err(), "{text}");
    }
    assert_eq!(
        serde_json::from_str::<ByteSize>("4096").unwrap(),
        ByteSize(4096)
    );
    assert!(serde_json::from_str::<ByteSize>("-1").is_err());
}

#[test]
fn an_interval_is_a_word_with_its_time() {
    assert_eq!(interval("interval:5ms"), Some(Duration::from_millis(5)));
    assert_eq!(
        interval("interval:1h 30m"),
        Some(Duration::from_secs(5_400))
    );
    for word in [
        "interval",
        "interval:",
        "interval:5",
        "interval:x",
        "5ms",
        "each",
        "",
    ] {
        assert_eq!(interval(word), None, "{word}");
    }
}

proptest! {
    #[test]
    fn sizes_and_durations_parse_back(bytes: u64, shift in 0_u32..40, nanos: u64) {
        let size = ByteSize(bytes >> shift << shift);
        prop_assert_eq!(size.to_string().parse::<ByteSize>().unwrap(), size);
        let duration = HumanDuration(Duration::from_nanos(nanos));
        prop_assert_eq!(duration.to_string().parse::<HumanDuration>().unwrap(), duration);
    }

    #[test]
    fn any_table_is_a_configuration_or_an_error(
        entries in prop::collection::vec(("(path|retry|client|hosts|every|[.a-z]{0,3})(\\.[a-z.]{0,6})?", ".{0,9}"), 0..6),
    ) {
        let table = entries.into_iter().fold(Config::new(), |config, (key, value)| config.with(key, value));
        if let Err(error) = parse::<Whole>(NAME, &table) {
            prop_assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn any_text_is_toml_or_an_error(text in ".{0,60}") {
        let _ = from_toml(&text);
    }
}
