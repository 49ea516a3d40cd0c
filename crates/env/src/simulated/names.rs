//! The names on one simulated drive: what they are now, what a power cut leaves, and what lies between.
//!
//! - A change is atomic, a rename too although it touches two names.
//! - A change that survives a power cut takes with it all earlier ones that touch the same names.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::Arc;

use parking_lot::Mutex;

use super::data::{FileData, Mood};
use super::random::Generator;
use crate::Entry;

/// A file: its data, and whether a name leads to it.
#[derive(Debug, Default)]
pub(super) struct FileNode {
    pub(super) data: FileData,
    pub(super) is_named: bool,
}

pub(super) type FileRef = Arc<Mutex<FileNode>>;

#[derive(Debug)]
pub(super) struct Directory {
    id: u64,
    names: Mutex<DirectoryNames>,
}

pub(super) type DirectoryRef = Arc<Directory>;

#[derive(Debug, Default)]
struct DirectoryNames {
    current: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    File(FileRef),
    Directory(DirectoryRef),
}

impl Directory {
    fn get(&self, name: &str) -> Option<Node> {
        self.names.lock().current.get(name).cloned()
    }

    fn children(&self) -> Vec<(String, Node)> {
        let names = self.names.lock();
        let copy = |(name, node): (&String, &Node)| (name.clone(), node.clone());
        names.current.iter().map(copy).collect()
    }

    fn durable_children(&self) -> Vec<(String, Node)> {
        let names = self.names.lock();
        let copy = |(name, node): (&String, &Node)| (name.clone(), node.clone());
        names.durable.iter().map(copy).collect()
    }
}

/// One name that changes: what it leads to afterwards.
#[derive(Debug)]
struct Slot {
    directory: DirectoryRef,
    name: String,
    node: Option<Node>,
}

impl Slot {
    fn apply(&self, pick: impl FnOnce(&mut DirectoryNames) -> &mut BTreeMap<String, Node>) {
        let mut names = self.directory.names.lock();
        let map = pick(&mut names);
        match &self.node {
            Some(node) => map.insert(self.name.clone(), node.clone()),
            None => map.remove(&self.name),
        };
    }
}

#[derive(Debug)]
struct NameChange {
    sequence: u64,
    slots: Vec<Slot>,
}

#[derive(Debug)]
pub(super) struct Names {
    root: DirectoryRef,
    unsynced: Vec<NameChange>,
    directory_count: u64,
    sequence: u64,
}

