use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{
    BackendName, Bounds, Capability, ChannelName, Check, Config, Error, ErrorKind, MessageId,
    Result,
};

use crate::{Apart, Claim, Maintenance, RoWalImpls, WalImpls};

/// Makes openers of one backend. Registered once, lives as long as the program.
#[async_trait]
pub trait OpenerBuilderImpls: Send + Sync + 'static {
    /// The backend's name; its ids carry it.
    fn name(&self) -> BackendName;

    /// What the backend can do with its defaults.
    fn capability(&self) -> Capability;

    /// Opens a store: may connect, lock, recover.
    ///
    /// # Errors
    /// `InvalidInput` for unknown keys and wrong values, by name (`walx_helper::config` does it); `Conflict` where
    /// another process holds the store; `Corrupt`; `Denied`; `Unavailable`.
    async fn build(&self, config: Config) -> Result<Arc<dyn OpenerImpls>>;

    /// Looks at what only this backend knows of a store: rights, space, locks, policies. Changes nothing; must answer
    /// where the store can't be opened. The adaptor adds what holds for every backend.
    async fn doctor(&self, config: Config) -> Vec<Check> {
        let _ = config;
        Vec::new()
    }

    /// A store for one test, of which nobody else knows: of the kind and with the options of the one that `config`
    /// names, empty, and gone when the answer is dropped. The one that `config` names is not touched.
    /// `walx conformance` asks for one a case, several at a time.
    ///
    /// The default is the store that `config` names, for servers: the suite uses channels there with names that
    /// nobody else has, and leaves them behind.
    ///
    /// # Errors
    /// As [`build`](Self::build) for what is wrong with `config`; `Conflict` where there is something that a test
    /// must not touch.
    async fn apart(&self, config: Config) -> Result<Apart> {
        Ok(Apart::new(config))
    }
}

/// An open store: what its channels share.
///
/// The adaptor closes every wal before it closes the opener; a dropped opener must free everything as well.
#[async_trait]
pub trait OpenerImpls: Send + Sync + 'static {
    /// What the backend can do as this store is configured.
    fn capability(&self) -> Capability;

    /// Opens a writer, after making every writer opened before it powerless; creates the channel where it is missing.
    ///
    /// # Order
    /// After it has answered, no append of a handle opened earlier is ever acknowledged, in any process. Records of
    /// such a handle that were on their way may still land, but before the first record of this handle. Where the storage
    /// takes them later all the same ([`Fence::ReadBack`](walx_core::Fence)), no scanner hands them out and no bounds
    /// name them, in any process: in the log as it is read they are not there.
    ///
    /// # Cancel
    /// Dropping the future leaves nothing open.
    ///
    /// # Errors
    /// As [`Claim`] says.
    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>>;

    /// Opens a reader. Creates nothing.
    ///
    /// # Errors
    /// `NotFound` where there is no such channel.
    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>>;

    /// As [`WalImpls::truncate`], without a writer.
    ///
    /// # Errors
    /// `Unsupported` where the backend can't, as this default does.
    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        let _ = id;
        let text =
            "this backend truncates only for the channel's owner; truncate through its open wal";
        Err(Error::new(ErrorKind::Unsupported, text).with_channel(channel))
    }

    /// What is kept of a channel. The default asks a reader.
    ///
    /// # Errors
    /// `NotFound` where there is no such channel.
    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        let reader = self.open_read_only(channel).await?;
        let bounds = reader.bounds().await;
        reader.close().await?;
        bounds
    }

    /// The names of all channels, ascending.
    ///
    /// # Errors
    /// Whatever the backend can't answer with.
    async fn list(&self) -> Result<Vec<ChannelName>>;

    /// What operators' commands ask beyond reading and writing; `None` where the backend has nothing to add.
    fn maintenance(&self) -> Option<&dyn Maintenance> {
        None
    }

    /// Says which storage this is: openers of one process that answer the same read the same records, so that one
    /// reader at the tail serves them all. `None` = nothing is shared.
    fn identity(&self) -> Option<String> {
        None
    }

    /// The server that it talks to, with its version, for reports: `PostgreSQL 17.2`. `None` where there is none, or
    /// where it doesn't tell.
    fn server(&self) -> Option<String> {
        None
    }

    /// Ends the store cleanly. Closing twice is closing once.
    ///
    /// # Errors
    /// What could not be ended cleanly; everything is freed all the same.
    async fn close(&self) -> Result<()>;
}
