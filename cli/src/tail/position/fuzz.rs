use walx::Position;

use super::{FORMS, parse};

/// A position: it is refused with a reason, or stands for the same one when it is written anew. Says whether it was
/// taken.
pub(crate) fn position(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let position = match parse(text) {
        Ok(position) => position,
        Err(reason) => {
            let said = [
                FORMS,
                "is no number",
                "is no time in UTC",
                "is no message id",
            ];
            assert!(said.iter().any(|it| reason.contains(it)), "{reason}");
            return false;
        }
    };
    let printed = printed(position);
    assert_eq!(parse(&printed).as_ref(), Ok(&position), "{printed}");
    true
}

fn printed(position: Position) -> String {
    match position {
        Position::Earliest => "earliest".to_owned(),
        Position::Latest => "latest".to_owned(),
        Position::At(id) => format!("id:{id}"),
        Position::Lsn(lsn) => format!("lsn:{lsn}"),
        Position::Tick(tick) => format!("tick:{}", tick.get()),
        Position::Time(time) => format!("time:{}", humantime::format_rfc3339_nanos(time)),
        Position::Last(count) => format!("last:{count}"),
        other => panic!("no text means {other:?}"),
    }
}

#[cfg(test)]
#[test]
fn kept_and_changed_positions_keep_the_promises() {
    crate::inputs::check("position", position, 2_000);
}
