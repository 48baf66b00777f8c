use rdkafka::error::RDKafkaErrorCode as Code;
use walx_core::Result;

use super::Look;
use crate::scanner::fault;

impl Look<'_> {
    /// The first offset behind the damaged batch that begins at `base`, which is all that can be read at `from`. Nobody
    /// can believe what the batch itself says of its length: it is felt for.
    pub(crate) fn behind_damage(&self, base: i64, from: i64) -> Result<i64> {
        let mut inside = from.max(base);
        let mut outside = self.high.max(inside + 1);
        let mut step = 1;
        while outside - inside > 1 {
            let at = inside + step.min((outside - inside) / 2);
            if self.damaged_at(at)? == Some(base) {
                inside = at;
                step *= 2;
            } else {
                outside = at;
            }
        }
        Ok(outside)
    }

    /// The first offset of the damaged batch that comes first from an offset on.
    pub(super) fn damaged_at(&self, offset: i64) -> Result<Option<i64>> {
        let mut queue = self.start(offset)?;
        self.fill(&mut queue)?;
        let Some(message) = queue.next() else {
            return Ok(None);
        };
        match message.error() {
            Some((Code::BadMessage, _)) => Ok(Some(message.offset())),
            None | Some((Code::PartitionEOF, _)) => Ok(None),
            Some((code, text)) => Err(fault::of(self.topic, code, &text)),
        }
    }
}
