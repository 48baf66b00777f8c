use std::time::Duration;

use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use walx_utility::backoff::Backoff;
use walx_utility::clock;

use crate::error;

/// Asks an admin client, again while time is left where the connection breaks under the question: librdkafka sends such
/// requests once, and all that walx asks for may be asked for twice. `ask` gets the time that is left.
pub(crate) async fn again<T, F>(
    time: Duration,
    mut ask: impl FnMut(Duration) -> F,
) -> KafkaResult<T>
where
    F: Future<Output = KafkaResult<T>>,
{
    let end = clock::now() + time;
    let mut pauses = Backoff::new(Duration::from_millis(10), Duration::from_millis(200));
    loop {
        let left = end.saturating_duration_since(clock::now());
        let answer = ask(left).await;
        let broke = answer.as_ref().err().and_then(error::code)
            == Some(RDKafkaErrorCode::BrokerTransportFailure);
        let pause = pauses.pause();
        if !broke || clock::now() + pause >= end {
            return answer;
        }
        clock::sleep(pause).await;
    }
}
