//! Writes the seeds that encoders make to the folder that is named: `cargo run -p fuzz -- fuzz/seeds`.

use std::path::PathBuf;
use std::process::ExitCode;

#[expect(clippy::disallowed_methods, reason = "a tool of the project: it writes files of the project")]
fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("name the folder to write seeds to: fuzz/seeds");
        return ExitCode::from(2);
    };
    for (target, name, bytes) in fuzz::seeds::all() {
        let folder = folder.join(target);
        let path = folder.join(name);
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, bytes));
        if let Err(error) = written {
            eprintln!("{} can't be written: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
