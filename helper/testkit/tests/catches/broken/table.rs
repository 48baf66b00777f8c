//! What each defect does, and which cases are there to find it.

mod foreign;

use super::Defect as D;

/// A defect, what the backend does, and cases that must find it, whatever others do.
pub(crate) type Row = (D, &'static str, &'static [&'static str]);

/// Each defect.
pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
    OF_RECORDS.iter().chain(foreign::ALL)
}

const OF_RECORDS: &[Row] = &[
    (
        D::ScanSkips,
        "a scan leaves out each fourth record",
        &[
            "backend::open::a_store_opened_anew_has_what_was_written",
            "wal::append::lsns_count_from_zero_across_opens",
            "backend::fault::scans_that_fail_go_on_behind_their_last_record",
        ],
    ),
    (
        D::ScanRepeats,
        "a scan hands out each fourth record twice",
        &["backend::concurrency::scanners_during_writes_see_the_same_whole_log"],
    ),
    (
        D::ScanSwaps,
        "a scan swaps two records of a batch",
        &["backend::open::a_channel_opened_again_and_again_keeps_what_was_written"],
    ),
    (
        D::ScanRepeatsAfterAWait,
        "a scan that waited hands out its last record again",
        &["backend::cancel::a_wait_that_is_given_up_takes_no_record_with_it"],
    ),
    (
        D::ScanHoldsTheNewestBack,
        "a scan hands out a record only once there is another one behind it",
        &[
            "backend::tail::a_record_is_delivered_without_another_append",
            "wal::read_only::a_reader_knows_the_tail",
        ],
    ),
    (
        D::ScanEndsAtATruncationWithoutAReason,
        "a scan that a truncation overtakes waits for ever",
        &["backend::gaps::a_lost_start_is_lost_for_readers_and_after_a_new_open_too"],
    ),
    (
        D::ScannerSleepsThroughAppends,
        "an append wakes no scanner",
        &["backend::tail::a_task_that_waits_for_a_record_is_woken_by_an_append"],
    ),
    (
        D::ScannerSleepsThroughCloses,
        "a close wakes no scanner",
        &["backend::close::a_task_that_waits_for_a_record_is_woken_by_a_close"],
    ),
    (
        D::ScannersOfAHandleShareAPlace,
        "two scanners of one handle take each other's records",
        &["backend::concurrency::two_scanners_of_one_handle_are_independent"],
    ),
    (
        D::ScanIgnoresReadAhead,
        "a scan hands out all there is at once",
        &["backend::limits::a_batch_of_scanned_records_is_no_larger_than_the_read_ahead"],
    ),
    (
        D::AtExcludes,
        "a scan at an id starts behind it",
        &["backend::positions::at_includes_its_record_and_after_does_not"],
    ),
    (
        D::AfterIncludes,
        "a scan behind an id starts at it",
        &["backend::positions::at_includes_its_record_and_after_does_not"],
    ),
    (
        D::LastGivesTooFew,
        "a scan of the last n starts one record too late",
        &["backend::positions::last_delivers_at_least_so_many"],
    ),
    (
        D::LatestIsFoundAtTheFirstPoll,
        "a scan of what comes finds its place when it is first polled",
        &["backend::tail::latest_misses_nothing_while_the_head_moves"],
    ),
    (
        D::NearStartsTooLate,
        "a scan near a mark starts one record too late",
        &["backend::positions::near_a_mark_starts_at_or_before_it"],
    ),
    (
        D::ForeignIdsAreTaken,
        "an id of another backend is taken for one of its own",
        &["backend::ids::an_id_of_another_backend_is_refused"],
    ),
    (
        D::JumpsOverTruncated,
        "a scan from what was truncated starts at the earliest record",
        &[
            "backend::truncate::a_truncated_position_is_lost_and_the_earliest_is_named",
            "wal::truncate::a_start_that_was_truncated_is_an_error_by_default",
        ],
    ),
    (
        D::LostNamesNoEarliest,
        "a lost position does not name the earliest record",
        &["backend::truncate::a_truncated_position_is_lost_and_the_earliest_is_named"],
    ),
    (
        D::LostIsNotFound,
        "a lost position is NotFound",
        &["backend::truncate::a_truncated_position_is_lost_and_the_earliest_is_named"],
    ),
    (
        D::LosesWhoHasSeenEverything,
        "a scan behind the newest record is lost where everything was truncated",
        &["backend::truncate::a_truncation_of_everything_leaves_a_log_that_goes_on"],
    ),
    (
        D::AppendsAtFirstPoll,
        "an append takes its place when its future is first polled",
        &[
            "backend::order::futures_that_are_awaited_in_reverse_keep_the_order_of_the_calls",
            "backend::cancel::a_future_that_is_never_polled_does_not_hold_its_append_up",
            "backend::fault::an_append_becomes_durable_while_its_answer_is_held",
        ],
    ),
    (
        D::ReordersTwoAppends,
        "of two appends on their way the second lies first",
        &["backend::order::futures_that_are_awaited_in_reverse_keep_the_order_of_the_calls"],
    ),
    (
        D::StoresHalfABatch,
        "the last record of a batch is answered and not stored",
        &[
            "backend::append::a_batch_lies_at_consecutive_places",
            "wal::append::every_way_to_append_takes_the_next_place",
        ],
    ),
    (
        D::AnswersOneIdForABatch,
        "a batch is answered with one id",
        &["backend::batch::a_batch_of_a_thousand_is_whole"],
    ),
    (
        D::AnswersTheIdBefore,
        "an append is answered with the id of the record before",
        &["backend::append::an_answer_names_the_place_of_its_record"],
    ),
    (
        D::CutsLargeBatches,
        "of a batch only the first 5,000 records are stored",
        &["backend::ids::ids_ascend_behind_65536_records"],
    ),
    (
        D::CountsInTwoBytes,
        "ids begin again behind 65,536 records",
        &["backend::ids::ids_ascend_behind_65536_records"],
    ),
    (
        D::LosesTheNewestAtAClose,
        "an append is answered before it is stored, and lost if the writer ends",
        &[
            "backend::reopen::every_id_names_the_same_record_after_a_new_open",
            "wal::append::lsns_count_from_zero_across_opens",
        ],
    ),
    (
        D::DoublesTheNewestAtAnOpen,
        "an open writes the newest record again",
        &["backend::open::a_channel_opened_again_and_again_keeps_what_was_written"],
    ),
    (
        D::GoesOnAfterAFailure,
        "an append fails, and those behind it are taken",
        &["backend::concurrency::many_readers_see_the_same"],
    ),
    (
        D::LosesProperties,
        "properties are not stored",
        &[
            "backend::record::any_properties_come_back",
            "wal::append::a_message_comes_back_as_it_was",
        ],
    ),
    (
        D::ReversesProperties,
        "properties come back in another order",
        &["backend::record::any_properties_come_back"],
    ),
    (
        D::TakesValuesForText,
        "values that are no text come back changed",
        &["backend::record::any_properties_come_back"],
    ),
    (
        D::CutsLongPayloads,
        "a payload above 64 KiB is cut",
        &["wal::append::a_message_comes_back_as_it_was"],
    ),
    (
        D::ForgetsTheKey,
        "the idempotency key is not stored",
        &["backend::record::every_field_of_the_header_comes_back"],
    ),
    (
        D::HasNoLimit,
        "a record above the limit is taken",
        &["backend::record::a_record_above_the_limit_is_too_large"],
    ),
    (
        D::LimitIsAnotherError,
        "a record above the limit is Internal",
        &["backend::limits::a_batch_with_a_record_above_the_limit_is_refused_whole"],
    ),
    (
        D::NeverFences,
        "an older writer's appends are taken as the newest one's",
        &[
            "backend::fence::a_writer_of_another_opener_fences_an_older_one",
            "wal::owner::an_owner_that_was_overtaken_is_never_acknowledged_again",
            "backend::fault::a_channel_whose_open_was_not_answered_can_be_opened_again",
        ],
    ),
    (
        D::FencedIsUnavailable,
        "a fenced writer is told Unavailable",
        &["backend::fence::a_second_open_makes_the_first_writer_powerless_or_is_refused"],
    ),
    (
        D::OlderWritersTruncate,
        "an older writer may truncate",
        &["backend::fence::a_second_open_makes_the_first_writer_powerless_or_is_refused"],
    ),
    (
        D::ResumeTakesOver,
        "Resume opens whoever opened since",
        &["backend::fence::a_stale_token_is_fenced_and_disturbs_nobody"],
    ),
    (
        D::ResumeNeverWorks,
        "Resume is always Fenced",
        &["backend::fence::a_writer_opens_again_with_its_token"],
    ),
    (
        D::TokensAreEqual,
        "all writers have one token",
        &["backend::fence::a_stale_token_is_fenced_and_disturbs_nobody"],
    ),
    (
        D::TokensOutliveWhoeverCameAfter,
        "an old token opens again once the newer writer has ended",
        &["backend::fence::a_stale_token_stays_fenced_after_the_end_of_whoever_opened_since"],
    ),
    (
        D::TokensAreOfOneOpener,
        "Resume knows of no writer that another opener opened",
        &["backend::fence::a_token_is_stale_where_another_opener_s_writer_was_opened_since"],
    ),
    (
        D::TruncatesNothing,
        "a truncation does nothing",
        &[
            "backend::truncate::the_earliest_moves_behind_the_id",
            "wal::truncate::a_start_that_was_truncated_is_a_gap_on_request",
        ],
    ),
    (
        D::TruncatesOneTooMany,
        "a truncation takes the record behind the id, too",
        &["backend::truncate::what_lies_behind_a_truncation_stays_and_the_log_goes_on"],
    ),
    (
        D::TruncatesOneTooFew,
        "a truncation leaves the record at the id",
        &["backend::truncate::the_earliest_moves_behind_the_id"],
    ),
    (
        D::TruncatingAgainFails,
        "truncating what is gone is an error",
        &["backend::truncate::truncating_again_is_no_error"],
    ),
    (
        D::TruncatesBeyondTheTail,
        "truncating beyond the tail is no error",
        &["backend::truncate::an_id_beyond_the_newest_is_refused"],
    ),
    (
        D::NewestIsBehind,
        "the newest that bounds name is the one before",
        &["backend::scan::bounds_name_the_earliest_and_the_newest"],
    ),
    (
        D::EarliestIsAhead,
        "the earliest that bounds name is the newest",
        &["backend::scan::bounds_name_the_earliest_and_the_newest"],
    ),
    (
        D::BoundsForgetWhatWasTruncated,
        "bounds of a log of which everything was truncated are those of an empty one",
        &["backend::truncate::a_truncation_of_everything_leaves_a_log_that_goes_on"],
    ),
    (
        D::BoundsCreate,
        "asking for the bounds of a missing channel creates it",
        &["backend::open::a_missing_channel_is_not_found_and_not_made"],
    ),
    (
        D::ReadersCreate,
        "opening a missing channel for reading creates it",
        &[
            "backend::open::a_missing_channel_is_not_found_and_not_made",
            "wal::read_only::a_reader_of_a_missing_channel_creates_nothing",
        ],
    ),
    (
        D::ReadersFence,
        "opening a reader fences the writer",
        &["backend::read_only::a_reader_does_not_fence_the_writer"],
    ),
    (
        D::OpenersShareNothing,
        "two openers do not see each other's records",
        &["backend::open::a_store_opened_anew_has_what_was_written"],
    ),
    (
        D::ChannelsMix,
        "all channels are one",
        &["backend::open::two_channels_of_a_store_do_not_mix"],
    ),
    (
        D::NamesAreOneCase,
        "names of channels are told apart without their case",
        &["backend::open::channels_whose_names_are_alike_do_not_mix"],
    ),
    (
        D::NamesAreCut,
        "of a channel's name 63 characters are kept",
        &["backend::open::channels_whose_names_are_alike_do_not_mix"],
    ),
    (
        D::EmptyChannelsGo,
        "a channel without records is not found",
        &["backend::open::a_channel_without_records_is_there_after_a_new_open"],
    ),
    (
        D::ListsBackwards,
        "the list descends",
        &["backend::open::the_list_of_channels_is_sorted_and_whole"],
    ),
    (
        D::ListsNothing,
        "the list is empty",
        &["backend::open::the_list_of_channels_is_sorted_and_whole"],
    ),
    (
        D::UnknownKeysAreTaken,
        "an unknown key of the configuration is ignored",
        &["backend::open::an_unknown_key_is_refused_by_name"],
    ),
    (
        D::CloseDoesNothing,
        "a close leaves the handle open",
        &["backend::close::a_closed_handle_is_closed"],
    ),
    (
        D::ClosedIsUnavailable,
        "a closed handle is Unavailable",
        &["backend::close::a_closed_handle_is_closed"],
    ),
    (
        D::ClosingTwiceFails,
        "closing a handle again is an error",
        &["backend::close::closing_twice_is_closing_once"],
    ),
    (
        D::CloseHangs,
        "the close of a writer never answers",
        &["backend::close::closing_twice_is_closing_once"],
    ),
    (
        D::StoreLeavesHandlesOpen,
        "closing a store leaves its handles open",
        &["backend::close::scanners_end_with_their_store"],
    ),
    (
        D::AReadersCloseClosesAll,
        "closing a reader closes every handle of its channel",
        &["backend::close::a_closed_reader_is_of_no_concern_to_others"],
    ),
];
