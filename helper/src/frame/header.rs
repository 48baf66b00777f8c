use bytes::Bytes;
use walx_core::{
    Chunk, Error, ErrorKind, Flags, Header, Kind, Lsn, Owner, Result, Seq, Term, Tick,
    TransactionContext, TransactionId, VirtualChannel,
};

use super::cursor::{Cursor, corrupt, length};

/// The version that this walx writes, and the newest that it reads.
pub const VERSION: u8 = 1;

const FIXED_BYTES: usize = 1 + 1 + 2 + 2 + 8 + 4 + 8;

const SEQ: u16 = 1;
const LSN: u16 = 1 << 1;
const VIRTUAL_CHANNEL: u16 = 1 << 2;
const TRANSACTION: u16 = 1 << 3;
const COUNT: u16 = 1 << 4;
const KEEPALIVE: u16 = 1 << 5;
const OLDEST_OPEN: u16 = 1 << 6;
const KEY: u16 = 1 << 7;
const CHUNK: u16 = 1 << 8;
const KNOWN: u16 = (1 << 9) - 1;

/// Appends the bytes of a header to `out`.
pub fn encode_header(header: &Header, out: &mut Vec<u8>) {
    out.extend_from_slice(&[VERSION, header.kind.code()]);
    out.extend_from_slice(&header.flags.bits().to_le_bytes());
    out.extend_from_slice(&presence(header).to_le_bytes());
    out.extend_from_slice(&header.owner.term.get().to_le_bytes());
    out.extend_from_slice(&header.owner.incarnation.to_le_bytes());
    out.extend_from_slice(&header.tick.get().to_le_bytes());
    if let Some(seq) = header.seq {
        out.extend_from_slice(&seq.get().to_le_bytes());
    }
    if let Some(lsn) = header.lsn {
        out.extend_from_slice(&lsn.get().to_le_bytes());
    }
    if let Some(name) = &header.virtual_channel {
        // A name has at most 65,535 bytes: its type says so.
        out.extend_from_slice(&(name.as_str().len() as u16).to_le_bytes());
        out.extend_from_slice(name.as_str().as_bytes());
    }
    if let Some(transaction) = header.transaction {
        out.extend_from_slice(&transaction.id.0.get().to_le_bytes());
        if let Some(count) = transaction.count {
            out.extend_from_slice(&count.to_le_bytes());
        }
        if let Some(keepalive_ms) = transaction.keepalive_ms {
            out.extend_from_slice(&keepalive_ms.to_le_bytes());
        }
    }
    if let Some(seq) = header.oldest_open {
        out.extend_from_slice(&seq.get().to_le_bytes());
    }
    if let Some(key) = &header.idempotency_key {
        out.extend_from_slice(&length(key.len()).to_le_bytes());
        out.extend_from_slice(key);
    }
    if let Some(chunk) = header.chunk {
        out.extend_from_slice(&chunk.index.to_le_bytes());
        out.extend_from_slice(&chunk.total.to_le_bytes());
    }
}

/// The header of bytes that [`encode_header`] wrote, and nothing behind them.
///
/// # Errors
/// As [`decode`](super::decode).
pub fn decode_header(bytes: &[u8]) -> Result<Header> {
    let mut cursor = Cursor::new(bytes);
    let header = decode_from(&mut cursor, Bytes::copy_from_slice)?;
    match cursor.left() {
        0 => Ok(header),
        left => Err(corrupt(format!(
            "{left} bytes stand behind the header's end"
        ))),
    }
}

pub(super) fn encoded_len(header: &Header) -> usize {
    let presence = presence(header);
    let fixed = [
        (SEQ, 8),
        (LSN, 8),
        (VIRTUAL_CHANNEL, 2),
        (TRANSACTION, 8),
        (COUNT, 4),
        (KEEPALIVE, 8),
        (OLDEST_OPEN, 8),
        (KEY, 4),
        (CHUNK, 8),
    ];
    let fixed: usize = fixed
        .iter()
        .filter(|(bit, _)| presence & bit != 0)
        .map(|(_, bytes)| bytes)
        .sum();
    let name = header
        .virtual_channel
        .as_ref()
        .map_or(0, |name| name.as_str().len());
    FIXED_BYTES + fixed + name + header.idempotency_key.as_ref().map_or(0, Bytes::len)
}

