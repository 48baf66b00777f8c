//! The chain, and what else walx takes, in a store's configuration.

use std::path::Path;
use std::sync::Arc;

use walx::{
    AppendContext, Check, Config, Error, ErrorKind, Health, Interceptor, Message, OpenOption,
    Opener, Result,
};

use crate::bed::{Hook, read, scan};

/// A file store in a folder of its own, with keys of an encryption beside it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lines = format!("old {}\nnew {}\n", "11".repeat(32), "22".repeat(32));
        std::fs::write(dir.path().join("keys"), lines).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> String {
        Path::new(self.0.path()).join(name).display().to_string()
    }

    fn uri(&self, query: &str) -> String {
        format!("file:{}?{query}", self.path("data"))
    }
}

async fn refused(uri: &str) -> Error {
    let error = walx::store(uri).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    error
}

/// Appends one large message through the store and gives its size on the way to the backend.
async fn stored_bytes(store: &Arc<dyn Opener>) -> usize {
    let stored = crate::bed::Innermost::sees();
    let hook: Hook = stored.clone();
    let option = crate::bed::option("orders", &[hook]);
    let wal = store.open(option).await.unwrap();
    wal.append(Message::new(vec![7; 10_000])).await.unwrap();
    assert_eq!(
        scan(&*wal).await.unwrap().last().unwrap().payload.len(),
        10_000
    );
    wal.close().await.unwrap();
    stored.last().payload.len()
}

