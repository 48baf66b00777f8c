//! What must hold of the text of histories. Compiled for tests and for fuzzing only.

use super::{Event, History};

/// A history, or a line of one: printed, it is the same one again. Says whether it was taken.
pub fn history(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    for line in text.lines() {
        match line.parse::<Event>() {
            Ok(event) => {
                let printed = event.to_string();
                match printed.parse::<Event>() {
                    Ok(back) => assert_eq!(back, event, "{printed}"),
                    Err(error) => panic!("what was printed is not taken back: {error}"),
                }
            }
            Err(error) => assert!(error.to_string().contains("no event"), "{error}"),
        }
    }
    let Ok(history) = text.parse::<History>() else {
        return false;
    };
    let printed = history.to_string();
    match printed.parse::<History>() {
        Ok(back) => assert_eq!(back.events(), history.events(), "{printed}"),
        Err(error) => panic!("what was printed is not taken back: {printed}: {error}"),
    }
    true
}

#[cfg(test)]
#[path = "../../../fuzz/inputs.rs"]
mod inputs;

#[cfg(test)]
#[test]
fn kept_and_changed_histories_keep_the_promises() {
    inputs::check("history", history, 2_000);
}
