//! What a start prints: where to connect, how to sign in, the drives, what is survived, and what is odd. Pure.
//!
//! Always: no secret that was set is printed.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use cluster::map::{ClusterMap, Slot};

use crate::config::RootKeys;

/// What there is to tell.
#[derive(Debug)]
pub struct Announcement<'a> {
    /// Where the server answers.
    pub addresses: &'a [SocketAddr],
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Domains whose subdomains are buckets.
    pub domains: &'a [String],
    /// The root user.
    pub credentials: &'a RootKeys,
    /// The store.
    pub map: &'a ClusterMap,
    /// By set and slot: the folder of the drive, `None` where it is missing.
    pub places: &'a [Vec<Option<PathBuf>>],
    /// Whether the store was made by this start.
    pub new_store: bool,
    /// Whether it is open for reading only.
    pub read_only: bool,
    /// Places whose drive is being refilled.
    pub refilling: &'a [Slot],
    /// Whether the console was not declined.
    pub console: bool,
    /// What is odd, in sentences.
    pub warnings: &'a [String],
}

/// Drives that are listed one by one; more are counted.
const DRIVES_LISTED_MAX: usize = 32;

impl Announcement<'_> {
    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("RustFS {}\n\n", env!("CARGO_PKG_VERSION"));
        self.endpoints(&mut text);
        self.sign_in(&mut text);
        if self.console {
            line(
                &mut text,
                "Console",
                "comes with a later release; until then use aws, boto3, rclone or any S3 client",
            );
        }
        self.drives(&mut text);
        for warning in self.warnings {
            let _ = write!(text, "\nwarning: {warning}");
        }
        if !self.warnings.is_empty() {
            text.push('\n');
        }
        text
    }

    fn endpoints(&self, text: &mut String) {
        let endpoints: Vec<String> =
            self.addresses.iter().map(|address| endpoint(self.scheme, *address)).collect();
        let all = self.addresses.iter().any(|address| address.ip().is_unspecified());
        let note = if all { "  (and every other address of this machine)" } else { "" };
        line(text, "Endpoint", &format!("{}{note}", endpoints.join("  ")));
        if !self.domains.is_empty() {
            line(text, "", &format!("buckets also as subdomains of {}", self.domains.join(", ")));
        }
    }

    fn sign_in(&self, text: &mut String) {
        if !self.credentials.is_default {
            line(
                text,
                "Sign in",
                &format!("access key {}, with the secret key that was set", self.credentials.access_key),
            );
            return;
        }
        let pair = format!(
            "access key {}, secret key {}",
            self.credentials.access_key,
            self.credentials.secret_key.reveal()
        );
        line(text, "Sign in", &pair);
        line(text, "", "This pair is public, so it works from this machine only. For use from others set");
        line(text, "", "RUSTFS_ACCESS_KEY and RUSTFS_SECRET_KEY and start again.");
    }

    fn drives(&self, text: &mut String) {
        let made = if self.new_store { ", made now" } else { "" };
        let open =
            if self.read_only { ", OPEN FOR READING ONLY: too few drives are there to write" } else { "" };
        line(text, "Store", &format!("{}{made}{open}", self.map.store));
        let count = self.map.drive_count();
        let mut label = "Drives";
        for (slot, _) in self.map.slots().take(DRIVES_LISTED_MAX) {
            line(text, label, &self.drive(slot));
            label = "";
        }
        if count > DRIVES_LISTED_MAX {
            line(text, "", &format!("and {} more", count - DRIVES_LISTED_MAX));
        }
        line(text, "Redundancy", &survives(self.map));
    }

    fn drive(&self, slot: Slot) -> String {
        let place = self.places.get(usize::from(slot.set)).and_then(|set| set.get(usize::from(slot.slot)));
        match place {
            Some(Some(path)) if self.refilling.contains(&slot) => {
                format!("{}  being refilled from the others", path.display())
            }
            Some(Some(path)) => format!("{}  ok", path.display()),
            _ => format!("set {} slot {}  MISSING", slot.set, slot.slot),
        }
    }
}

fn line(text: &mut String, label: &str, value: &str) {
    // Writing to a text can't fail.
    let _ = writeln!(text, "{label:<12}{value}");
}

/// What a client on this machine would be given.
fn endpoint(scheme: &str, address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("{scheme}://127.0.0.1:{}", address.port()),
        false => format!("{scheme}://{address}"),
    }
}

/// What may be lost, in words.
#[must_use]
pub fn survives(map: &ClusterMap) -> String {
    let width = map.set_width();
    let lost = usize::from(map.parity).min(usize::from(map.replicas) - 1);
    let of = match map.sets.len() {
        1 => format!("{width} drives"),
        sets => format!("{width} drives in each of {sets} sets"),
    };
    match (map.drive_count(), lost) {
        (1, _) => "none: there is one drive, and what is on it is lost with it".into(),
        (_, 0) => "none: a lost drive loses data. Parity is chosen at the first start".into(),
        (_, lost) => format!("survives the loss of any {lost} of {of}"),
    }
}

#[cfg(test)]
mod tests;
