//! Layers wrap whole stores: what goes through one is a store again.

mod mirror;

pub use self::mirror::{
    Acknowledge, Compared, Difference, Mirror, MirrorOption, MirrorState, MirrorWal,
};
