//! Every file of an engine read from end to end, for whoever looks at a drive.

use std::path::Path;

use env::blocking::BlockingDisk;
use model::ids::DriveId;

use super::damage::Damage;
use super::file::{FileFault, RowFile, decode_place};
use super::manifest::Manifest;
use super::version::Version;

/// Reads everything that the engine of a drive in `directory` needs, and tells what is damaged.
///
/// # Errors
/// Where the drive can't be read, or the manifest or a directory of a file is damaged, so that the rest can't be found.
pub fn check_files(
    disk: &dyn BlockingDisk,
    directory: &Path,
    drive: DriveId,
    visit: &mut dyn FnMut(Damage),
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let Some(manifest) = Manifest::read(disk, directory, drive)? else {
        return Ok(());
    };
    let version = Version::open(&manifest, disk, directory, drive, &|| 0)?;
    for file in version.files().values() {
        check_file(file, visit)?;
    }
    Ok(())
}

fn check_file(file: &RowFile, visit: &mut dyn FnMut(Damage)) -> Result<(), std::io::Error> {
    for leaf in &file.leaves {
        keep_going(file.read(leaf.filter).map(drop), visit)?;
        let index = match file.block(leaf.index) {
            Ok(index) => index,
            Err(fault) => {
                keep_going(Err(fault), visit)?;
                continue;
            }
        };
        for at in 0..index.len() {
            let place = index.row(at).and_then(|(_, place)| decode_place(place?));
            match place {
                Some(place) => keep_going(file.block(place).map(drop), visit)?,
                None => visit(file.damage(leaf.index)),
            }
        }
    }
    Ok(())
}

/// Damage is told; only a drive that fails ends the check.
fn keep_going(found: Result<(), FileFault>, visit: &mut dyn FnMut(Damage)) -> Result<(), std::io::Error> {
    match found {
        Ok(()) => Ok(()),
        Err(FileFault::Damage(damage)) => {
            visit(damage);
            Ok(())
        }
        Err(FileFault::Io(error)) => Err(error),
    }
}
