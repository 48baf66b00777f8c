//! `walx conformance --list`.

use serde::Serialize;
use walx_testkit::Case;

use super::{Args, Output};
use crate::exit::{Code, Failure};
use crate::out::Out;

pub(super) async fn list(args: &Args, out: &mut Out) -> Result<Code, Failure> {
    let chosen = |case: &Case| {
        let name = case.name();
        args.only.is_empty() || args.only.iter().any(|word| name.contains(word))
    };
    let cases: Vec<_> = walx_testkit::cases().into_iter().filter(chosen).collect();
    if cases.is_empty() {
        return Err(none());
    }
    for case in cases {
        let (name, promise) = (case.name(), case.promise());
        match args.output {
            Output::Table => {
                out.line(&name).await?;
                out.line(format_args!("    {promise}")).await?;
            }
            Output::Markdown => out.line(format_args!("| `{name}` | {promise} |")).await?,
            Output::Json => {
                out.json(&Line {
                    case: &name,
                    promise,
                })
                .await?
            }
        }
    }
    Ok(Code::Ok)
}

/// No case has such a name.
pub(super) fn none() -> Failure {
    let text = "no case has a name with --only in it; `walx conformance --list` names them all";
    Failure::new(Code::Usage, text)
}

/// The names are stable.
#[derive(Serialize)]
struct Line<'a> {
    case: &'a str,
    promise: &'a str,
}
