//! Compares what two stores deliver.

use std::collections::VecDeque;
use std::sync::Arc;

use walx_core::{
    ChannelName, End, Entry, ErrorKind, Message, Opener, Place, Result, RoWal, ScanOption, Scanner,
};

use super::origin::Origin;

/// How two stores compare.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Compared {
    /// Messages and transactions that are equal.
    pub equal: u64,
    /// Those at the end of the first store that the second one doesn't have yet.
    pub behind: u64,
    /// The first difference; what lies behind it was not compared.
    pub difference: Option<Difference>,
}

/// Where two stores differ.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// Where the first store's entry lies; `None` where it has none.
    pub first: Option<Place>,
    /// Where the second store's entry lies; `None` where it has none.
    pub second: Option<Place>,
    /// How they differ.
    pub what: String,
}

pub(super) async fn compare(
    first: &Arc<dyn Opener>,
    second: &Arc<dyn Opener>,
    channel: &ChannelName,
) -> Result<Compared> {
    let first = first.open_read_only(channel.clone().into()).await?;
    let second = match second.open_read_only(channel.clone().into()).await {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        opened => Some(opened?),
    };
    let compared = async {
        // The second one ends first, so that whatever it has the first one has.
        let mut copies = match &second {
            Some(second) => Side::start(second.as_ref()).await?,
            None => Side::default(),
        };
        let mut originals = Side::start(first.as_ref()).await?;
        compare_sides(&mut originals, &mut copies).await
    }
    .await;
    for wal in [Some(first), second].into_iter().flatten() {
        wal.close().await?;
    }
    compared
}

async fn compare_sides(first: &mut Side, second: &mut Side) -> Result<Compared> {
    let mut compared = Compared {
        equal: 0,
        behind: 0,
        difference: None,
    };
    // Whether the second one may have what the first one no longer has: at its start, and where it has a gap.
    let mut may_skip = true;
    let mut original = first.next(&mut may_skip).await?;
    loop {
        let mut gap = false;
        let copy = second.next(&mut gap).await?;
        let differ = |original: Option<&Item>, copy: Option<&Item>, what: &str| {
            Some(Difference {
                first: original.map(|it| it.place),
                second: copy.map(|it| it.place),
                what: what.to_owned(),
            })
        };
        let what = match (&original, &copy) {
            _ if gap => Some("the second store has a gap"),
            (Some(_), None) => {
                compared.behind = 1 + first.count().await?;
                return Ok(compared);
            }
            (None, None) => return Ok(compared),
            (_, Some(copy)) => match (&original, copy.copied_from) {
                (_, None) => Some("no mirror wrote the second store's entry"),
                (None, Some(_)) if may_skip => continue,
                (None, Some(_)) => Some("the first store has no such entry"),
                (Some(original), Some(from))
                    if from.token.last() < original.origin.token.last() =>
                {
                    if may_skip {
                        continue;
                    }
                    Some("the first store has no such entry")
                }
                (Some(original), Some(from)) => original.difference(copy, from),
            },
        };
        if let Some(what) = what {
            compared.difference = differ(original.as_ref(), copy.as_ref(), what);
            return Ok(compared);
        }
        compared.equal += 1;
        may_skip = false;
        original = first.next(&mut may_skip).await?;
    }
}

/// One of the two stores.
#[derive(Default)]
struct Side {
    scanner: Option<Box<dyn Scanner>>,
    ready: VecDeque<Entry>,
}

/// What is compared: a message, or those of a transaction.
struct Item {
    place: Place,
    origin: Origin,
    messages: Vec<Message>,
    /// Of a copy: the messages without their marks, and where they come from.
    copied_from: Option<Origin>,
    copied: Vec<Message>,
    is_transaction: bool,
}

impl Side {
    async fn start(wal: &dyn RoWal) -> Result<Self> {
        let option = ScanOption::earliest().until(End::Tail);
        Ok(Self {
            scanner: Some(wal.scan(option).await?),
            ready: VecDeque::new(),
        })
    }

    /// The next message or transaction that has messages; notes gaps before it.
    async fn next(&mut self, gap: &mut bool) -> Result<Option<Item>> {
        loop {
            let Some(entry) = self.ready.pop_front() else {
                let Some(scanner) = &mut self.scanner else {
                    return Ok(None);
                };
                self.ready = scanner.next_batch(256).await?.into();
                if self.ready.is_empty() {
                    self.scanner = None;
                }
                continue;
            };
            if let Entry::Gap(found) = &entry {
                *gap |= found.reason.is_hole();
            } else if let Some(item) = Item::of(&entry)? {
                return Ok(Some(item));
            }
        }
    }

    /// How many are left.
    async fn count(&mut self) -> Result<u64> {
        let mut left = 0;
        while self.next(&mut false).await?.is_some() {
            left += 1;
        }
        Ok(left)
    }
}

impl Item {
    /// `None` of what leaves no copy.
    fn of(entry: &Entry) -> Result<Option<Self>> {
        let (Some(place), Some(origin)) = (entry.place(), Origin::of(entry)) else {
            return Ok(None);
        };
        let messages = match entry {
            Entry::Message(placed) => vec![placed.message.clone()],
            Entry::Transaction(transaction) if transaction.count() > 0 => transaction
                .messages()
                .map(|body| body.map(|it| it.message))
                .collect::<Result<_>>()?,
            _ => return Ok(None),
        };
        let mut copied_from = None;
        let copied = messages.iter().map_while(|message| {
            let (message, origin, _) = Origin::unmark(message.clone())?;
            // All of one transaction come from one.
            (*copied_from.get_or_insert(origin) == origin).then_some(message)
        });
        let copied: Vec<_> = copied.collect();
        Ok(Some(Self {
            place,
            origin,
            copied_from: copied_from.filter(|_| copied.len() == messages.len()),
            messages,
            copied,
            is_transaction: matches!(entry, Entry::Transaction(_)),
        }))
    }

    /// How a copy differs from this; `None` where it does not.
    fn difference(&self, copy: &Self, from: Origin) -> Option<&'static str> {
        if from.token.last() > self.origin.token.last() {
            return Some("the second store lacks it");
        }
        if from != self.origin {
            return Some("the second store's entry is a copy of another log");
        }
        if self.is_transaction != copy.is_transaction {
            return Some("one of them is a transaction");
        }
        if self.messages.len() != copy.copied.len() {
            return Some("the transactions have different numbers of messages");
        }
        let differs = |name, same: fn(&Message, &Message) -> bool| {
            let mut both = self.messages.iter().zip(&copy.copied);
            (!both.all(|(a, b)| same(a, b))).then_some(name)
        };
        differs("the payloads differ", |a, b| a.payload == b.payload)
            .or_else(|| differs("the properties differ", |a, b| a.properties == b.properties))
            .or_else(|| differs("the messages differ", |a, b| a == b))
    }
}
