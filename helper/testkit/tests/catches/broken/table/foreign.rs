//! Defects with what others wrote into the same storage.

use super::{D, Row};

pub(super) const ALL: &[Row] = &[
    (
        D::HidesForeignRecords,
        "a scan leaves out what others wrote",
        &[
            "backend::foreign::foreign_records_come_as_such_at_their_places",
            "backend::foreign::a_scanner_at_the_tail_is_woken_by_a_foreign_record",
            "wal::foreign::a_run_of_foreign_records_is_one_gap",
            "wal::foreign::foreign_records_are_handed_out_on_request",
        ],
    ),
    (
        D::ForeignRecordsAreBounds,
        "the newest that bounds name may be a foreign record",
        &["backend::foreign::bounds_are_those_of_records"],
    ),
    (
        D::CountsForeignRecords,
        "a scan of the last n counts foreign records",
        &["backend::foreign::the_last_records_are_counted_without_foreign_ones"],
    ),
];
