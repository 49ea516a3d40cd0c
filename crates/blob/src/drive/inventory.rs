//! What shards there are on a drive, a page at a time.
//!
//! What always holds: a shard whose blob was pending when the page was made is not in it, so that what is in it and not
//! referred to is an orphan. A page costs a bounded number of folders, however few shards they hold.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use env::File;
use env::buffer::BLOCK_BYTES;
use model::ids::BlobId;
use model::time::Timestamp;

use super::Drive;
use super::file::{parse_name, parse_repair_name};
use crate::error::FaultKind;
use crate::registry::Registry;
use crate::shard::{FILE_HEADER_BYTES, FOOTER_BYTES_MAX, decode_file_header, decode_footer, footer_len};
use crate::status::{CursorAt, Described, FoundShard, InventoryCursor, InventoryPage};

/// Folders looked at for one page.
const FOLDERS_A_PAGE: usize = 256;
const FOLDERS: u32 = 1 << 16;

/// Which blobs a page leaves out.
#[derive(Clone, Copy)]
pub(crate) struct Busy<'a> {
    /// Being written and not committed.
    pub(crate) pending: &'a Registry,
    /// Being repaired.
    pub(crate) repairing: &'a Registry,
}

impl Drive {
    pub(crate) async fn inventory(
        &self,
        made: &Range<Timestamp>,
        cursor: &InventoryCursor,
        limit: usize,
        busy: Busy<'_>,
    ) -> Result<InventoryPage, FaultKind> {
        let limit = limit.max(1);
        match cursor.0 {
            CursorAt::Packed { table, after } => {
                Ok(self.packed_inventory(made, (table, after), limit, busy).await)
            }
            CursorAt::Files { folder, after } => self.file_inventory(made, folder, after, limit, busy).await,
        }
    }

    async fn packed_inventory(
        &self,
        made: &Range<Timestamp>,
        (table, after): (u32, Option<(BlobId, u8)>),
        limit: usize,
        busy: Busy<'_>,
    ) -> InventoryPage {
        let Some(page) = self.segments.index.page(made, table, after, limit) else {
            let files = CursorAt::Files { folder: 0, after: None };
            return InventoryPage { shards: Vec::new(), next: Some(InventoryCursor(files)) };
        };
        let next = match page.last() {
            Some(last) if page.len() == limit => CursorAt::Packed { table, after: Some(*last) },
            _ => CursorAt::Packed { table: table + 1, after: None },
        };
        let mut shards = Vec::with_capacity(page.len());
        for (id, shard) in page {
            if !busy.pending.contains(&id) {
                let described = self.describe_packed(&id, shard).await.ok();
                shards.push(FoundShard { id, shard, described });
            }
        }
        InventoryPage { shards, next: Some(InventoryCursor(next)) }
    }

    async fn file_inventory(
        &self,
        made: &Range<Timestamp>,
        from: u32,
        mut after: Option<(BlobId, u8)>,
        limit: usize,
        busy: Busy<'_>,
    ) -> Result<InventoryPage, FaultKind> {
        let mut shards = Vec::new();
        let (folders, rest) = self.folders_from(from).await?;
        for number in folders {
            if u32::from(number) != from {
                after = None;
            }
            for (id, shard) in self.files_in(number, made, after, busy).await? {
                if shards.len() == limit {
                    let at = shards.last().map(|found: &FoundShard| (found.id, found.shard));
                    let folder = u32::from(number);
                    // Folders are walked in order: the last shard taken is of this folder or an earlier one.
                    let after = at.filter(|(id, _)| self.is_in(id, number));
                    let next = Some(InventoryCursor(CursorAt::Files { folder, after }));
                    return Ok(InventoryPage { shards, next });
                }
                let described = self.describe_file(&id, shard).await.ok();
                shards.push(FoundShard { id, shard, described });
            }
        }
        let next = rest.map(|folder| InventoryCursor(CursorAt::Files { folder, after: None }));
        Ok(InventoryPage { shards, next })
    }

