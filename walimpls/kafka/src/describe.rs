use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, ResourceSpecifier};
use rdkafka::error::RDKafkaErrorCode;

use crate::again::again;
use crate::error;
use crate::shared::Admin;

/// Settings by name.
pub(crate) type Described = Result<BTreeMap<String, String>, RDKafkaErrorCode>;

/// The settings of a topic or a broker; why not where they can't be had.
pub(crate) async fn describe(
    admin: &Admin,
    what: ResourceSpecifier<'_>,
    time: Duration,
) -> Described {
    let answer = again(time, |left| {
        let options = AdminOptions::new().request_timeout(Some(left));
        admin.describe_configs([&what], &options)
    });
    let answer = answer.await;
    let code = match answer.map(|mut it| it.pop()) {
        Ok(Some(Ok(found))) => {
            let entries = found.entries.into_iter();
            let settings: BTreeMap<_, _> = entries
                .filter_map(|it| Some((it.name, it.value?)))
                .collect();
            if !settings.is_empty() {
                return Ok(settings);
            }
            // rdkafka 0.39 drops the error of a resource, and gives no settings. What is asked about is there.
            match what {
                ResourceSpecifier::Topic(_) => RDKafkaErrorCode::TopicAuthorizationFailed,
                _ => RDKafkaErrorCode::ClusterAuthorizationFailed,
            }
        }
        Ok(Some(Err(code))) => code,
        Ok(None) => RDKafkaErrorCode::Unknown,
        Err(cause) => error::code(&cause).unwrap_or(RDKafkaErrorCode::Unknown),
    };
    Err(code)
}
