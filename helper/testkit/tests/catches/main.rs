//! The suite finds what it is there to find: each defect of a backend makes the cases fail that promise the opposite.

mod broken;

use std::sync::Arc;

use walx_core::Config;
use walx_memory::MemoryStore;
use walx_testkit::{TestStore, cases, run};

use broken::{Broken, Defect};

fn store(defect: Defect) -> TestStore {
    TestStore::new(
        Arc::new(Broken::new(MemoryStore::new().builder(), defect)),
        Config::new(),
    )
}

/// Whether the case of this name passes.
fn passes(name: &str, defect: Defect) -> bool {
    let cases = cases();
    let case = cases
        .iter()
        .find(|case| case.name() == name)
        .unwrap_or_else(|| panic!("there is no case {name}"));
    let store = store(defect);
    let capability = store.builder.capability();
    assert_eq!(case.excused(&capability), None, "{name}");
    run(case, store, capability).is_ok()
}

fn catches(defect: Defect, names: &[&str]) {
    for name in names {
        assert!(
            passes(name, Defect::None),
            "{name} fails on a sound backend"
        );
        assert!(!passes(name, defect), "{name} does not find {defect:?}");
    }
}

#[test]
fn every_case_has_a_name_of_its_own_and_a_promise() {
    let mut names: Vec<_> = cases().iter().map(|case| case.name()).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    for case in cases() {
        let (name, promise) = (case.name(), case.promise());
        assert!(
            name.starts_with("backend::") || name.starts_with("wal::"),
            "{name}"
        );
        assert!(
            promise.ends_with('.') && promise.len() > 20,
            "{name}: {promise}"
        );
    }
}

#[test]
fn every_case_of_the_backend_level_passes_on_a_sound_backend() {
    for case in cases()
        .iter()
        .filter(|case| case.name().starts_with("backend::"))
    {
        let store = store(Defect::None);
        let capability = store.builder.capability();
        if case.excused(&capability).is_none() {
            assert_eq!(run(case, store, capability), Ok(()), "{}", case.name());
        }
    }
}

#[test]
fn a_record_that_a_scan_skips_is_found() {
    catches(
        Defect::ScanSkips,
        &[
            "backend::open::a_store_opened_anew_has_what_was_written",
            "backend::scan::scanners_during_writes_see_the_same_whole_log",
            "wal::append::lsns_count_from_zero_across_opens",
        ],
    );
}

#[test]
fn a_record_that_a_scan_repeats_is_found() {
    catches(
        Defect::ScanRepeats,
        &["backend::scan::scanners_during_writes_see_the_same_whole_log"],
    );
}

#[test]
fn a_start_that_is_off_by_one_is_found() {
    let names = ["backend::scan::at_includes_its_record_and_after_does_not"];
    catches(Defect::AtExcludes, &names);
    catches(Defect::AfterIncludes, &names);
}

#[test]
fn a_silent_jump_over_what_was_truncated_is_found() {
    catches(
        Defect::JumpsOverTruncated,
        &[
            "backend::truncate::a_truncated_position_is_lost_and_the_earliest_is_named",
            "wal::truncate::a_start_that_was_truncated_is_an_error_by_default",
        ],
    );
}

#[test]
fn a_truncation_that_does_nothing_is_found() {
    catches(
        Defect::TruncatesNothing,
        &[
            "backend::truncate::the_earliest_moves_behind_the_id",
            "wal::truncate::a_start_that_was_truncated_is_a_gap_on_request",
        ],
    );
}

#[test]
fn an_append_that_takes_its_place_at_the_first_poll_is_found() {
    catches(
        Defect::AppendsAtFirstPoll,
        &[
            "backend::append::futures_that_are_awaited_in_reverse_keep_the_order_of_the_calls",
            "backend::append::a_future_that_is_never_polled_does_not_hold_its_append_up",
            "backend::append::a_dropped_future_neither_cancels_nor_repeats_its_append",
        ],
    );
}

#[test]
fn a_batch_that_is_stored_in_part_is_found() {
    catches(
        Defect::StoresHalfABatch,
        &[
            "backend::append::a_batch_lies_at_consecutive_places",
            "wal::append::every_way_to_append_takes_the_next_place",
        ],
    );
}

#[test]
fn properties_that_get_lost_are_found() {
    catches(
        Defect::LosesProperties,
        &[
            "backend::record::any_properties_come_back",
            "wal::append::a_message_comes_back_as_it_was",
        ],
    );
}

#[test]
fn an_older_writer_that_goes_on_is_found() {
    catches(
        Defect::NeverFences,
        &[
            "backend::fence::a_second_open_makes_the_first_writer_powerless_or_is_refused",
            "backend::fence::a_writer_of_another_opener_fences_an_older_one",
            "wal::owner::an_owner_that_was_overtaken_is_never_acknowledged_again",
        ],
    );
}

#[test]
fn a_resume_that_takes_over_is_found() {
    catches(
        Defect::ResumeTakesOver,
        &["backend::fence::a_stale_token_is_fenced_and_disturbs_nobody"],
    );
}

#[test]
fn a_reader_that_creates_its_channel_is_found() {
    catches(
        Defect::ReadersCreate,
        &[
            "backend::open::a_missing_channel_is_not_found_and_not_made",
            "wal::read_only::a_reader_of_a_missing_channel_creates_nothing",
        ],
    );
}

#[test]
fn a_list_without_order_is_found() {
    catches(
        Defect::ListsBackwards,
        &["backend::open::the_list_of_channels_is_sorted_and_whole"],
    );
}

#[test]
fn a_close_that_leaves_the_handle_open_is_found() {
    catches(
        Defect::CloseDoesNothing,
        &["backend::close::a_closed_handle_is_closed"],
    );
}

#[test]
fn defects_are_found_by_the_cases_about_faults_too() {
    catches(
        Defect::ScanSkips,
        &["backend::fault::scans_that_fail_go_on_behind_their_last_record"],
    );
    catches(
        Defect::AfterIncludes,
        &["backend::fault::scans_that_fail_go_on_behind_their_last_record"],
    );
    catches(
        Defect::NeverFences,
        &["backend::fault::a_channel_whose_open_was_not_answered_can_be_opened_again"],
    );
    catches(
        Defect::AppendsAtFirstPoll,
        &["backend::fault::an_append_becomes_durable_while_its_answer_is_held"],
    );
}
