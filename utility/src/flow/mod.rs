//! How fast appends may go: several sources say what they can bear, and the strictest wins.

mod adaptive;
mod append_rate;
mod bucket;
mod controller;
mod mux;
mod profile;
mod state;
#[cfg(test)]
mod tests;

pub use self::adaptive::AdaptiveSource;
pub use self::append_rate::AppendRate;
pub use self::bucket::Bucket;
pub use self::controller::Controller;
pub use self::mux::{FlowControl, FlowSource, FlowWatch};
pub use self::profile::{Pressure, Profile, Watermarks};
pub use self::state::{FlowState, Rate};