    fn is_in(&self, id: &BlobId, number: u16) -> bool {
        self.file_path(id, 0).parent() == Some(&self.folder(number))
    }

    /// The next folders there are, and where to go on after them.
    pub(super) async fn folders_from(&self, from: u32) -> Result<(Vec<u16>, Option<u32>), FaultKind> {
        let mut folders = Vec::new();
        for high in self.numbers_in(&self.shards).await? {
            if u32::from(high) < from >> 8 {
                continue;
            }
            let above = self.shards.join(format!("{high:02x}"));
            for low in self.numbers_in(&above).await? {
                let number = u16::from_be_bytes([high, low]);
                if u32::from(number) < from {
                    continue;
                }
                if folders.len() == FOLDERS_A_PAGE {
                    return Ok((folders, Some(u32::from(number)).filter(|next| *next < FOLDERS)));
                }
                folders.push(number);
            }
        }
        Ok((folders, None))
    }

    async fn numbers_in(&self, folder: &std::path::Path) -> Result<Vec<u8>, FaultKind> {
        let entries = self.env.disk.list(folder).await;
        let entries = entries.map_err(|error| FaultKind::io(&error))?;
        Ok(entries
            .iter()
            .filter(|entry| entry.is_directory && entry.name.len() == 2)
            .filter_map(|entry| u8::from_str_radix(&entry.name, 16).ok())
            .collect())
    }

    /// The shards in a folder after one of them, in order. What cut-off repairs left is removed on the way.
    async fn files_in(
        &self,
        number: u16,
        made: &Range<Timestamp>,
        after: Option<(BlobId, u8)>,
        busy: Busy<'_>,
    ) -> Result<Vec<(BlobId, u8)>, FaultKind> {
        let folder = self.folder(number);
        let entries = self.env.disk.list(&folder).await;
        let entries = entries.map_err(|error| FaultKind::io(&error))?;
        let mut found = Vec::new();
        for entry in entries {
            if parse_repair_name(&entry.name).is_some_and(|id| !busy.repairing.contains(&id)) {
                let _ = self.env.disk.remove(&folder.join(&entry.name)).await;
            }
            let Some((id, shard)) = parse_name(&entry.name) else {
                continue;
            };
            let passed = after.is_some_and(|after| (id, shard) <= after);
            if !passed && made.contains(&id.created()) && !busy.pending.contains(&id) {
                found.push((id, shard));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// What a shard file tells of its blob.
    pub(super) async fn describe_file(&self, id: &BlobId, shard: u8) -> Result<Described, FaultKind> {
        let file = self.open_file(id, shard).await?;
        let header = file.read_at(0, FILE_HEADER_BYTES).await;
        let identity = decode_file_header(&header.map_err(|error| FaultKind::io(&error))?)?;
        identity.names(id, shard, "shard header")?;
        let footer = decode_footer(&read_end(&file).await?)?;
        Ok(Described { blob: identity.blob(footer.size_bytes), descriptor: footer.descriptor })
    }
}

/// The end of a shard file with its whole footer: a block, or what the footer says where that is not enough.
pub(crate) async fn read_end(file: &Arc<dyn File>) -> Result<Bytes, FaultKind> {
    let read = async {
        let len = file.len().await?;
        let end = |wanted: usize| (len - len.min(wanted as u64), wanted);
        let (at, wanted) = end(BLOCK_BYTES);
        let block = file.read_at(at, wanted).await?;
        match footer_len(&block) {
            Some(footer) if footer > BLOCK_BYTES => {
                let (at, wanted) = end(footer.min(FOOTER_BYTES_MAX));
                file.read_at(at, wanted).await
            }
            _ => Ok(block),
        }
    };
    read.await.map_err(|error: std::io::Error| FaultKind::io(&error))
}
