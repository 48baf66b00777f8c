//! What becomes of a damaged store, case by case. Each case is checked on a store that was closed and on one whose
//! process was killed, by readers and by the next writer, strict and salvaging; [`checker`] says what must hold.
//!
//! | Case | Strict | Salvage | Tests |
//! |---|---|---|---|
//! | a bit flips in a segment | `Corrupt` with file and offset; padding and footers: all is delivered | all but the frame (or the segment, if its header is hit) | `a_flipped_bit_in_any_byte_of_a_segment` |
//! | a bit flips in a manifest, `ACKED`, `LOCK` | all is delivered: the other copy counts | the same | `a_flipped_bit_in_any_byte_of_a_manifest`, `…_of_acked`, `…_of_the_lock` |
//! | a 4 KiB block is zeroed | as for a bit | all but what lay in the block | `a_zeroed_block` |
//! | two 4 KiB blocks are swapped | as for a bit | all but what lay in the two | `two_swapped_blocks` |
//! | two segments are swapped | `Corrupt` | all but the two | `two_swapped_segments` |
//! | a block of an older place, of another segment, of another store | as for a bit | all but what lay in the block | `a_stale_block` |
//! | garbage behind the tail, short, long, frames of another store, an earlier frame | all is delivered, the garbage is cut off | the same | `garbage_behind_the_tail` |
//! | garbage behind a sealed segment | all is delivered | the same | `garbage_behind_a_sealed_segment` |
//! | a file is lost, emptied, or another store's | segment: `Corrupt`; manifest, `ACKED`, `LOCK`: all is delivered | all but that segment | `a_lost_file`, `an_emptied_file`, `a_foreign_file` |
//! | both manifests are lost | `Corrupt` | `Corrupt` | `both_manifests` |
//! | nothing is readable | `Corrupt` | the loss is told | `nothing_that_can_be_read` |
//! | unknown files | all is delivered | the same | `unknown_files` |
//! | a file is extended by zeros | all is delivered | the same | `a_file_with_zeros_behind_it` |
//! | a sync fails once, each in turn | the store fails, the next open recovers it | the same | `a_sync_that_fails_once_each_in_turn` |
//! | the disk is full | appends wait | the same | `full.rs`, `tmpfs.rs` |

mod bits;
mod blocks;
mod checker;
mod files;
mod image;
mod syncs;
