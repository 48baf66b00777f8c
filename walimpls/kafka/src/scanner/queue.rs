//! One partition's messages, pulled in batches: half the CPU of polling them one by one, and no thread that waits.
//!
//! The one file of walx with `unsafe`: the batch call of librdkafka has no safe wrapper. What every block relies on:
//!
//! - librdkafka's handles may be used from any thread, and are counted: one that was handed out lives until its
//!   `destroy` is called. A [`Queue`] holds its consumer, so the client outlives the topic, the queue and the messages;
//!   [`Queue::drop`] destroys them in that order's reverse.
//! - A message belongs to whoever pulled it until it is destroyed, which happens once: pulled ones stand in `pulled`,
//!   and those before `next` but the last one were destroyed. What is lent out of it borrows the queue, and the queue
//!   must be borrowed anew to go on to the next one.
#![expect(
    unsafe_code,
    reason = "librdkafka's batch pull and its wake-up have no safe wrapper"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use walx_utility::signal::Signal;

use super::consumer::Consumer;
use crate::store::PARTITION;

/// The messages of a partition from an offset on. There may be one at a time of a consumer and a topic.
///
/// Dropping it may take as long as a round trip inside of librdkafka, and with the last holder of the consumer a second:
/// see [`dispose`](super::consumer::dispose).
pub(crate) struct Queue {
    topic: NonNull<sys::rd_kafka_topic_t>,
    queue: NonNull<sys::rd_kafka_queue_t>,
    /// Those that were pulled, and how many of them were handed out.
    pulled: Vec<*mut sys::rd_kafka_message_t>,
    next: usize,
    /// What the wake-up sets.
    signal: Arc<Signal>,
    /// Keeps the client.
    _consumer: Arc<Consumer>,
}

// SAFETY: the handles may be used from any thread, and messages too, by one at a time: who has the queue.
unsafe impl Send for Queue {}

