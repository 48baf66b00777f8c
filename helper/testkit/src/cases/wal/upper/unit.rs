use walx_core::{Entry, Place, ScanOption, VirtualChannel};

use crate::log::Sent;
use crate::{Failure, Outcome};

/// What a scan delivers at one place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unit {
    /// A message.
    Message(Sent),
    /// A transaction, at its commit.
    Transaction {
        place: Place,
        stream: Option<VirtualChannel>,
        bodies: Vec<Sent>,
    },
}

impl Unit {
    pub(super) fn of(entry: &Entry) -> Outcome<Self> {
        Ok(match entry {
            Entry::Message(it) => Self::Message(Sent {
                place: it.place,
                message: it.message.clone(),
            }),
            Entry::Transaction(it) => {
                let bodies = it.messages().map(|body| {
                    let body = body?;
                    Ok(Sent {
                        place: body.place,
                        message: body.message,
                    })
                });
                Self::Transaction {
                    place: it.place,
                    stream: it.virtual_channel.clone(),
                    bodies: bodies.collect::<walx_core::Result<_>>()?,
                }
            }
            other => {
                return Err(Failure::new(format!(
                    "where a message or a transaction must come, there is {other:?}"
                )));
            }
        })
    }

    pub(super) fn place(&self) -> Place {
        match self {
            Self::Message(it) => it.place,
            Self::Transaction { place, .. } => *place,
        }
    }

    pub(super) fn is_wanted(&self, option: &ScanOption) -> bool {
        let stream = match self {
            Self::Message(it) => &it.message.virtual_channel,
            Self::Transaction { stream, .. } => stream,
        };
        let wanted = &option.virtual_channels;
        wanted.is_empty() || stream.as_ref().is_none_or(|it| wanted.contains(it))
    }
}
