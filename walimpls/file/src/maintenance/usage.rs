//! What a channel takes, from the summaries of its segments; of the segment that a truncation cut through, the
//! directories of its frames are read as well.

use std::path::Path;

use walx_core::{ChannelName, Result, Usage};

use crate::config::FileConfig;
use crate::directory::Directory;
use crate::footer;
use crate::frame::{self, FrameHeader, HEADER, kind};
use crate::locate::View;
use crate::opener::exists;
use crate::read;
use crate::segment::{self, BLOCK, Found, Segment};
use crate::summary::Summary;
use crate::window::Window;

/// How much of a segment is read at once where only directories are looked for.
const PIECE: usize = 16 << 10;

/// `retained_bytes` are the bytes of the segment files from the first one that holds a kept record of this channel to
/// the end of the log, other channels' records included: truncating this channel alone can free no more.
pub(super) fn usage(
    directory: &Directory,
    config: &FileConfig,
    name: &ChannelName,
) -> Result<Usage> {
    exists(directory, name)?;
    let store = directory.store();
    let owner = match &store {
        Some(store) => store.channel(name)?.map(|it| (&*store.shared, it)),
        None => None,
    };
    let there = read::readable(config, name, owner)?;
    Count {
        dir: &config.path,
        uuid: there.uuid,
        channel: there.channel,
        view: &there.view,
        limit: there.horizon,
    }
    .usage()
}

struct Count<'a> {
    dir: &'a Path,
    uuid: [u8; 16],
    channel: u32,
    view: &'a View,
    limit: u64,
}

impl Count<'_> {
    fn usage(&self) -> Result<Usage> {
        let (mut records, mut bytes, mut retained) = (0, 0, 0);
        for sealed in &self.view.sealed {
            let read;
            let summary = match &sealed.summary {
                Some(summary) => Some(&**summary),
                None => {
                    read = match Segment::find(self.dir, self.uuid, sealed.number, false)? {
                        Found::Segment(segment) => footer::read(&segment)?.map(|it| it.2),
                        // Truncated meanwhile.
                        Found::Missing | Found::Headless { .. } => None,
                    };
                    read.as_ref()
                }
            };
            let (more, size) = match summary {
                Some(summary) => self.segment(sealed.number, summary)?,
                None => (0, 0),
            };
            records += more;
            bytes += size;
            if retained > 0 || more > 0 {
                retained += self.size(sealed.number);
            }
        }
        if let Some((number, summary)) = &self.view.active {
            let (more, size) = self.segment(*number, summary)?;
            records += more;
            bytes += size;
            if retained > 0 || more > 0 {
                retained += self.size(*number);
            }
        }
        let mut usage = Usage::default();
        usage.records = Some(records);
        usage.bytes = Some(bytes);
        usage.retained_bytes = Some(retained);
        Ok(usage)
    }

    fn size(&self, number: u64) -> u64 {
        std::fs::metadata(segment::path(self.dir, number)).map_or(0, |meta| meta.len())
    }

    /// The records of a segment that are kept, and their bytes.
    fn segment(&self, number: u64, summary: &Summary) -> Result<(u64, u64)> {
        match summary.span(self.channel) {
            None => Ok((0, 0)),
            Some(span) if span.end <= self.view.from => Ok((0, 0)),
            Some(span) if span.first >= self.view.from => Ok((span.records, span.bytes)),
            Some(_) => self.cut(number, summary),
        }
    }

    /// The same where only a part of them is kept.
    fn cut(&self, number: u64, summary: &Summary) -> Result<(u64, u64)> {
        let Found::Segment(segment) = Segment::find(self.dir, self.uuid, number, false)? else {
            return Ok((0, 0));
        };
        let mut entries = summary.entries(self.channel).rev();
        let start = entries.find(|entry| entry.number <= self.view.from);
        let mut offset = start.map_or(BLOCK, |entry| entry.offset);
        let mut window = Window::new(segment.file.clone(), PIECE);
        let (mut records, mut bytes) = (0, 0);
        while let Some(head) = segment.get(&mut window, offset, HEADER)? {
            let Some(header) = FrameHeader::decode(&head, segment.header.seed(), offset) else {
                // Behind damage: what of it is sound is searched.
                match crate::walk::search(&segment, offset + frame::ALIGN, 0)? {
                    Some((next, _)) => offset = next,
                    None => break,
                }
                continue;
            };
            if header.kind != kind::RECORDS || header.first_serial >= self.limit {
                break;
            }
            let dir = segment.get(&mut window, offset + HEADER as u64, header.dir_len as usize)?;
            let lines = dir.and_then(|dir| frame::directory(&header, &dir));
            for line in lines.unwrap_or_default() {
                if line.channel == self.channel && line.number >= self.view.from {
                    records += 1;
                    bytes += line.len as u64;
                }
            }
            offset += header.stride();
        }
        Ok((records, bytes))
    }
}
