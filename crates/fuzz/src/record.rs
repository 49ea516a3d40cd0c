//! Records: every type. Input: the number of the type, then its bytes.
//!
//! What decodes is what the encoder writes, to the byte: a record has one spelling, so that two replicas that hold the same
//! record hold the same bytes.

use std::fmt::Debug;

use meta::table::{Counters, decode_terminated, encode_terminated};
use model::blob::BlobRef;
use model::bucket::BucketRecord;
use model::identity::{AccessKeyRecord, AccountRecord, GroupRecord, KeyringRecord, PolicyRecord, UserRecord};
use model::object::{ObjectDetail, ObjectVersion};
use model::quota::{FenceRecord, QuotaRecord};
use model::reclaim::{BlobDescriptor, HealRecord, ReclaimRecord};
use model::record::Record;
use model::upload::{PartRecord, UploadRecord};

const TYPES: [fn(&[u8]); 18] = [
    one::<BlobRef>,
    one::<BucketRecord>,
    one::<ObjectVersion>,
    one::<ObjectDetail>,
    one::<ReclaimRecord>,
    one::<HealRecord>,
    one::<BlobDescriptor>,
    one::<UploadRecord>,
    one::<PartRecord>,
    one::<Counters>,
    one::<AccountRecord>,
    one::<UserRecord>,
    one::<GroupRecord>,
    one::<PolicyRecord>,
    one::<AccessKeyRecord>,
    one::<KeyringRecord>,
    one::<FenceRecord>,
    one::<QuotaRecord>,
];

/// See the module.
pub fn run(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match TYPES.get(usize::from(*kind)) {
        Some(check) => check(bytes),
        None => terminated(bytes),
    }
}

fn one<R: Record + Debug + PartialEq>(bytes: &[u8]) {
    let Ok(record) = R::decode(bytes) else { return };
    let written = record.encode();
    assert_eq!(R::decode(&written).as_ref(), Ok(&record), "{} does not come back", R::NAME);
    if bytes.first() == Some(&R::VERSION) {
        assert_eq!(written, bytes, "{record:?} has two spellings");
    }
}

/// Keys of tables.
fn terminated(bytes: &[u8]) {
    let Some((key, rest)) = decode_terminated(bytes) else { return };
    let mut written = Vec::new();
    encode_terminated(&key, &mut written);
    written.extend_from_slice(rest);
    assert_eq!(written, bytes, "a key has two spellings");
}
