use std::time::{SystemTime, UNIX_EPOCH};

use walx::{Description, End, Lsn, MessageId, Position, Tick};

use crate::exit::{Code, Failure};
use crate::tail::position;

const FORMS: &str = "use lsn:N, id:ID, tick:N or time:2025-01-31T12:00:00Z";

/// The last place that goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Until {
    Lsn(Lsn),
    Id(MessageId),
    Tick(Tick),
}

/// The place that a text means: those of `tail` that name a place by itself, not one by its distance from an end.
pub(super) fn parse(text: &str) -> Result<Until, String> {
    match position::parse(text) {
        Ok(Position::Lsn(lsn)) => Ok(Until::Lsn(lsn)),
        Ok(Position::At(id)) => Ok(Until::Id(id)),
        Ok(Position::Tick(tick)) => Ok(Until::Tick(tick)),
        Ok(Position::Time(time)) => Ok(Until::Tick(last_tick(time))),
        Err(error) if error != position::FORMS => Err(error),
        _ => Err(FORMS.to_owned()),
    }
}

/// The last tick of a time's millisecond.
fn last_tick(time: SystemTime) -> Tick {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let most = u64::MAX >> Tick::COUNTER_BITS;
    let first = Tick::from_unix_ms(ms.min(most));
    Tick::new(first.get() | ((1 << Tick::COUNTER_BITS) - 1))
}

impl Until {
    /// Where a scan ends that reads what goes; none where all that is kept lies behind the place.
    pub(super) fn end(self, it: &Description) -> Result<Option<End>, Failure> {
        let beyond = |text: String| Err(Failure::new(Code::Usage, text));
        match self {
            Self::Lsn(lsn) if lsn >= it.tail.lsn => beyond(format!(
                "lsn {lsn} lies beyond the last message of channel '{}': the next one gets lsn {}",
                it.channel, it.tail.lsn
            )),
            Self::Lsn(lsn) if it.earliest.is_some_and(|earliest| lsn < earliest) => Ok(None),
            Self::Lsn(lsn) => Ok(Some(End::Lsn(lsn))),
            Self::Id(id) => match it.bounds.newest {
                Some(newest) if id.partial_cmp(&newest).is_none_or(|it| it.is_gt()) => {
                    beyond(format!(
                        "{id} is no id of channel '{}': its newest is {newest}",
                        it.channel
                    ))
                }
                _ if it.bounds.earliest.is_some_and(|earliest| id < earliest) => Ok(None),
                _ => Ok(Some(End::Id(id))),
            },
            // A scan until a tick that is still to come would wait for it.
            Self::Tick(tick) if tick >= it.tail.tick => Ok(Some(End::Tail)),
            Self::Tick(tick) => Ok(Some(End::Tick(tick))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_takes_the_whole_of_its_millisecond() {
        let Ok(Until::Tick(tick)) = parse("time:2025-01-31T12:00:00Z") else {
            panic!("a time is a tick");
        };
        assert_eq!(tick.unix_ms(), 1_738_324_800_000);
        assert_eq!(tick.next().unix_ms(), 1_738_324_800_001);
        let far = UNIX_EPOCH + Duration::from_secs(u64::MAX >> 8);
        assert_eq!(last_tick(far), Tick::new(u64::MAX));
    }

    #[test]
    fn places_by_their_distance_are_no_end() {
        for text in ["earliest", "latest", "last:7", "all", ""] {
            assert_eq!(parse(text), Err(FORMS.to_owned()), "{text}");
        }
        assert_eq!(parse("lsn:7"), Ok(Until::Lsn(Lsn::new(7))));
        assert!(parse("lsn:x").unwrap_err().contains("\"x\" is no number"));
    }
}
