//! What readers make of what lies in a topic, whoever wrote it.

mod ahead;
mod bed;
mod bounds;
mod contents;
mod damage;
mod drops;
mod ends;
pub(crate) mod history;
mod outage;
mod overtaken;
mod starts;
mod tail;
