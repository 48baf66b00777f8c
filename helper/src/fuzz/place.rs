use std::fmt::{Debug, Display};
use std::str::FromStr;

use walx_core::{Error, ErrorKind, MessageId, ResumeToken};

use super::{back, taken, text};

/// The text of an id.
pub fn id(bytes: &[u8]) -> bool {
    let Some(id) = comes_back::<MessageId>(bytes, "is no message id") else {
        return false;
    };
    assert!((1..=MessageId::MAX_BYTES).contains(&id.bytes().len()));
    let same = MessageId::new(id.backend(), id.bytes());
    assert_eq!(back(same, id), id);
    true
}

/// The text of a resume token.
pub fn token(bytes: &[u8]) -> bool {
    comes_back::<ResumeToken>(bytes, "is no resume token").is_some()
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