/// `keep` makes a field's own bytes of a part of the input.
pub(super) fn decode_from(
    cursor: &mut Cursor<'_>,
    keep: impl FnOnce(&[u8]) -> Bytes,
) -> Result<Header> {
    match cursor.u8("header version")? {
        VERSION => {}
        0 => {
            return Err(corrupt(
                "the record has header version 0, which no walx writes".to_owned(),
            ));
        }
        newer => {
            return Err(newer_walx(format!(
                "header version {newer}; this one reads up to version {VERSION}"
            )));
        }
    }
    let code = cursor.u8("kind")?;
    let kind = Kind::from_code(code).ok_or_else(|| newer_walx(format!("kind {code}")))?;
    let bits = cursor.u16("flags")?;
    let flags = Flags::from_bits(bits).ok_or_else(|| newer_walx(format!("flags {bits:#06x}")))?;
    let presence = cursor.u16("presence bits")?;
    if presence & !KNOWN != 0 {
        return Err(newer_walx(format!(
            "header fields {:#06x}",
            presence & !KNOWN
        )));
    }
    let has = |bit: u16| presence & bit != 0;
    if has(COUNT | KEEPALIVE) && !has(TRANSACTION) {
        return Err(corrupt(
            "the header has fields of a transaction, and no transaction".to_owned(),
        ));
    }

    let owner = Owner {
        term: Term::new(cursor.u64("term")?),
        incarnation: cursor.u32("incarnation")?,
    };
    let mut header = Header::new(kind, owner, Tick::new(cursor.u64("tick")?));
    header.flags = flags;
    header.seq = has(SEQ)
        .then(|| cursor.u64("seq").map(Seq::new))
        .transpose()?;
    header.lsn = has(LSN)
        .then(|| cursor.u64("lsn").map(Lsn::new))
        .transpose()?;
    header.virtual_channel = has(VIRTUAL_CHANNEL)
        .then(|| virtual_channel(cursor))
        .transpose()?;
    if has(TRANSACTION) {
        header.transaction = Some(TransactionContext {
            id: TransactionId(Seq::new(cursor.u64("transaction id")?)),
            count: has(COUNT)
                .then(|| cursor.u32("transaction count"))
                .transpose()?,
            keepalive_ms: has(KEEPALIVE)
                .then(|| cursor.u64("transaction keepalive"))
                .transpose()?,
        });
    }
    header.oldest_open = has(OLDEST_OPEN)
        .then(|| cursor.u64("oldest open seq").map(Seq::new))
        .transpose()?;
    header.idempotency_key = has(KEY)
        .then(|| cursor.bytes32("idempotency key").map(keep))
        .transpose()?;
    header.chunk = has(CHUNK).then(|| chunk(cursor)).transpose()?;
    check_numbers(&header)?;
    Ok(header)
}

/// A Barrier takes no number; everything else has both, or the density of the log could not be proved.
fn check_numbers(header: &Header) -> Result<()> {
    let numbered = header.kind != Kind::Barrier;
    if header.seq.is_some() == numbered && header.lsn.is_some() == numbered {
        return Ok(());
    }
    let must = if numbered {
        "must have"
    } else {
        "must not have"
    };
    Err(corrupt(format!(
        "a {:?} {must} a seq and an lsn (seq: {:?}, lsn: {:?})",
        header.kind, header.seq, header.lsn
    )))
}

fn virtual_channel(cursor: &mut Cursor<'_>) -> Result<VirtualChannel> {
    let name = cursor.text16("virtual channel")?;
    VirtualChannel::new(name).map_err(|error| corrupt(error.message().to_owned()))
}

fn chunk(cursor: &mut Cursor<'_>) -> Result<Chunk> {
    let chunk = Chunk {
        index: cursor.u32("chunk index")?,
        total: cursor.u32("chunk total")?,
    };
    if chunk.index < chunk.total {
        return Ok(chunk);
    }
    Err(corrupt(format!(
        "chunk {} of {} can't be: they count from 0",
        chunk.index, chunk.total
    )))
}

fn newer_walx(met: String) -> Error {
    let text = format!("a newer walx wrote this record: it has {met}; upgrade walx to read it");
    Error::new(ErrorKind::Unsupported, text).with_operation("decode record")
}

fn presence(header: &Header) -> u16 {
    let transaction = header.transaction.as_ref();
    let fields = [
        (SEQ, header.seq.is_some()),
        (LSN, header.lsn.is_some()),
        (VIRTUAL_CHANNEL, header.virtual_channel.is_some()),
        (TRANSACTION, transaction.is_some()),
        (COUNT, transaction.is_some_and(|it| it.count.is_some())),
        (
            KEEPALIVE,
            transaction.is_some_and(|it| it.keepalive_ms.is_some()),
        ),
        (OLDEST_OPEN, header.oldest_open.is_some()),
        (KEY, header.idempotency_key.is_some()),
        (CHUNK, header.chunk.is_some()),
    ];
    fields
        .into_iter()
        .filter(|(_, set)| *set)
        .fold(0, |bits, (bit, _)| bits | bit)
}
