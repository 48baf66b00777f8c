use super::*;

#[path = "../../../../helper/fuzz/inputs.rs"]
mod inputs;

use inputs::check;

#[test]
fn kept_and_changed_marks_keep_the_promises() {
    check("mark", mark, 4_000);
}

#[test]
fn kept_and_changed_trace_contexts_keep_the_promises() {
    check("trace_parent", trace_parent, 4_000);
}

#[test]
fn kept_and_changed_files_of_keys_keep_the_promises() {
    check("keys", keys, 2_000);
}
