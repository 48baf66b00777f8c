//! How the driver waits for those in the queue whom the shared budget or the flow holds up. Only while somebody is held
//! up is there anything of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use walx_core::{BoxFuture, Category, Reserve};
use walx_utility::clock;
use walx_utility::sync::lock;

use super::Writer;
use super::room::Want;

/// What the driver waits for, for the first one in the queue.
pub(super) enum Pace {
    Bytes(Reserve, u64),
    /// Its time is over, or the flow has changed.
    Time {
        time: BoxFuture<()>,
        changed: BoxFuture<()>,
        ticket: u64,
    },
}

impl Pace {
    /// Starts to wait; `None` where it isn't needed any more.
    pub(super) fn start(writer: &Arc<Writer>, want: Want) -> Option<Self> {
        match want {
            Want::Bytes { ticket, bytes } => {
                let reserve = writer.shared.limits().reserve(Category::InFlight, bytes);
                Some(Self::Bytes(reserve, ticket))
            }
            Want::Time { .. } => {
                let changed = writer.flow.as_ref()?.changed();
                // It may have changed before: it is asked once more.
                let mut order = lock(&writer.order);
                writer.admit_waiting(&mut order);
                let want = order.budget.want();
                writer.unlock(order);
                match want? {
                    Want::Time { ticket, time } => Some(Self::Time {
                        time: Box::pin(clock::sleep(time)),
                        changed,
                        ticket,
                    }),
                    Want::Bytes { .. } => None,
                }
            }
        }
    }

    /// Whether it is what is wanted.
    pub(super) fn serves(&self, want: Option<Want>) -> bool {
        match (self, want) {
            (Self::Bytes(reserve, of), Some(Want::Bytes { ticket, bytes })) => {
                (*of, reserve.bytes()) == (ticket, bytes)
            }
            (Self::Time { ticket: of, .. }, Some(Want::Time { ticket, .. })) => *of == ticket,
            _ => false,
        }
    }

    /// Lets the first one go on, once it may.
    pub(super) fn poll(&mut self, writer: &Arc<Writer>, context: &mut Context<'_>) -> Poll<()> {
        let granted = match self {
            Self::Bytes(reserve, ticket) => match Pin::new(reserve).poll(context) {
                Poll::Ready(charge) => Some((*ticket, charge)),
                Poll::Pending => return Poll::Pending,
            },
            Self::Time { time, changed, .. } => {
                let over = time.as_mut().poll(context).is_ready();
                if !(changed.as_mut().poll(context).is_ready() || over) {
                    return Poll::Pending;
                }
                None
            }
        };
        let granted = granted.map(|(ticket, charge)| {
            let bytes = charge.bytes();
            writer.shared.absorb(charge);
            (ticket, bytes)
        });
        let mut order = lock(&writer.order);
        if let Some((ticket, bytes)) = granted {
            order.budget.grant(ticket, bytes);
        }
        writer.admit_waiting(&mut order);
        writer.unlock(order);
        Poll::Ready(())
    }
}
