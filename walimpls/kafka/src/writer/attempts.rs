//! Opens of this process that got no answer: their marks may lie in the log all the same, and belong to nobody.

use std::collections::VecDeque;
use std::sync::Mutex;

use walx_utility::sync::lock;

use super::token::WriterToken;
use crate::record::Token;

/// The most that are remembered. Each is forgotten once its writer has opened again, or another one has.
const MOST: usize = 4096;

/// For whom marks were written, and what they hold.
static UNANSWERED: Mutex<VecDeque<(WriterToken, Token)>> = Mutex::new(VecDeque::new());

/// A mark is about to be written for whoever resumes with this token.
pub(super) fn begin(resumed: WriterToken, mark: Token) {
    let mut unanswered = lock(&UNANSWERED);
    if unanswered.len() == MOST {
        unanswered.pop_front();
    }
    unanswered.push_back((resumed, mark));
}

/// Whether a mark is of an open that never answered whoever has this token.
pub(super) fn is_unanswered(resumed: WriterToken, mark: &Token) -> bool {
    lock(&UNANSWERED).contains(&(resumed, *mark))
}

/// Nobody opens with this token again: an open was answered, or another owner has the channel.
pub(super) fn forget(resumed: WriterToken) {
    lock(&UNANSWERED).retain(|(token, _)| *token != resumed);
}
