//! What users see of a bad line between the adaptor and the backend. The faults are brought about by the switches of
//! `crate::faults`; the faulty runs add delays and scans that fail and pass. Each case ends by holding the history of
//! all its calls to every promise.

mod append;
mod bed;
mod open;
mod scan;
mod workload;

use self::append::{
    a_close_takes_bounded_time_while_the_backend_stalls,
    a_message_that_is_refused_never_appears_and_nothing_overtakes_it,
    a_message_whose_acknowledgement_is_lost_is_there_once,
    a_stalled_append_holds_back_those_behind_it,
    a_wal_whose_connection_is_cut_finds_out_what_landed_and_goes_on,
    a_wal_whose_connection_is_cut_says_so_and_the_next_owner_goes_on,
};
use self::open::{
    an_open_that_fails_at_any_step_leaks_nothing, an_open_whose_barrier_fails_leaks_nothing,
};
use self::scan::{a_record_that_comes_twice_is_delivered_once, scans_survive_reads_that_fail};
use self::workload::any_faults_at_all_break_no_promise;
use crate::Case;
use crate::case::case;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_message_whose_acknowledgement_is_lost_is_there_once,
            "Its append is `OutcomeUnknown` or acknowledged after all, and the message is there, once."
        ),
        case!(
            a_message_that_is_refused_never_appears_and_nothing_overtakes_it,
            "What is called behind it is not acknowledged before it; what is `NotWritten` is nowhere."
        ),
        case!(
            a_wal_whose_connection_is_cut_finds_out_what_landed_and_goes_on,
            "Every append is acknowledged, in the order of the calls, and lies once where it was acknowledged."
        ),
        case!(
            a_wal_whose_connection_is_cut_says_so_and_the_next_owner_goes_on,
            "Where it may not recover, every append is answered, and the next owner has all that was acknowledged."
        ),
        case!(
            a_stalled_append_holds_back_those_behind_it,
            "Nobody is acknowledged or reads from the owner what is not confirmed; then all come in order."
        ),
        case!(
            scans_survive_reads_that_fail,
            "Owner and readers deliver each message once, in order, however often their reads end."
        ),
        case!(
            a_record_that_comes_twice_is_delivered_once,
            "Copies in the log are nobody's concern: no double, no gap."
        ),
        case!(
            a_close_takes_bounded_time_while_the_backend_stalls,
            "Appends on their way are `OutcomeUnknown`, and the next owner finds each once or not at all."
        ),
        case!(
            an_open_that_fails_at_any_step_leaks_nothing,
            "Whichever call of it fails, it is `Unavailable`, and the next open finds everything."
        ),
        case!(
            an_open_whose_barrier_fails_leaks_nothing,
            "A Barrier that is refused, or whose answer is lost, fails the open, and the next one finds everything."
        ),
        case!(
            any_faults_at_all_break_no_promise,
            "Owners, appends, readers and truncations under faults of all sorts, drawn from a seed."
        ),
    ]
}