#[tokio::test]
async fn a_uri_names_the_chain_and_the_keys_of_each_hook() {
    let folder = Folder::new();
    let keys = folder.path("keys");
    let whole = format!(
        "chain=trace,checksum,lz4,encryption&encryption.keys={keys}&lz4.min=1KiB&durability=os"
    );
    let store = walx::store(&folder.uri(&whole)).await.unwrap();
    assert!(stored_bytes(&store).await < 200);
    store.close().await.unwrap();

    // The backend got its own key only; the message is compressed and encrypted with the last key of the file.
    let plain = walx::store(&folder.uri("durability=os")).await.unwrap();
    let error = read(&plain, "orders", &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("key: new"), "{error}");
    plain.close().await.unwrap();

    let large = format!("chain=encryption,lz4&encryption.keys={keys}");
    let text = refused(&folder.uri(&large)).await.to_string();
    assert!(text.contains("right: lz4, encryption"), "{text}");
    let old =
        format!("chain=lz4,encryption&encryption.keys={keys}&encryption.current=old&lz4.min=11KB");
    let store = walx::store(&folder.uri(&old)).await.unwrap();
    assert_eq!(
        stored_bytes(&store).await,
        10_016,
        "too small to be compressed"
    );
    let all = read(&store, "orders", &[]).await.unwrap();
    assert_eq!(all.len(), 2, "both keys are read");
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_toml_table_says_the_same() {
    let folder = Folder::new();
    let toml = format!(
        "backend = \"file\"\nlocation = {:?}\nchain = [\"checksum\", \"lz4\"]\n\n[lz4]\nmin = \"1KiB\"\n\n\
         [txn]\nbuffer = \"8MiB\"\n",
        folder.path("data")
    );
    let (backend, config) = walx::config::from_toml(&toml).unwrap();
    let builder = walx::must_get_builder(backend.unwrap().as_str());
    let store = builder.build(config).await.unwrap();
    assert!(stored_bytes(&store).await < 200);
    store.close().await.unwrap();

    let plain = walx::store(&folder.uri("")).await.unwrap();
    let all = read(&plain, "orders", &[]).await.unwrap();
    assert_eq!(
        all[0],
        Message::new(vec![7; 10_000]),
        "any reader undoes it"
    );
    plain.close().await.unwrap();
}

#[tokio::test]
async fn wrong_keys_are_refused_and_the_right_ones_are_listed() {
    let folder = Folder::new();
    let keys = folder.path("keys");
    for (query, says) in [
        (
            "chain=lz5",
            "there is no interceptor named 'lz5'; known are: ",
        ),
        ("chain=lz4,lz4", "the chain names 'lz4' twice"),
        (
            "chain=lz4,checksum",
            "(chain: lz4, checksum, right: checksum, lz4)",
        ),
        (
            "chain=lz4&lz4.mn=1",
            "interceptor 'lz4': there is no key 'mn'; it knows min, max",
        ),
        (
            "chain=trace&lz4.min=1",
            "the key 'lz4.min' is the interceptor's 'lz4', which the chain does not name",
        ),
        (
            "chain=checksum&checksum.x=1",
            "there is no key 'x'; it takes no keys",
        ),
        (
            "chain=encryption",
            "interceptor 'encryption': the key 'keys' is missing",
        ),
        ("chain=chaos&chaos.append=2", "goes from 0 to 1 (append: 2)"),
        (
            "idempotency=ten",
            "the key 'idempotency' can't be \"ten\": use a size and a time",
        ),
        (
            "idempotency=1MiB,2MiB",
            "use a size and a time, such as 16MiB,10m",
        ),
        ("chunk=x", "the store: the key 'chunk' can't be \"x\""),
        (
            "txn.bufer=1",
            "the store: there is no key 'txn.bufer'; it knows txn.buffer, txn.spill",
        ),
        (
            "chian=lz4",
            "there is no key 'chian'; it knows location, path, durability, segment, max_record, damage, full_disk_wait \
             (every store also knows: chain, chunk, idempotency, limit, txn.buffer, txn.spill, and NAME.KEY for each NAME of \
             the chain)",
        ),
        (
            &format!("chain=encryption&encryption.keys={keys}&encryption.plain=maybe"),
            "use true or false",
        ),
    ] {
        let error = refused(&folder.uri(query)).await;
        assert!(error.to_string().contains(says), "{query}: {error}");
        assert_eq!(error.operation(), "configure");
    }
    for (query, kind, says) in [
        (
            format!("chain=encryption&encryption.keys={keys}x"),
            ErrorKind::NotFound,
            "the file of keys can't be read",
        ),
        (
            format!("chain=encryption&encryption.keys={keys}&encryption.current=x"),
            ErrorKind::NotFound,
            "the ring has no key of this id; add it first (id: x)",
        ),
    ] {
        let error = walx::store(&folder.uri(&query))
            .await
            .map(|_| ())
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(
        !Path::new(&folder.path("data")).exists(),
        "nothing was created"
    );
}

#[tokio::test]
async fn doctor_shows_the_chain_or_what_is_wrong_with_it() {
    let folder = Folder::new();
    walx::open(&folder.uri("chain=checksum"), "orders")
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    let checks = walx::doctor(&folder.uri("chain=checksum,lz4"))
        .await
        .unwrap();
    let chain: Vec<_> = checks.iter().filter(|it| it.name == "chain").collect();
    assert_eq!(chain, [&Check::new("chain", Health::Good, "checksum, lz4")]);
    let checks = walx::doctor(&folder.uri("chain=lz5")).await.unwrap();
    assert_eq!((checks.len(), checks[0].health), (1, Health::Problem));
    let checks = walx::doctor(&folder.uri("")).await.unwrap();
    assert!(checks.iter().all(|it| it.name != "chain"));
}

/// A user's hook, with a key of its own.
pub(crate) struct Stamp(pub(crate) String);

impl Interceptor for Stamp {
    fn name(&self) -> &'static str {
        "stamp"
    }

    fn before(&self, _: &AppendContext<'_>, message: &mut Message) -> Result<()> {
        message.properties.push("stamp", self.0.clone());
        Ok(())
    }
}

#[tokio::test]
async fn a_hook_of_a_user_has_a_name_and_keys_too() {
    let make = |config: Config| -> Result<Hook> {
        let text = config.get("text").unwrap_or("none").to_owned();
        Ok(Arc::new(Stamp(text)))
    };
    walx::register_interceptor("stamp", make).unwrap();
    for name in ["stamp", "lz4", "chain", "txn"] {
        let error = walx::register_interceptor(name, make).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{name}");
    }
    let error = walx::register_interceptor("a.b", make).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(walx::interceptor_names().contains(&"stamp".to_owned()));

    let uri = "memory:stamped?chain=stamp,checksum&stamp.text=mine";
    let store = walx::store(uri).await.unwrap();
    let wal = store
        .open(OpenOption::try_from("orders").unwrap())
        .await
        .unwrap();
    wal.append(Message::new("x")).await.unwrap();
    let expected = Message::new("x").with_property("stamp", "mine");
    assert_eq!(scan(&*wal).await.unwrap(), [expected]);
    store.close().await.unwrap();
}
