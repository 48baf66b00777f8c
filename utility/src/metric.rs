//! Every metric of walx: its name, kind, unit, labels and help. Nobody else writes a metric's name.
//!
//! Counters and histograms have labels of few values, so that their series never grow with the channels of a program.
//! Gauges may say their channel: whoever sets one sets it to zero when it closes, as the facade can't take a series
//! away.

use metrics::Unit;

/// A metric as operators see it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// What is done with its values.
    pub kind: Kind,
    /// The unit of its values.
    pub unit: Unit,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

/// What is done with a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Each value falls into a bucket.
    Histogram,
}

impl Kind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Tells the program's recorder the unit and the help of every metric. Call it once, after the recorder is installed.
pub fn describe() {
    for metric in ALL {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.unit, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.unit, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.unit, metric.help),
        }
    }
}

/// Makes a constant of each name, and the list of all.
macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, $unit:ident, $labels:expr, $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*

        /// All metrics of walx.
        pub const ALL: &[Metric] = &[$(Metric {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: &$labels,
            help: $help,
        }),*];
    };
}

metrics! {
    WAL_INFO = "walx_wal_info", Gauge, Count, ["channel", "term", "backend", "mode"],
        "Open wals; `mode` is `read_write` or `read_only`, which has no term.";
    WAL_CONFIRMED_LSN = "walx_wal_confirmed_lsn", Gauge, Count, ["channel"],
        "The lsn behind the last confirmed message of an owned channel; its rate is the channel's appends a second.";
    WAL_CONFIRMED_TICK_SECONDS = "walx_wal_confirmed_tick_seconds", Gauge, Seconds, ["channel"],
        "The Unix time in the tick of the last confirmed record of an owned channel.";
    OPEN_TOTAL = "walx_open_total", Counter, Count, ["mode", "outcome"],
        "Opens of wals; `outcome` is `ok` or the kind of the error.";
    OPEN_SECONDS = "walx_open_seconds", Histogram, Seconds, ["mode"],
        "How long opens take that succeed.";
    CLOSE_TOTAL = "walx_close_total", Counter, Count, ["mode", "outcome"],
        "Closes of wals; `outcome` is `ok` or the kind of the error. A wal that is dropped is not closed.";
    CLOSE_SECONDS = "walx_close_seconds", Histogram, Seconds, ["mode"],
        "How long closes take.";
    TRUNCATE_TOTAL = "walx_truncate_total", Counter, Count, ["outcome"],
        "Truncations; `outcome` is `ok` or the kind of the error.";

    APPEND_TOTAL = "walx_append_total", Counter, Count, ["outcome"],
        "Messages whose append is decided; `outcome` is `ok` or the kind of the error.";
    APPEND_BYTES_TOTAL = "walx_append_bytes_total", Counter, Bytes, [],
        "Bytes of the messages that are acknowledged.";
    APPEND_SECONDS = "walx_append_seconds", Histogram, Seconds, [],
        "From the call of an append to its acknowledgement.";
    APPEND_STAGE_SECONDS = "walx_append_stage_seconds", Histogram, Seconds, ["stage"],
        "The stages of an append: `hooks`, `admission` (waits for room), `order` (lock and backend's call), `backend` (placed until durable), `ack`.";
    APPEND_IN_FLIGHT = "walx_append_in_flight", Gauge, Count, ["channel"],
        "Appends that are placed and not yet decided.";
    APPEND_IN_FLIGHT_BYTES = "walx_append_in_flight_bytes", Gauge, Bytes, ["channel"],
        "Bytes of the appends that are placed, with those that permits reserve.";
    APPEND_WAITING = "walx_append_waiting", Gauge, Count, ["channel"],
        "Appends and reservations that wait for room.";
    APPEND_KNOWN_TOTAL = "walx_append_known_total", Counter, Count, [],
        "Messages that were not written again, since their keys were known.";
    APPEND_HELD_UP_TOTAL = "walx_append_held_up_total", Counter, Count, ["by"],
        "How often the first one in a queue for room was held up beyond its own wal; `by` is `process` (the budget of memory that wals share) or `flow` (flow control).";
    APPEND_SLOW_TOTAL = "walx_append_slow_total", Counter, Count, [],
        "Appends that took longer than the wal's `slow_append`.";
    APPEND_RECOVERY_TOTAL = "walx_append_recovery_total", Counter, Count, ["outcome"],
        "Opens by an owner whose append failed, to find out what landed; `outcome` is `ok` or the kind of the error.";
    APPEND_RECOVERING = "walx_append_recovering", Gauge, Count, ["channel"],
        "1 while appends wait for their wal to recover from one that failed.";
    BACKEND_FAILURE_TOTAL = "walx_backend_failure_total", Counter, Count, ["kind"],
        "Wals that take no more appends since their backend failed one, by the kind of the error.";

    TRANSACTION_OPEN = "walx_transaction_open", Gauge, Count, ["channel"],
        "Transactions that are open.";
    TRANSACTION_TOTAL = "walx_transaction_total", Counter, Count, ["end"],
        "Transactions whose last record took its place; `end` is `committed`, `rolled_back` (asked for), `expired`, `exclusive` (by a message), `message_lost`, or `owner` (it closes, or another one came).";

    LIMIT_BYTES = "walx_limit_bytes", Gauge, Bytes, ["category"],
        "The limits of the process's budget of memory.";
    LIMIT_USED_BYTES = "walx_limit_used_bytes", Gauge, Bytes, ["category"],
        "Bytes that are held of the process's budget of memory; `category` is `in_flight`, `read_ahead`, `transactions` or `cache`.";

    CACHE_ENTRIES = "walx_cache_entries", Gauge, Count, ["channel", "mode"],
        "Records in a channel's write-ahead cache.";
    CACHE_BYTES = "walx_cache_bytes", Gauge, Bytes, ["channel", "mode"],
        "Bytes of the cache, with those that slow scanners hold.";
    CACHE_CAPACITY_BYTES = "walx_cache_capacity_bytes", Gauge, Bytes, ["channel", "mode"],
        "The most bytes that the cache keeps.";
    CACHE_EARLIEST_LSN = "walx_cache_earliest_lsn", Gauge, Count, ["channel", "mode"],
        "The lsn of the first message in the cache.";
    CACHE_LATEST_LSN = "walx_cache_latest_lsn", Gauge, Count, ["channel", "mode"],
        "The lsn of the last message in the cache.";
    CACHE_EVICTED_TOTAL = "walx_cache_evicted_total", Counter, Count, ["reason"],
        "Records that left a cache; `reason` is `age`, `size`, `truncated` or `reset`.";

    SCAN_OPEN = "walx_scan_open", Gauge, Count, ["mode"],
        "Open scanners; `mode` is `catch_up` (from the backend) or `tailing` (from the cache).";
    SCAN_START_TOTAL = "walx_scan_start_total", Counter, Count, ["outcome"],
        "Scans asked for; `outcome` is `ok` or the kind of the error.";
    SCAN_START_SECONDS = "walx_scan_start_seconds", Histogram, Seconds, [],
        "How long it takes to find where a scan starts.";
    SCAN_SOURCE_TOTAL = "walx_scan_source_total", Counter, Count, ["source"],
        "How often a scanner began to read from `cache` or `backend`: the cache's hits and misses.";
    SCAN_MESSAGES_TOTAL = "walx_scan_messages_total", Counter, Count, [],
        "Messages that scanners delivered.";
    SCAN_BYTES_TOTAL = "walx_scan_bytes_total", Counter, Bytes, [],
        "Bytes of the messages that scanners delivered.";
    SCAN_GAPS_TOTAL = "walx_scan_gaps_total", Counter, Count, ["reason"],
        "Gaps that scanners delivered.";
    SCAN_RETRY_TOTAL = "walx_scan_retry_total", Counter, Count, ["reader"],
        "Reads that are tried again after an error; `reader` is `own` (a scanner's) or `shared` (a reader cache's).";
    KAFKA_OVERTAKEN_RECORDS_TOTAL = "walx_kafka_overtaken_records_total", Counter, Count, [],
        "Records that readers passed over: with fence=readback a writer appended them after it was overtaken.";
    SCAN_LAG = "walx_scan_lag", Gauge, Count, ["channel", "mode"],
        "How many lsns the slowest scanner of a wal is behind the tail; `mode` is the wal's.";

    MIRROR_LAG = "walx_mirror_lag", Gauge, Count, ["channel"],
        "How many messages a mirror's second store is behind its first one.";
    MIRROR_STALLED = "walx_mirror_stalled", Gauge, Count, ["channel"],
        "1 while a mirror's second store does not follow; it is tried again.";
    MIRROR_MESSAGES_TOTAL = "walx_mirror_messages_total", Counter, Count, [],
        "Messages that mirrors have copied.";
    MIRROR_BYTES_TOTAL = "walx_mirror_bytes_total", Counter, Bytes, [],
        "Bytes of the messages that mirrors have copied.";
    MIRROR_FAILURE_TOTAL = "walx_mirror_failure_total", Counter, Count, ["kind"],
        "How often a mirror's second store failed, by the kind of the error.";

    FILE_DISK_FULL = "walx_file_disk_full", Gauge, Count, [],
        "1 while a store of the file backend waits for space.";

    KAFKA_CLIENTS = "walx_kafka_clients", Gauge, Count, [],
        "Clients of Kafka stores that writers and scanners hold; the store's `max_clients` bounds them.";
    KAFKA_CLIENT_ERRORS_TOTAL = "walx_kafka_client_errors_total", Counter, Count, ["role", "reason"],
        "Errors that Kafka clients report and try again by themselves; `reason` is `unavailable`, `denied`, `fenced` or `other`, `role` as below.";
    KAFKA_QUEUE_MESSAGES = "walx_kafka_queue_messages", Gauge, Count, ["channel", "role"],
        "Records in the queues of Kafka clients: a `writer`'s that are not acknowledged, a `reader`'s that are read ahead. This one and those below need the store's `statistics`.";
    KAFKA_QUEUE_BYTES = "walx_kafka_queue_bytes", Gauge, Bytes, ["channel", "role"],
        "Bytes of these records.";
    KAFKA_READER_LAG = "walx_kafka_reader_lag", Gauge, Count, ["channel"],
        "Offsets that the readers of a channel are behind its end, all readers together.";
    KAFKA_REQUESTS_TOTAL = "walx_kafka_requests_total", Counter, Count, ["role"],
        "Requests that Kafka clients sent.";
    KAFKA_SENT_BYTES_TOTAL = "walx_kafka_sent_bytes_total", Counter, Bytes, ["role"],
        "Bytes that they sent.";
    KAFKA_RECEIVED_BYTES_TOTAL = "walx_kafka_received_bytes_total", Counter, Bytes, ["role"],
        "Bytes that they received.";
    KAFKA_REQUEST_ERRORS_TOTAL = "walx_kafka_request_errors_total", Counter, Count, ["role", "direction"],
        "Requests that could not be sent (`direction` is `sent`) and answers that could not be received (`received`).";
    KAFKA_REQUEST_RETRIES_TOTAL = "walx_kafka_request_retries_total", Counter, Count, ["role"],
        "Requests that were sent again.";
    KAFKA_REQUEST_TIMEOUTS_TOTAL = "walx_kafka_request_timeouts_total", Counter, Count, ["role"],
        "Requests that brokers did not answer in time.";
    KAFKA_CONNECTS_TOTAL = "walx_kafka_connects_total", Counter, Count, ["role"],
        "Connections to brokers that were tried; it stands still while all is well.";
    KAFKA_ROUND_TRIP_SECONDS = "walx_kafka_round_trip_seconds", Histogram, Seconds, ["role"],
        "The mean time in which a broker answered, one value a broker and interval of the statistics.";
    KAFKA_THROTTLE_SECONDS = "walx_kafka_throttle_seconds", Histogram, Seconds, ["role"],
        "The mean time for which a broker held answers back, by its quotas, one value a broker and interval.";
}
