//! What the machine brings along: a compiler, and perhaps a libtorch that the user chose.

use super::VERSION;
use anyhow::{Context, Result, bail, ensure};
use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Fails with the remedy when no C++ compiler answers; the bindings of libtorch need one.
pub(super) fn compiler() -> Result<()> {
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".into());
    // CXX may carry a wrapper or flags: `ccache g++`.
    let mut words = compiler.split_whitespace();
    let program = words.next().unwrap_or("c++");
    let answer = Command::new(program).args(words).arg("--version").stdout(Stdio::null()).status();
    match answer {
        Ok(status) if status.success() => Ok(()),
        Ok(_) | Err(_) => bail!(
            "no C++ compiler answers to `{compiler} --version`: install one (Debian, Ubuntu: `sudo apt install \
             g++`; Fedora: `sudo dnf install gcc-c++`) or set CXX to yours, then run this command again"
        ),
    }
}

/// Whether the user brought a libtorch; it wins over ours and is only checked.
///
/// `.cargo/config.toml` sets `LIBTORCH` to `<clone>/libtorch` for every process that cargo starts, this one included,
/// unless the user set it: that value is not the user's.
pub(super) fn libtorch(clone: &Path) -> Result<bool> {
    if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        pytorch()?;
        return Ok(true);
    }
    let Some(given) = env::var_os("LIBTORCH").map(PathBuf::from) else { return Ok(false) };
    // Compared with links resolved, the last one excepted: the clone may be reached by two paths.
    let place = given.parent().and_then(|parent| parent.canonicalize().ok()).zip(given.file_name());
    if place == clone.canonicalize().ok().zip(Some(OsStr::new("libtorch"))) {
        return Ok(false);
    }
    ensure!(
        given.is_absolute(),
        "LIBTORCH={} is a relative path, which each build step would read differently: make it absolute",
        given.display()
    );
    folder(&given).map_err(|error| {
        let remedy = "correct LIBTORCH, or unset it and Twist fetches its own libtorch";
        crate::remedy(error.context(format!("LIBTORCH={}", given.display())), remedy)
    })?;
    eprintln!("using LIBTORCH={}", given.display());
    Ok(true)
}

/// Checks that `folder` has the shape and version that the bindings compile and link against.
pub(super) fn folder(folder: &Path) -> Result<()> {
    for part in ["include/torch/csrc/api/include/torch/torch.h", "lib/libtorch_cpu.so", "lib/libc10.so"] {
        ensure!(folder.join(part).exists(), "{} is not there", folder.join(part).display());
    }
    // A folder without the file is let through: the bindings check the version again when they are compiled.
    if let Ok(version) = fs_err::read_to_string(folder.join("build-version")) {
        let (version, series) = (version.trim(), VERSION.trim_end_matches(".0"));
        ensure!(version.starts_with(series), "this is libtorch {version}, and Twist needs {series}");
    }
    Ok(())
}

/// Checks the PyTorch that `LIBTORCH_USE_PYTORCH` names: the one of the interpreter that the bindings will ask.
fn pytorch() -> Result<()> {
    let python = if env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
    let remedy = format!(
        "install it (`{python} -m pip install torch=={VERSION}`), activate the environment that has it, or unset \
         LIBTORCH_USE_PYTORCH and Twist fetches its own libtorch"
    );
    let output = Command::new(python)
        .args(["-c", "import torch; print(torch.__version__, torch.__file__)"])
        .output()
        .with_context(|| format!("LIBTORCH_USE_PYTORCH is set, but `{python}` does not run: {remedy}"))?;
    let answer = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && answer.starts_with(VERSION.trim_end_matches(".0")),
        "LIBTORCH_USE_PYTORCH is set, but `{python}` has {}, and Twist needs PyTorch {VERSION}: {remedy}",
        if output.status.success() { answer.trim() } else { "no PyTorch" }
    );
    eprintln!("using PyTorch {}", answer.trim());
    Ok(())
}

pub(super) fn nvidia_driver() -> bool {
    Path::new("/proc/driver/nvidia/version").exists()
}