impl Queue {
    /// Starts reading. `signal` is set whenever something comes into a queue that was empty.
    pub(crate) fn start(
        consumer: Arc<Consumer>,
        topic: &str,
        offset: i64,
        signal: Arc<Signal>,
    ) -> KafkaResult<Self> {
        let name = CString::new(topic)
            .map_err(|_| KafkaError::ClientCreation(format!("the topic {topic:?} holds a NUL")))?;
        let client = consumer.client.client().native_ptr();
        // SAFETY: the client lives as long as `consumer`, `name` as long as the call; no configuration means the client's.
        let topic = unsafe { sys::rd_kafka_topic_new(client, name.as_ptr(), ptr::null_mut()) };
        let topic = NonNull::new(topic).ok_or_else(last_error)?;
        // SAFETY: as above.
        let queue = unsafe { sys::rd_kafka_queue_get_partition(client, name.as_ptr(), PARTITION) };
        let Some(queue) = NonNull::new(queue) else {
            // SAFETY: it was handed out above, and nobody else has it.
            unsafe { sys::rd_kafka_topic_destroy(topic.as_ptr()) };
            return Err(KafkaError::ClientCreation("no queue".to_owned()));
        };
        let started = Self {
            topic,
            queue,
            pulled: Vec::new(),
            next: 0,
            signal,
            _consumer: consumer,
        };
        let opaque = Arc::as_ptr(&started.signal).cast_mut().cast();
        // SAFETY: librdkafka calls `wake` with this pointer under the queue's lock, and takes the same lock to forget
        // both, which `drop` makes it do while it still holds the signal. So the pointer is good at every call.
        unsafe { sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(wake), opaque) };
        // SAFETY: the topic lives until `drop`.
        match unsafe { sys::rd_kafka_consume_start(topic.as_ptr(), PARTITION, offset) } {
            0 => Ok(started),
            _ => Err(last_error()),
        }
    }

    /// Pulls what is there, at most so many, unless some are left; waits so long for the first one. `false` where
    /// there is none.
    pub(crate) fn fill(&mut self, most: usize, wait: Duration) -> bool {
        if self.next < self.pulled.len() {
            return true;
        }
        self.release();
        self.pulled.clear();
        self.next = 0;
        // librdkafka waits until all slots are filled: only the first one may wait.
        if !wait.is_zero() && self.pull(1, wait) == 0 {
            return false;
        }
        self.pull(most.saturating_sub(self.pulled.len()), Duration::ZERO);
        !self.pulled.is_empty()
    }

    /// The next message of those that were pulled; gives back the one before.
    pub(crate) fn next(&mut self) -> Option<Message<'_>> {
        self.release();
        let raw = NonNull::new(*self.pulled.get(self.next)?)?;
        self.next += 1;
        Some(Message {
            raw,
            queue: PhantomData,
        })
    }

    /// How many were pulled and not handed out, and how many bytes their payloads have.
    pub(crate) fn left(&self) -> (usize, usize) {
        let left = &self.pulled[self.next..];
        // SAFETY: they were pulled, and are destroyed only after they were handed out.
        let bytes = left.iter().map(|&raw| unsafe { (*raw).len }).sum();
        (left.len(), bytes)
    }

    fn pull(&mut self, most: usize, wait: Duration) -> usize {
        self.pulled.reserve(most);
        let wait = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
        let room = self.pulled.spare_capacity_mut();
        // SAFETY: the queue lives until `drop`; `room` has at least `most` slots for pointers.
        let count = unsafe {
            sys::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                wait,
                room.as_mut_ptr().cast(),
                most,
            )
        };
        // It has no other error than one that it tells as a message.
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: the call has filled that many slots, no more than `most`.
        unsafe { self.pulled.set_len(self.pulled.len() + count) };
        count
    }

    /// Gives back the message that was handed out last.
    fn release(&mut self) {
        if let Some(last) = self.next.checked_sub(1)
            && let Some(raw) = self.pulled.get_mut(last)
        {
            let raw = std::mem::replace(raw, ptr::null_mut());
            if !raw.is_null() {
                // SAFETY: it was pulled, what was lent out of it is gone, and its slot is empty now.
                unsafe { sys::rd_kafka_message_destroy(raw) };
            }
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.release();
        for raw in self.pulled.drain(..).skip(self.next) {
            // SAFETY: it was pulled and never handed out.
            unsafe { sys::rd_kafka_message_destroy(raw) };
        }
        let (topic, queue) = (self.topic.as_ptr(), self.queue.as_ptr());
        // SAFETY: both live until they are destroyed here, which nobody else does. The wake-up ends first: behind this
        // call no other thread uses the signal. The client is destroyed behind all of it, with the field.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(queue, None, ptr::null_mut());
            sys::rd_kafka_consume_stop(topic, PARTITION);
        }
        // What was read ahead: librdkafka drops it when it is asked for more. Errors come out and are dropped here.
        while self.pull(1, Duration::ZERO) > 0 {
            for raw in self.pulled.drain(..) {
                // SAFETY: it was pulled right now.
                unsafe { sys::rd_kafka_message_destroy(raw) };
            }
        }
        // SAFETY: both live until here.
        unsafe {
            sys::rd_kafka_queue_destroy(queue);
            sys::rd_kafka_topic_destroy(topic);
        }
    }
}

/// Wakes who waits. Runs on a thread of librdkafka, under the queue's lock: a waker that dropped the queue right here
/// would wait for itself, which is why scanners leave that to a thread of its own.
unsafe extern "C" fn wake(_: *mut sys::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: see `start`, which gave the pointer.
    let signal = unsafe { &*opaque.cast::<Signal>() };
    signal.set();
}

/// How many events of the client itself wait to be served: logs, statistics, errors.
pub(super) fn events(consumer: &Consumer) -> usize {
    // SAFETY: the client lives as long as `consumer`.
    let count = unsafe { sys::rd_kafka_outq_len(consumer.client.client().native_ptr()) };
    usize::try_from(count).unwrap_or(0)
}

