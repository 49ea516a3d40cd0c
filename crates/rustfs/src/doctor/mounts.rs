//! What `/proc/self/mountinfo` says of the file system below a folder. Pure.

use std::path::{Path, PathBuf};

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where.
    pub(crate) point: PathBuf,
    /// `ext4`.
    pub(crate) kind: String,
    /// Those of the mount and of the file system.
    pub(crate) options: Vec<String>,
}

impl Mount {
    /// Whether this option is set.
    pub(crate) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|known| known == option)
    }
}

/// The mount that holds an absolute path without links: the last one with the longest fitting mount point, as later ones hide earlier ones.
pub(crate) fn of(text: &str, path: &Path) -> Option<Mount> {
    let mounts = text.lines().filter_map(parse).filter(|mount| path.starts_with(&mount.point));
    mounts.max_by_key(|mount| mount.point.components().count())
}

/// `36 35 98:0 /root /mnt/disk1 rw,noatime master:1 - ext4 /dev/sda1 rw,barrier=0`.
fn parse(line: &str) -> Option<Mount> {
    let (of_mount, of_system) = line.split_once(" - ")?;
    let mut fields = of_mount.split(' ').skip(4);
    let point = PathBuf::from(unescaped(fields.next()?));
    let own = fields.next()?;
    let mut fields = of_system.split(' ');
    let kind = fields.next()?.to_owned();
    let of_system = fields.nth(1).unwrap_or_default();
    let options = own.split(',').chain(of_system.split(',')).map(str::to_owned).collect();
    Some(Mount { point, kind, options })
}

/// The kernel writes a space as `\040`.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let code = from.get(1..4).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        let taken = if let Some(code) = code {
            out.push(char::from(code));
            4
        } else {
            out.push('\\');
            1
        };
        rest = from.get(taken..).unwrap_or_default();
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw,errors=remount-ro
30 22 8:17 / /mnt/disk1 rw,noatime shared:1 - xfs /dev/sdb1 rw,nobarrier
31 22 0:40 / /mnt/my\\040disk rw - tmpfs tmpfs rw,size=1k
32 30 8:33 / /mnt/disk1 ro - ext4 /dev/sdc1 ro
short line";

    #[test]
    fn a_folder_is_on_the_deepest_mount_and_the_latest() {
        let kind = |path: &str| of(TEXT, Path::new(path)).unwrap().kind;
        assert_eq!(kind("/data"), "ext4");
        assert_eq!(kind("/mnt/my disk/x"), "tmpfs");
        assert_eq!(kind("/mnt/disk10"), "ext4");
        let hidden = of(TEXT, Path::new("/mnt/disk1/a")).unwrap();
        assert_eq!((hidden.kind.as_str(), hidden.has("ro"), hidden.has("nobarrier")), ("ext4", true, false));
        assert_eq!(of("", Path::new("/")), None);
    }
}
