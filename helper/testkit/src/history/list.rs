use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::str::FromStr;

use walx_core::{Error, ErrorKind, Result};

use super::event::{Event, What};
use super::order::Order;

/// What was called, answered and delivered, by one process or several.
///
/// Its text has a line an event; it parses back. A last line without an end is left out: its process was killed while
/// it wrote.
#[derive(Clone, Debug, Default)]
pub struct History {
    events: Vec<Event>,
    order: Order,
}

impl History {
    /// The history of these events; of each process they are ordered by their numbers.
    ///
    /// # Errors
    /// `InvalidInput` where two events have the same number, or each of two waits for the other.
    pub fn new(events: Vec<Event>) -> Result<Self> {
        Self::merge([Self {
            events,
            order: Order::default(),
        }])
    }

    /// The histories of several processes as one. No clock orders them: only the `after` and `ended` events do.
    ///
    /// # Errors
    /// `InvalidInput` where two processes have the same number, or each of two events waits for the other.
    pub fn merge(histories: impl IntoIterator<Item = Self>) -> Result<Self> {
        let mut processes = BTreeMap::<u32, Vec<Event>>::new();
        for event in histories.into_iter().flat_map(|history| history.events) {
            processes.entry(event.id.process).or_default().push(event);
        }
        for events in processes.values_mut() {
            events.sort_by_key(|event| event.id);
            if let Some(pair) = events.windows(2).find(|pair| pair[0].id == pair[1].id) {
                return Err(wrong(format!(
                    "two events are numbered {}: give each process of a history a number of its own",
                    pair[0].id
                )));
            }
        }
        let processes = processes
            .into_iter()
            .map(|(process, events)| (process, VecDeque::from(events)))
            .collect();
        let events = in_order(processes)?;
        let order = Order::of(&events);
        Ok(Self { events, order })
    }

    /// The events, each behind all that certainly came before it.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    pub(super) fn order(&self) -> &Order {
        &self.order
    }

    /// Some of the events, with what is known of their order from those that stay.
    pub(super) fn part(&self, keep: &[usize]) -> Self {
        let events: Vec<_> = keep.iter().map(|at| self.events[*at].clone()).collect();
        let order = Order::of(&events);
        Self { events, order }
    }
}

/// Puts each event behind what it is `after`.
fn in_order(mut waiting: BTreeMap<u32, VecDeque<Event>>) -> Result<Vec<Event>> {
    let mut events = Vec::with_capacity(waiting.values().map(VecDeque::len).sum());
    let names: Vec<u32> = waiting.keys().copied().collect();
    loop {
        let before = events.len();
        for name in &names {
            while let Some(event) = waiting.get(name).and_then(VecDeque::front) {
                let of = |process: &u32| waiting.get(process).and_then(VecDeque::front);
                let ready = match &event.what {
                    What::After { point } if point.process != *name => {
                        of(&point.process).is_none_or(|next| next.id > *point)
                    }
                    What::Ended { process } if process != name => of(process).is_none(),
                    _ => true,
                };
                if !ready {
                    break;
                }
                events.extend(waiting.get_mut(name).and_then(VecDeque::pop_front));
            }
        }
        if waiting.values().all(VecDeque::is_empty) {
            return Ok(events);
        }
        if events.len() == before {
            let stuck = waiting.values().find_map(VecDeque::front);
            return Err(wrong(format!(
                "the events wait for each other, as {} does: a process can't be after its own future",
                stuck.map_or_else(String::new, ToString::to_string)
            )));
        }
    }
}

impl FromStr for History {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole.lines().filter(|line| !line.trim().is_empty());
        Self::new(lines.map(str::parse).collect::<Result<_>>()?)
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.events
            .iter()
            .try_for_each(|event| writeln!(f, "{event}"))
    }
}

fn wrong(reason: String) -> Error {
    Error::new(ErrorKind::InvalidInput, reason).with_operation("read a history")
}
