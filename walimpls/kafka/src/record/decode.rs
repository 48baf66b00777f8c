use bytes::{Bytes, BytesMut};
use walx_core::{Error, ErrorKind, Header, Properties, Record, Result};
use walx_helper::frame;

use super::{Content, MARK, MARK_VERSION, READ, RECORD, Stamp, Token, name};

/// What a message at this offset, of this payload and these headers, is. Payload and property values are copied into
/// `block`, so that whoever keeps one keeps none of librdkafka's buffers.
///
/// # Errors
/// `Unsupported` for what only a newer walx writes; `Corrupt` for what no walx writes, though it says that it is walx's.
pub(crate) fn decode<'a>(
    offset: i64,
    payload: &[u8],
    headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    block: &mut BytesMut,
) -> Result<Content> {
    let mut ours = Ours::default();
    let mut properties: Vec<(&[u8], &[u8])> = Vec::new();
    for (name, value) in headers {
        if !ours.take(name, value)? {
            properties.push((name, value));
        }
    }
    match ours {
        Ours {
            record: Some((header, writer)),
            mark: None,
            read,
            newer,
        } => {
            if let Some(name) = newer {
                return Err(newer_walx(&format!("the header {name:?}")));
            }
            let stamp = Stamp { writer, read };
            check(stamp, offset)?;
            let list = properties.into_iter().map(|(name, value)| {
                let Some(name) = name::property(name) else {
                    let text = format!("{:?} is no property", String::from_utf8_lossy(name));
                    return Err(corrupt(text));
                };
                Ok((name, copy(value, block)))
            });
            let record = Record {
                header,
                properties: list.collect::<Result<Properties>>()?,
                payload: copy(payload, block),
            };
            Ok(Content::Record(record, stamp))
        }
        Ours {
            record: None,
            mark: Some(token),
            ..
        } => Ok(Content::Mark(token)),
        Ours {
            record: None,
            mark: None,
            ..
        } => Ok(Content::Foreign),
        _ => Err(corrupt("it is a record and a mark".to_owned())),
    }
}

/// What the headers of walx itself say.
#[derive(Default)]
struct Ours {
    record: Option<(Header, i64)>,
    mark: Option<Token>,
    read: Option<i64>,
    /// A name that this walx keeps for later.
    newer: Option<String>,
}

impl Ours {
    /// `false` where the header is none of walx's own.
    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<bool> {
        if !name::is_ours(name) {
            return Ok(false);
        }
        if name == RECORD.as_bytes() {
            once(&mut self.record, record(value)?, RECORD)?;
        } else if name == MARK.as_bytes() {
            once(&mut self.mark, mark(value)?, MARK)?;
        } else if name == READ.as_bytes() {
            once(&mut self.read, offset(value, READ)?, READ)?;
        } else if name::is_property(name) {
            return Ok(false);
        } else {
            self.newer = Some(String::from_utf8_lossy(name).into_owned());
        }
        Ok(true)
    }
}

fn once<T>(slot: &mut Option<T>, value: T, name: &str) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(corrupt(format!("it has two headers {name:?}"))),
    }
}

fn record(value: &[u8]) -> Result<(Header, i64)> {
    let Some((header, writer)) = value.split_last_chunk::<8>() else {
        return Err(corrupt(format!(
            "its header {RECORD:?} ends inside the writer"
        )));
    };
    Ok((frame::decode_header(header)?, offset(writer, RECORD)?))
}

fn mark(value: &[u8]) -> Result<Token> {
    match value {
        [version, ..] if *version > MARK_VERSION => {
            Err(newer_walx(&format!("a mark of version {version}")))
        }
        [MARK_VERSION, token @ ..] => token
            .try_into()
            .map_err(|_| corrupt(format!("its mark has {} bytes", value.len()))),
        _ => Err(corrupt("its mark has no version".to_owned())),
    }
}

fn offset(value: &[u8], name: &str) -> Result<i64> {
    let bytes = value.try_into().ok();
    let offset = bytes.map(i64::from_le_bytes).filter(|&it| it >= 0);
    offset.ok_or_else(|| corrupt(format!("its header {name:?} holds no offset")))
}

/// What a record names lies before it. Else one damaged or forged number would make all later records, and every owner,
/// look overtaken for ever; one that names an offset before it does so until the next open's mark.
fn check(stamp: Stamp, offset: i64) -> Result<()> {
    let Stamp { writer, read } = stamp;
    if writer >= offset {
        let text =
            format!("it names the mark at offset {writer} as its writer's, which is not before it");
        return Err(corrupt(text));
    }
    match read.filter(|&read| read > offset) {
        Some(read) => {
            let text =
                format!("it says that its writer had read up to offset {read}, which is behind it");
            Err(corrupt(text))
        }
        None => Ok(()),
    }
}

fn copy(bytes: &[u8], block: &mut BytesMut) -> Bytes {
    if bytes.is_empty() {
        return Bytes::new();
    }
    block.extend_from_slice(bytes);
    block.split().freeze()
}

fn corrupt(text: String) -> Error {
    Error::new(ErrorKind::Corrupt, text)
}

fn newer_walx(met: &str) -> Error {
    let text = format!("a newer walx wrote this record: it has {met}; upgrade walx to read it");
    Error::new(ErrorKind::Unsupported, text)
}