impl Names {
    pub(super) fn new() -> Self {
        Names {
            root: Arc::new(Directory { id: 0, names: Mutex::default() }),
            unsynced: Vec::new(),
            directory_count: 1,
            sequence: 0,
        }
    }

    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn find(&self, path: &[&str]) -> io::Result<Node> {
        let mut node = Node::Directory(Arc::clone(&self.root));
        for name in path {
            let Node::Directory(directory) = node else {
                return Err(ErrorKind::NotADirectory.into());
            };
            node = directory.get(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok(node)
    }

    pub(super) fn find_file(&self, path: &[&str]) -> io::Result<FileRef> {
        match self.find(path)? {
            Node::File(file) => Ok(file),
            Node::Directory(_) => Err(ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn find_directory(&self, path: &[&str]) -> io::Result<DirectoryRef> {
        match self.find(path)? {
            Node::Directory(directory) => Ok(directory),
            Node::File(_) => Err(ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn list(&self, path: &[&str]) -> io::Result<Vec<Entry>> {
        let entry = |(name, node)| match node {
            Node::File(file) => {
                Entry { name, is_directory: false, size_bytes: file.lock().data.current().len() }
            }
            Node::Directory(_) => Entry { name, is_directory: true, size_bytes: 0 },
        };
        let directory = self.find_directory(path)?;
        Ok(directory.children().into_iter().map(entry).collect())
    }

    pub(super) fn create(&mut self, path: &[&str]) -> io::Result<()> {
        let (directory, name) = self.place(path)?;
        if directory.get(name).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let file = FileNode { is_named: true, ..FileNode::default() };
        let node = Node::File(Arc::new(Mutex::new(file)));
        self.change(vec![slot(&directory, name, Some(node))]);
        Ok(())
    }

    pub(super) fn create_directories(&mut self, path: &[&str]) -> io::Result<()> {
        let mut directory = Arc::clone(&self.root);
        for (index, name) in path.iter().enumerate() {
            directory = match directory.get(name) {
                Some(Node::Directory(inner)) => inner,
                Some(Node::File(_)) if index + 1 == path.len() => return Err(ErrorKind::AlreadyExists.into()),
                Some(Node::File(_)) => return Err(ErrorKind::NotADirectory.into()),
                None => {
                    let inner = Arc::new(Directory { id: self.directory_count, names: Mutex::default() });
                    self.directory_count += 1;
                    let node = Node::Directory(Arc::clone(&inner));
                    self.change(vec![slot(&directory, name, Some(node))]);
                    inner
                }
            };
        }
        Ok(())
    }

    /// Gives back the room, in bytes, that what was under the new name took.
    pub(super) fn rename(&mut self, from: &[&str], to: &[&str]) -> io::Result<u64> {
        let (from_directory, from_name) = self.place(from)?;
        let (to_directory, to_name) = self.place(to)?;
        let node = from_directory.get(from_name).ok_or(ErrorKind::NotFound)?;
        if from == to {
            return Ok(0);
        }
        let mut freed_bytes = 0;
        match (&node, to_directory.get(to_name)) {
            (_, None) => {}
            (Node::File(_), Some(Node::File(old))) => freed_bytes = unname(&old),
            (Node::File(_), Some(Node::Directory(_))) => return Err(ErrorKind::IsADirectory.into()),
            (Node::Directory(_), Some(Node::File(_))) => {
                return Err(ErrorKind::NotADirectory.into());
            }
            (Node::Directory(_), Some(Node::Directory(_))) => {
                return Err(ErrorKind::DirectoryNotEmpty.into());
            }
        }
        self.change(vec![slot(&from_directory, from_name, None), slot(&to_directory, to_name, Some(node))]);
        Ok(freed_bytes)
    }

    /// Gives back the room, in bytes, that the file took.
    pub(super) fn remove(&mut self, path: &[&str]) -> io::Result<u64> {
        let (directory, name) = self.place(path)?;
        match directory.get(name) {
            None => Err(ErrorKind::NotFound.into()),
            Some(Node::Directory(_)) => Err(ErrorKind::IsADirectory.into()),
            Some(Node::File(file)) => {
                self.change(vec![slot(&directory, name, None)]);
                Ok(unname(&file))
            }
        }
    }

    /// Name by name, the deepest first: a power cut may leave a part. Gives back the room, in bytes, of the files.
    pub(super) fn remove_directory(&mut self, path: &[&str]) -> io::Result<u64> {
        let (parent, name) = self.place(path)?;
        match parent.get(name) {
            None => Err(ErrorKind::NotFound.into()),
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            Some(Node::Directory(directory)) => {
                let freed_bytes = self.empty(&directory);
                self.change(vec![slot(&parent, name, None)]);
                Ok(freed_bytes)
            }
        }
    }

    /// Makes those names durable that had changed in the directory at `sequence`.
    pub(super) fn sync(&mut self, directory: &DirectoryRef, sequence: u64) {
        let touches = |change: &NameChange| {
            change.sequence <= sequence && change.slots.iter().any(|slot| slot.directory.id == directory.id)
        };
        let kept = self.unsynced.iter().map(touches).collect();
        self.settle(kept);
    }

    /// A power cut. Files follow in the order of their names. Gives back the room, in bytes, of the files that are left.
    pub(super) fn cut_power(&mut self, generator: &mut Generator) -> u64 {
        let mood = Mood::draw(generator);
        let kept = self.unsynced.iter().map(|_| mood.keeps(generator)).collect();
        self.settle(kept);
        self.unsynced.clear();
        let mood = Mood::draw(generator);
        let mut room_bytes = 0;
        let mut directories = vec![Arc::clone(&self.root)];
        while let Some(directory) = directories.pop() {
            let children = directory.durable_children();
            directory.names.lock().current = children.iter().cloned().collect();
            for (_, node) in children {
                match node {
                    Node::Directory(inner) => directories.push(inner),
                    Node::File(file) => {
                        let mut file = file.lock();
                        file.is_named = true;
                        file.data.cut_power(mood, generator);
                        room_bytes += file.data.room_bytes();
                    }
                }
            }
        }
        room_bytes
    }

    /// The files that a power cut could not take away, by their path on the drive.
    pub(super) fn durable_files(&self) -> Vec<(String, FileRef)> {
        let mut files = Vec::new();
        let mut directories = vec![(String::new(), Arc::clone(&self.root))];
        while let Some((path, directory)) = directories.pop() {
            for (name, node) in directory.durable_children() {
                let path = format!("{path}/{name}");
                match node {
                    Node::File(file) => files.push((path, file)),
                    Node::Directory(inner) => directories.push((path, inner)),
                }
            }
        }
        files.sort_by(|left, right| left.0.cmp(&right.0));
        files
    }

    fn empty(&mut self, directory: &DirectoryRef) -> u64 {
        let mut freed_bytes = 0;
        for (name, node) in directory.children() {
            freed_bytes += match &node {
                Node::File(file) => unname(file),
                Node::Directory(inner) => self.empty(inner),
            };
            self.change(vec![slot(directory, &name, None)]);
        }
        freed_bytes
    }

    fn place<'a>(&self, path: &[&'a str]) -> io::Result<(DirectoryRef, &'a str)> {
        let (name, directory) = path.split_last().ok_or(ErrorKind::InvalidInput)?;
        Ok((self.find_directory(directory)?, name))
    }

    fn change(&mut self, slots: Vec<Slot>) {
        for slot in &slots {
            slot.apply(|names| &mut names.current);
        }
        self.sequence += 1;
        self.unsynced.push(NameChange { sequence: self.sequence, slots });
    }

    /// Makes the kept changes durable, and the earlier ones that they rest on.
    fn settle(&mut self, mut kept: Vec<bool>) {
        let mut touched: BTreeSet<(u64, &str)> = BTreeSet::new();
        for (change, kept) in self.unsynced.iter().zip(&mut kept).rev() {
            let mut keys = change.slots.iter().map(|slot| (slot.directory.id, slot.name.as_str()));
            *kept = *kept || keys.clone().any(|key| touched.contains(&key));
            if *kept {
                touched.extend(&mut keys);
            }
        }
        let mut kept = kept.into_iter();
        self.unsynced.retain(|change| {
            let keep = kept.next().unwrap_or(false);
            if keep {
                for slot in &change.slots {
                    slot.apply(|names| &mut names.durable);
                }
            }
            !keep
        });
    }
}

fn slot(directory: &DirectoryRef, name: &str, node: Option<Node>) -> Slot {
    Slot { directory: Arc::clone(directory), name: name.to_owned(), node }
}

fn unname(file: &FileRef) -> u64 {
    let mut file = file.lock();
    file.is_named = false;
    file.data.room_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(names: &Names) -> Vec<String> {
        names.durable_files().into_iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn a_renamed_file_is_under_one_of_its_names_after_a_power_cut() {
        let mut seen = BTreeSet::new();
        for seed in 0..60 {
            let mut names = Names::new();
            names.create_directories(&["a"]).unwrap();
            names.create(&["f"]).unwrap();
            let root = names.find_directory(&[]).unwrap();
            names.sync(&root, names.sequence());
            names.rename(&["f"], &["a", "g"]).unwrap();
            names.rename(&["a", "g"], &["h"]).unwrap();
            names.cut_power(&mut Generator::new(seed));
            seen.insert(all(&names));
        }
        let expected = [["/a/g"], ["/f"], ["/h"]].map(|path| path.map(str::to_owned).to_vec());
        assert_eq!(Vec::from_iter(seen), expected);
    }

    #[test]
    fn a_synced_directory_keeps_its_names_where_its_own_name_was_synced() {
        let mut survived = BTreeSet::new();
        for seed in 0..60 {
            let mut names = Names::new();
            names.create_directories(&["a", "b"]).unwrap();
            names.create(&["a", "b", "f"]).unwrap();
            let inner = names.find_directory(&["a", "b"]).unwrap();
            names.sync(&inner, names.sequence());
            if seed >= 30 {
                for path in [&["a"][..], &[]] {
                    let directory = names.find_directory(path).unwrap();
                    names.sync(&directory, names.sequence());
                }
            }
            names.cut_power(&mut Generator::new(seed));
            survived.insert((seed >= 30, all(&names).len()));
        }
        assert_eq!(Vec::from_iter(survived), [(false, 0), (false, 1), (true, 1)]);
    }

    #[test]
    fn a_sync_covers_what_had_changed_when_it_began() {
        let mut names = Names::new();
        names.create(&["early"]).unwrap();
        let sequence = names.sequence();
        names.create(&["late"]).unwrap();
        let root = names.find_directory(&[]).unwrap();
        names.sync(&root, sequence);
        assert_eq!(all(&names), ["/early"]);
    }
}
