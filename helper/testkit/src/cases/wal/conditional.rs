//! Appends that hold only where something else holds.

use walx_core::{ErrorKind, Expected, IdempotencyOption, Lsn, Message, ScanOption, Term};

use super::text::hands_out;
use crate::case::{case, ensure, refused};
use crate::log::{new_log, option};
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            an_append_gets_the_lsn_that_it_expects_or_is_a_conflict,
            "The error names the lsn that it would have got, and nothing is written."
        ),
        case!(
            an_append_expects_the_term_of_its_owner,
            "Another term is a `Conflict` that names the owner's."
        ),
        case!(
            of_many_that_expect_one_lsn_at_once_one_gets_it,
            "The others are conflicts: it is decided where places are taken."
        ),
        case!(
            a_known_key_answers_before_what_is_expected,
            "The append was made, whatever lies behind it."
        ),
    ]
}

const CONFLICT: [ErrorKind; 1] = [ErrorKind::Conflict];

fn lsn(lsn: u64) -> Expected {
    Expected::new().with_lsn(Lsn::new(lsn))
}

async fn an_append_gets_the_lsn_that_it_expects_or_is_a_conflict(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let first = wal.append_if("a".into(), lsn(0)).await?;
    ensure!(
        first.lsn == Lsn::ZERO,
        "it expects lsn 0, and has {first:?}"
    );
    for expected in [0, 2, 77] {
        let refusal = wal.append_if("no".into(), lsn(expected)).await;
        let error = refused(refusal, &CONFLICT, "an append that expects another lsn")?;
        ensure!(
            error.to_string().contains('1'),
            "the error does not name lsn 1: {error}"
        );
    }
    let second = wal.append_if("b".into(), lsn(1)).await?;
    ensure!(
        second.lsn == Lsn::new(1),
        "it expects lsn 1, and has {second:?}"
    );
    wal.append_if("c".into(), Expected::new()).await?;
    hands_out(&*wal, ScanOption::earliest(), "a b c").await?;
    Ok(store.close().await?)
}

async fn an_append_expects_the_term_of_its_owner(context: Context) -> Outcome {
    let store = context.store().await?;
    let wal = store
        .open(option(&context)?.with_term(Term::new(41)))
        .await?;
    let term = |term| Expected::new().with_term(Term::new(term));
    wal.append_if("a".into(), term(41)).await?;
    for other in [40, 42] {
        let refusal = wal.append_if("no".into(), term(other)).await;
        let error = refused(refusal, &CONFLICT, "an append that expects another term")?;
        ensure!(
            error.to_string().contains("41"),
            "the error does not name term 41: {error}"
        );
    }
    wal.append_if("b".into(), term(41).with_lsn(Lsn::new(1)))
        .await?;
    hands_out(&*wal, ScanOption::earliest(), "a b").await?;
    Ok(store.close().await?)
}

async fn of_many_that_expect_one_lsn_at_once_one_gets_it(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    for round in 0..5 {
        let appends: Vec<_> = (0..20)
            .map(|_| wal.append_if(Message::new(format!("{round}")), lsn(round)))
            .collect();
        let mut won = 0;
        for append in appends {
            match append.await {
                Ok(place) => {
                    ensure!(
                        place.lsn == Lsn::new(round),
                        "it expects lsn {round}, and has {place:?}"
                    );
                    won += 1;
                }
                refusal => {
                    refused(refusal, &CONFLICT, "an append that came too late")?;
                }
            }
        }
        ensure!(won == 1, "{won} of 20 got lsn {round}");
    }
    hands_out(&*wal, ScanOption::earliest(), "0 1 2 3 4").await?;
    Ok(store.close().await?)
}

async fn a_known_key_answers_before_what_is_expected(context: Context) -> Outcome {
    let store = context.store().await?;
    let option = option(&context)?.with_idempotency(IdempotencyOption::default());
    let wal = store.open(option).await?;
    let message = || Message::new("a").with_idempotency_key("key");
    let first = wal.append_if(message(), lsn(0)).await?;
    wal.append("b".into()).await?;
    let again = wal.append_if(message(), lsn(0)).await?;
    ensure!(
        first == again,
        "a key was answered with {first:?}, and then with {again:?}"
    );
    hands_out(&*wal, ScanOption::earliest(), "a b").await?;
    Ok(store.close().await?)
}
