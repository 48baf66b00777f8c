//! A writer on a bad line: what its failures leave behind, and how the log goes on. The faults are brought about by
//! the switches of `crate::faults`; the faulty runs add delays and calls that fail and pass.

mod append;
mod bed;
mod call;

use self::append::{
    a_close_answers_appends_whose_answers_are_held,
    a_refused_append_is_nowhere_and_nothing_overtakes_it,
    an_append_becomes_durable_while_its_answer_is_held,
    an_append_whose_answer_is_lost_is_there_once,
    appends_on_their_way_at_a_cut_are_there_in_order_or_not_at_all,
};
use self::call::{
    a_channel_whose_open_was_not_answered_can_be_opened_again,
    a_cut_handle_fails_every_call_until_the_channel_is_opened_again,
    an_open_that_does_not_get_through_disturbs_nobody,
    scans_that_fail_go_on_behind_their_last_record,
};
use crate::Case;
use crate::case::case;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            an_append_whose_answer_is_lost_is_there_once,
            "It is `OutcomeUnknown`, later ones fail, and the next writer finds it in its place, once."
        ),
        case!(
            a_refused_append_is_nowhere_and_nothing_overtakes_it,
            "Those before it are acknowledged, it and those behind it are `NotWritten`, and none of them ever lands."
        ),
        case!(
            a_cut_handle_fails_every_call_until_the_channel_is_opened_again,
            "Appends are `NotWritten`, other calls and scanners `Unavailable`; its token opens again, and the log goes on."
        ),
        case!(
            appends_on_their_way_at_a_cut_are_there_in_order_or_not_at_all,
            "Each one is answered; a beginning of them has landed, with everything that was acknowledged in it."
        ),
        case!(
            an_append_becomes_durable_while_its_answer_is_held,
            "Scanners see it, nobody behind it is answered before it, and all answers come once the line is free."
        ),
        case!(
            a_close_answers_appends_whose_answers_are_held,
            "No append hangs behind a close, and what was acknowledged is there."
        ),
        case!(
            scans_that_fail_go_on_behind_their_last_record,
            "A scan that is started again behind the last record misses nothing and repeats nothing."
        ),
        case!(
            an_open_that_does_not_get_through_disturbs_nobody,
            "It is `Unavailable`, and the writer goes on."
        ),
        case!(
            a_channel_whose_open_was_not_answered_can_be_opened_again,
            "The older writer is never acknowledged behind the new one, and the log is whole."
        ),
    ]
}
