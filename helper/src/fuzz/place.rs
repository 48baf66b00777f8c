use std::fmt::{Debug, Display};
use std::str::FromStr;

use walx_core::{
    BackendName, ChannelName, Error, ErrorKind, MessageId, OpenOption, ResumeToken, VirtualChannel,
};

use super::{back, taken, text};

/// The text of an id.
pub fn id(bytes: &[u8]) -> bool {
    let Some(id) = comes_back::<MessageId>(bytes, "is no message id") else {
        return false;
    };
    // Hex may have capitals; nothing else of the text may differ, or be left out of account.
    let printed = id.to_string();
    assert!(
        printed.as_bytes().eq_ignore_ascii_case(bytes),
        "{printed} has another text"
    );
    assert!((1..=MessageId::MAX_BYTES).contains(&id.bytes().len()));
    let same = MessageId::new(id.backend(), id.bytes());
    assert_eq!(back(same, id), id);
    true
}

/// The text of a resume token.
pub fn token(bytes: &[u8]) -> bool {
    comes_back::<ResumeToken>(bytes, "is no resume token").is_some()
}

/// The name of a channel, a virtual channel or a backend: whatever of them the text is. Channels' and backends' names
/// are safe wherever names stand: in paths, in topics, in URIs.
pub fn name(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    let input = &[ErrorKind::InvalidInput];
    let channel = comes_back::<ChannelName>(bytes, "is no channel name");
    let option = taken(OpenOption::try_from(text), input, "is no channel name");
    assert_eq!(option.map(|it| it.channel), channel);
    let backend = taken(BackendName::new(text), input, "is no backend name");
    for name in [
        channel.as_ref().map(ChannelName::as_str),
        backend.as_ref().map(|it| it.as_str()),
    ]
    .into_iter()
    .flatten()
    {
        assert_eq!(name, text);
        let safe = |it: u8| it.is_ascii_alphanumeric() || b"._-".contains(&it);
        assert!(name.bytes().all(safe) && !name.starts_with('.'), "{name:?}");
        assert!((1..=ChannelName::MAX_BYTES).contains(&name.len()));
    }
    let stream = taken(VirtualChannel::new(text), input, "a virtual channel's name");
    assert!(stream.iter().all(|it| it.as_str() == text));
    channel.is_some() || backend.is_some()
}

fn comes_back<T>(bytes: &[u8], says: &str) -> Option<T>
where
    T: FromStr<Err = Error> + Display + Debug + PartialEq,
{
    let value = taken(text(bytes)?.parse::<T>(), &[ErrorKind::InvalidInput], says)?;
    let printed = value.to_string();
    assert_eq!(back(printed.parse::<T>(), &printed), value);
    Some(value)
}
