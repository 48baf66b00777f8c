//! What may lie in a topic whose writers fence by reading back, and which of it counts.

use crate::record::Stamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Mark,
    Record(Stamp),
    Foreign,
}

/// Events at the offsets of their places.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(pub(crate) Vec<Event>);

/// One that doesn't know yet that it was overtaken may still append.
struct Writer {
    mark: i64,
    read: i64,
}

impl History {
    /// A history that the numbers choose.
    pub(crate) fn of(choices: &[u8]) -> Self {
        let mut history = Self::default();
        let mut writers: Vec<Writer> = Vec::new();
        for &choice in choices {
            let end = history.0.len() as i64;
            let number = usize::from(choice / 8) % writers.len().max(1);
            match (choice % 8, writers.get_mut(number)) {
                (0, _) | (_, None) => {
                    history.0.push(Event::Mark);
                    let (mark, read) = (end, end + 1);
                    writers.push(Writer { mark, read });
                }
                (1, _) => history.0.push(Event::Foreign),
                (2 | 3, Some(writer)) => {
                    let read = (writer.read + i64::from(choice) / 40).min(end);
                    let met = |mark: &i64| *mark > writer.mark && *mark < read;
                    if history.marks().any(|mark| met(&mark)) {
                        writers.remove(number);
                    } else {
                        writer.read = read;
                    }
                }
                (_, Some(writer)) => history.0.push(Event::Record(Stamp {
                    writer: writer.mark,
                    read: Some(writer.read),
                })),
            }
        }
        history
    }

    fn marks(&self) -> impl Iterator<Item = i64> {
        let offsets = (0..).zip(&self.0);
        offsets.filter_map(|(offset, event)| (*event == Event::Mark).then_some(offset))
    }

    /// The newest mark before an offset.
    pub(crate) fn newest_before(&self, offset: i64) -> Option<i64> {
        self.marks().take_while(|mark| *mark < offset).last()
    }

    /// The offsets of the records that count, from one on.
    pub(crate) fn counting(&self, from: i64) -> Vec<i64> {
        let counts = |offset: &i64| match self.0[*offset as usize] {
            Event::Record(stamp) => self.newest_before(*offset) == Some(stamp.writer),
            _ => false,
        };
        (from..self.0.len() as i64).filter(counts).collect()
    }

    /// The largest number of a writer that a look at these offsets finds.
    pub(crate) fn largest(&self, from: i64, until: i64) -> Option<i64> {
        let numbers = (from..until).map(|offset| match self.0[offset as usize] {
            Event::Mark => Some(offset),
            Event::Record(stamp) => Some(stamp.writer),
            Event::Foreign => None,
        });
        numbers.max().flatten()
    }
}
