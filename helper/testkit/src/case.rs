use std::fmt;

use walx_core::{BoxFuture, Capability, Error, ErrorKind, Fence, Result};

use crate::Context;
use crate::faults::{Fault, Plan};

/// How a case ended.
pub type Outcome<T = ()> = std::result::Result<T, Failure>;

/// One promise, and how it is put to the test.
#[derive(Clone, Copy)]
pub struct Case {
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    pub(crate) promise: &'static str,
    pub(crate) needs: Option<Need>,
    pub(crate) weather: Weather,
    pub(crate) run: fn(Context) -> BoxFuture<Outcome>,
}

/// What a backend must be able to do to be held to a promise.
#[derive(Clone, Copy)]
pub(crate) struct Need {
    pub(crate) what: &'static str,
    pub(crate) met_by: fn(&Capability) -> bool,
}

/// What a case's promise holds under, when it runs faulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Delays, stalls, and reads that fail and work when they are made again: they change no outcome.
    Slow,
    /// Also appends that fail, or whose answers are lost: the case's allowed outcomes say what becomes of them.
    Rough,
}

impl Case {
    /// `level::group::name`.
    pub fn name(&self) -> String {
        format!("{}::{}", self.group, self.name)
    }

    /// What holds where the case passes, in one sentence.
    pub fn promise(&self) -> &'static str {
        self.promise
    }

    /// Whether it is about faults, which it brings about itself.
    pub(crate) fn is_about_faults(&self) -> bool {
        self.group.ends_with("::fault")
    }

    /// The faults that its promise holds under.
    pub(crate) fn plan(&self, seed: u64) -> Plan {
        let plan = match self.weather {
            Weather::Slow => Plan::slow(seed),
            Weather::Rough => Plan::rough(seed),
        };
        if self.is_of_wals() {
            // A claim is made once: only its caller can decide to fence twice. Reads the adaptor makes again by itself.
            return plan.without(Fault::FailOpen);
        }
        plan
    }

    /// Whether somebody else has to write into the store.
    pub(crate) fn is_about_foreign_records(&self) -> bool {
        self.group.ends_with("::foreign")
    }

    /// Whether a history of its calls is held to the promises as well.
    pub(crate) fn is_recorded(&self) -> bool {
        // Cases about faults have a recorder of their own.
        self.is_of_wals() && !self.is_about_faults()
    }

    /// Whether it is a case of the wal level.
    pub(crate) fn is_of_wals(&self) -> bool {
        self.group.starts_with("wal::")
    }

    /// Why a backend of this capability can't be held to it; `None` where it can.
    pub fn excused(&self, capability: &Capability) -> Option<&'static str> {
        // Without one the adaptor opens no owner.
        if self.is_of_wals() && capability.fence == Fence::None {
            return Some("a fence");
        }
        self.needs
            .filter(|need| !(need.met_by)(capability))
            .map(|need| need.what)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Case {{ {} }}", self.name())
    }
}

/// Why a promise does not hold.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure with its reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// The same, with what was being tried in front.
    #[must_use]
    pub fn during(self, what: impl fmt::Display) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl Failure {
    /// The same, with more to know below.
    #[must_use]
    pub(crate) fn with(self, what: impl fmt::Display) -> Self {
        Self(format!("{}\n{what}", self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(format!("an error that is not expected here: {error}"))
    }
}

/// The case that a function puts to the test; its name and its module's give the case its own. It also runs under
/// faults that change no outcome, unless it says which ones it stands.
macro_rules! case {
    ($name:ident, $promise:literal $(, under $weather:ident)? $(, needs $what:literal: $meets:expr)?) => {
        $crate::case::Case {
            group: $crate::case::group(module_path!()),
            name: stringify!($name),
            promise: $promise,
            needs: case!(@ needs $($what: $meets)?),
            weather: case!(@ under $($weather)?),
            run: |context| Box::pin($name(context)),
        }
    };
    (@ needs) => { None };
    (@ needs $what:literal: $meets:expr) => {
        Some($crate::case::Need { what: $what, met_by: $meets })
    };
    (@ under) => { $crate::case::Weather::Slow };
    (@ under $weather:ident) => { $crate::case::Weather::$weather };
}

/// Ends the case where the condition does not hold.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        match $condition {
            true => {}
            false => return Err($crate::case::Failure::new(format!($($text)+))),
        }
    };
}

pub(crate) use {case, ensure};

/// `backend::open` of `walx_testkit::cases::backend::open`.
pub(crate) fn group(module: &'static str) -> &'static str {
    module
        .split_once("::cases::")
        .map_or(module, |(_, group)| group)
}

/// The error of a call that must be refused with one of these kinds.
pub(crate) fn refused<T>(result: Result<T>, kinds: &[ErrorKind], what: &str) -> Outcome<Error> {
    match result {
        Ok(_) => Err(Failure::new(format!(
            "{what} succeeds; it must be refused as {kinds:?}"
        ))),
        Err(error) if kinds.contains(&error.kind()) => Ok(error),
        Err(error) => Err(Failure::new(format!(
            "{what} must be refused as {kinds:?}, but: {error:?}"
        ))),
    }
}

/// Both lists are the same; tells the first difference.
pub(crate) fn same<T: PartialEq + fmt::Debug>(got: &[T], want: &[T], what: &str) -> Outcome {
    if let Some(at) = (0..got.len().min(want.len())).find(|&at| got[at] != want[at]) {
        let (got, want) = (&got[at], &want[at]);
        return Err(Failure::new(format!(
            "{what}: number {at} is {got:?}, it must be {want:?}"
        )));
    }
    ensure!(
        got.len() == want.len(),
        "{what}: there are {}, there must be {}",
        got.len(),
        want.len()
    );
    Ok(())
}