fn last_error() -> KafkaError {
    // SAFETY: it reads a number that belongs to this thread.
    KafkaError::Global(unsafe { sys::rd_kafka_last_error() }.into())
}

/// A message, or an error that stands at its place.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    raw: NonNull<sys::rd_kafka_message_t>,
    /// It lives until the queue goes on.
    queue: PhantomData<&'a Queue>,
}

impl<'a> Message<'a> {
    fn raw(&self) -> &'a sys::rd_kafka_message_t {
        // SAFETY: the message is destroyed only by a call that borrows the queue anew, and `'a` ends before.
        unsafe { self.raw.as_ref() }
    }

    pub(crate) fn offset(&self) -> i64 {
        self.raw().offset
    }

    /// What librdkafka tells instead of a message.
    pub(crate) fn error(&self) -> Option<(RDKafkaErrorCode, String)> {
        let code = RDKafkaErrorCode::from(self.raw().err);
        (code != RDKafkaErrorCode::NoError).then(|| {
            let text = String::from_utf8_lossy(self.payload()).into_owned();
            (code, text)
        })
    }

    pub(crate) fn payload(&self) -> &'a [u8] {
        // SAFETY: librdkafka says so many bytes stand there, as long as the message lives.
        unsafe { bytes(self.raw().payload, self.raw().len) }.unwrap_or_default()
    }

    pub(crate) fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: as above.
        unsafe { bytes(self.raw().key, self.raw().key_len) }
    }

    /// When it was written, in Unix milliseconds, as its writer or the broker said.
    pub(crate) fn unix_ms(&self) -> Option<u64> {
        // SAFETY: the message lives; what kind of time it is isn't asked for.
        let ms = unsafe { sys::rd_kafka_message_timestamp(self.raw.as_ptr(), ptr::null_mut()) };
        u64::try_from(ms).ok()
    }

    /// Names and values, in order.
    ///
    /// # Errors
    /// Where the broker sent what are no headers.
    pub(crate) fn headers(&self) -> Result<Headers<'a>, RDKafkaErrorCode> {
        let mut headers = ptr::null_mut();
        // SAFETY: the message lives, and so do its headers, which it keeps.
        let answer = unsafe { sys::rd_kafka_message_headers(self.raw.as_ptr(), &mut headers) };
        match RDKafkaErrorCode::from(answer) {
            RDKafkaErrorCode::NoError | RDKafkaErrorCode::NoEnt => Ok(Headers {
                headers: NonNull::new(headers),
                at: 0,
                message: PhantomData,
            }),
            code => Err(code),
        }
    }
}

/// The headers of a message.
#[derive(Clone)]
pub(crate) struct Headers<'a> {
    headers: Option<NonNull<sys::rd_kafka_headers_t>>,
    at: usize,
    message: PhantomData<Message<'a>>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let headers = self.headers?.as_ptr();
        let (mut name, mut value, mut len) = (ptr::null::<c_char>(), ptr::null(), 0);
        // SAFETY: the headers live as long as their message.
        let answer = unsafe {
            sys::rd_kafka_header_get_all(headers, self.at, &mut name, &mut value, &mut len)
        };
        if RDKafkaErrorCode::from(answer) != RDKafkaErrorCode::NoError || name.is_null() {
            return None;
        }
        self.at += 1;
        // SAFETY: librdkafka ends names with a NUL and says how long the value is; both live as long as the message.
        Some(unsafe {
            (
                CStr::from_ptr(name).to_bytes(),
                bytes(value, len).unwrap_or_default(),
            )
        })
    }
}

/// # Safety
/// Where the pointer isn't null, so many bytes must stand there, and live as long as the caller says.
unsafe fn bytes<'a>(start: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), len) })
}
