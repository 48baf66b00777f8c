//! What somebody else wrote between two messages: a run of foreign records, which is told as one gap.

use walx_core::{Gap, GapReason, MessageId};

/// Foreign records with no numbered record between them; however many there are, this is all that is kept of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForeignRun {
    count: u64,
    first: MessageId,
    pub(crate) last: MessageId,
    /// The last record before them that was read.
    after: Option<MessageId>,
}

impl ForeignRun {
    /// Adds one to a run, or begins one behind the record `after`.
    pub(crate) fn add(run: &mut Option<Self>, id: MessageId, after: Option<MessageId>) {
        let run = run.get_or_insert(Self {
            count: 0,
            first: id,
            last: id,
            after,
        });
        run.count += 1;
        run.last = id;
    }

    /// How it is told; `before` is the first record behind it.
    pub(crate) fn gap(self, before: Option<MessageId>) -> Gap {
        let (first, last) = (self.first, self.last);
        let detail = match self.count {
            1 => format!("1 record that walx did not write, {first}"),
            count => format!("{count} records that walx did not write, {first} to {last}"),
        };
        let mut gap = Gap::new(GapReason::Foreign, detail);
        (gap.after, gap.before) = (self.after, before);
        gap
    }
}

#[cfg(test)]
mod tests {
    use walx_core::BackendName;

    use super::*;

    #[test]
    fn a_run_says_how_many_there_are_and_from_where_to_where() {
        let id = |number| MessageId::from_u64(BackendName::constant("kafka"), number);
        let mut run = None;
        ForeignRun::add(&mut run, id(5), Some(id(4)));
        let one = run.clone().unwrap().gap(None);
        assert_eq!((one.after, one.before), (Some(id(4)), None));
        let text = "gap (foreign): 1 record that walx did not write, kafka:0000000000000005";
        assert_eq!(one.to_string(), text);
        ForeignRun::add(&mut run, id(7), Some(id(6)));
        let two = run.unwrap().gap(Some(id(8)));
        assert_eq!((two.after, two.before), (Some(id(4)), Some(id(8))));
        assert_eq!((two.seqs, two.lsns), (None, None));
        let text =
            "2 records that walx did not write, kafka:0000000000000005 to kafka:0000000000000007";
        assert_eq!(two.detail, text);
    }
}
