//! A subscriber that keeps what it is told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// The fields of an event or a span, as text.
pub type Fields = BTreeMap<&'static str, String>;

#[derive(Clone, Debug)]
pub struct Line {
    pub level: Level,
    pub fields: Fields,
    /// The spans around it, the innermost first, with what their fields were then.
    pub spans: Vec<(&'static str, Fields)>,
}

/// What was told to this thread's subscriber.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<Line>>>);

impl Told {
    /// Listens on this thread as long as the guard lives.
    pub fn listen() -> (Self, DefaultGuard) {
        let told = Self::default();
        let guard = tracing::subscriber::set_default(Registry::default().with(told.clone()));
        (told, guard)
    }

    /// The lines with this text.
    pub fn lines(&self, message: &str) -> Vec<Line> {
        let lines = self.0.lock().unwrap();
        let with = lines.iter().filter(|it| it.fields["message"] == message);
        with.cloned().collect()
    }
}

impl Line {
    pub fn span(&self, name: &str) -> &Fields {
        let found = self.spans.iter().find(|(it, _)| *it == name);
        &found
            .unwrap_or_else(|| panic!("no span {name}: {self:?}"))
            .1
    }

    pub fn number(&self, field: &str) -> f64 {
        self.fields[field].parse().unwrap()
    }
}

struct Take<'a>(&'a mut Fields);

impl Visit for Take<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Told {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Take(&mut fields));
        let span = context.span(id).unwrap();
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let mut extensions = span.extensions_mut();
        values.record(&mut Take(extensions.get_mut::<Fields>().unwrap()));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Take(&mut fields));
        fields.entry("message").or_default();
        let around = context.event_scope(event).into_iter().flatten();
        let spans = around.map(|span| {
            let fields = span.extensions().get::<Fields>().unwrap().clone();
            (span.name(), fields)
        });
        let line = Line {
            level: *event.metadata().level(),
            fields,
            spans: spans.collect(),
        };
        self.0.lock().unwrap().push(line);
    }
}
