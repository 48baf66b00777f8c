use super::Event;

/// A line of a writer of the demo: what is taken stands for the same event when it is written anew. Says whether it was
/// taken.
pub(crate) fn event(bytes: &[u8]) -> bool {
    let event = std::str::from_utf8(bytes).ok().and_then(Event::parse);
    let Some(event) = event else {
        return false;
    };
    let printed = event.to_string();
    assert_eq!(Event::parse(&printed), Some(event), "{printed}");
    true
}

#[cfg(test)]
#[test]
fn kept_and_changed_events_keep_the_promises() {
    crate::inputs::check("demo_event", event, 2_000);
}
