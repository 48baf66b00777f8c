//! Messages of histories by hand.

use walx_core::VirtualChannel;

use crate::history::Sent;

/// A message that is in a stream, or meant for all.
pub(super) fn sent(virtual_channel: Option<&str>) -> Sent {
    Sent {
        digest: 7,
        virtual_channel: virtual_channel.map(|name| VirtualChannel::new(name).unwrap()),
        key: None,
        bytes: 0,
        exclusive: false,
    }
}

/// One that has a key.
pub(super) fn keyed(key: u64) -> Sent {
    Sent {
        key: Some(key),
        ..sent(None)
    }
}
