//! The programs of the operating system that the tests use, from Debian's packages where they are missing.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::process;

/// What the tests need of the system.
struct Need {
    package: &'static str,
    /// A command that succeeds where it is there already.
    probe: &'static [&'static str],
}

const NEEDS: &[Need] = &[
    Need { package: "curl", probe: &["curl", "--version"] },
    Need { package: "e2fsprogs", probe: &["mkfs.ext4", "-V"] },
    Need { package: "golang-go", probe: &["go", "version"] },
    Need { package: "mount", probe: &["mount", "--version"] },
    Need { package: "openssl", probe: &["openssl", "version"] },
    Need { package: "nodejs", probe: &["node", "--version"] },
    Need { package: "npm", probe: &["npm", "--version"] },
    Need { package: "strace", probe: &["strace", "--version"] },
    Need { package: "python3", probe: &["python3", "--version"] },
    Need { package: "systemd", probe: &["systemd-analyze", "--version"] },
    Need { package: "python3-venv", probe: &["python3", "-c", "import venv, ensurepip"] },
];

/// Installs what is missing; says what was done.
pub(super) fn install_missing(root: &Path) -> Result<String, Failure> {
    let missing = missing(NEEDS);
    if missing.is_empty() {
        return Ok("all there".to_string());
    }
    let list = missing.join(" ");
    let by_hand = format!(
        "missing: {list}; run `apt-get update && apt-get install {list}` as root, or what installs them on this system"
    );
    if !process::in_path("apt-get") {
        return Err(Failure::failed(format!("no apt-get here; {by_hand}")));
    }
    if process::output(process::program("id", root).arg("-u"))?.trim() != "0" {
        return Err(Failure::failed(format!("not root; {by_hand}")));
    }
    process::run(process::program("apt-get", root).args(["update", "-qq"]))?;
    let mut install = process::program("apt-get", root);
    install
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive");
    process::run(&mut install)?;
    Ok(format!("installed {list}"))
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    needs.iter().filter(|need| !succeeds(need.probe)).map(|need| need.package).collect()
}

fn succeeds(probe: &[&str]) -> bool {
    let Some((program, arguments)) = probe.split_first() else {
        return false;
    };
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_or_is_not_there_is_missing() {
        let needs = [
            Need { package: "there", probe: &["true"] },
            Need { package: "broken", probe: &["false"] },
            Need { package: "absent", probe: &["no-such-program-here"] },
        ];
        assert_eq!(missing(&needs), ["broken", "absent"]);
    }
}
