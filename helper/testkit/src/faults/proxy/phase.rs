//! How far a proxy's connections have come, and what is to be done then.

use std::sync::Mutex;

use walx_utility::sync::lock;

use super::Way;

/// A moment of a proxy's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The next connection has been accepted, and nothing of it was forwarded.
    Connection,
    /// So many bytes have been forwarded that way.
    Bytes(Way, u64),
}

/// What a proxy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// All connections are reset.
    Cut,
    /// All connections end in order.
    Close,
    /// Nothing is forwarded that way.
    Stall(Way),
    /// New connections are reset.
    Refuse,
}

type Look = Box<dyn FnMut(Way, &[u8]) -> Option<Action> + Send>;

#[derive(Default)]
pub(super) struct Phases(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<(Phase, Action)>,
    look: Option<Look>,
    forwarded: [u64; 2],
    connections: u64,
}

impl Phases {
    pub(super) fn add(&self, phase: Phase, action: Action) {
        lock(&self.0).waiting.push((phase, action));
    }

    pub(super) fn look(&self, look: Look) {
        lock(&self.0).look = Some(look);
    }

    /// A connection was accepted: what is to be done.
    pub(super) fn connected(&self) -> Vec<Action> {
        let mut state = lock(&self.0);
        state.connections += 1;
        state.take(|phase| *phase == Phase::Connection)
    }

    /// Some bytes were read: what is to be done before they are forwarded.
    pub(super) fn read(&self, way: Way, bytes: &[u8]) -> Option<Action> {
        lock(&self.0)
            .look
            .as_mut()
            .and_then(|look| look(way, bytes))
    }

    /// How many of so many bytes may be forwarded before something is to be done.
    pub(super) fn room(&self, way: Way, bytes: usize) -> usize {
        let state = lock(&self.0);
        let left = state.waiting.iter().filter_map(|(phase, _)| match phase {
            Phase::Bytes(of, left) if *of == way => usize::try_from(*left).ok(),
            _ => None,
        });
        left.min().map_or(bytes, |left| left.clamp(1, bytes.max(1)))
    }

    /// So many bytes were forwarded: what is to be done.
    pub(super) fn forward(&self, way: Way, bytes: usize) -> Vec<Action> {
        let mut state = lock(&self.0);
        state.forwarded[way as usize] += bytes as u64;
        for (phase, _) in &mut state.waiting {
            if let Phase::Bytes(of, left) = phase
                && *of == way
            {
                *left = left.saturating_sub(bytes as u64);
            }
        }
        state.take(|phase| matches!(phase, Phase::Bytes(_, 0)))
    }

    pub(super) fn forwarded(&self, way: Way) -> u64 {
        lock(&self.0).forwarded[way as usize]
    }

    pub(super) fn connections(&self) -> u64 {
        lock(&self.0).connections
    }
}

impl State {
    fn take(&mut self, is_due: impl Fn(&Phase) -> bool) -> Vec<Action> {
        let due = self.waiting.extract_if(.., |(phase, _)| is_due(phase));
        due.map(|(_, action)| action).collect()
    }
}
