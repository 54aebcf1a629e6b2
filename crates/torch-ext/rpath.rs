//! The build script of every crate whose binaries or tests load libtorch: they find it by themselves.
//!
//! `torch-ext` hands down the folder that it was linked with. It goes into the RUNPATH twice: as it was given
//! (`<clone>/libtorch/lib`, so that a later `cargo xtask setup --cuda` takes effect without a new build), and with
//! links resolved (so that a clone that was moved still runs). `LD_LIBRARY_PATH` comes before a RUNPATH, so a
//! binary carried to another machine can be told where libtorch lies there.
//!
//! With `TWIST_WHEEL` set (`cargo xtask wheel`), what goes into the Python wheel looks for the libtorch of the PyTorch that
//! is installed beside it.

#![expect(clippy::print_stdout, reason = "cargo listens to a build script on its standard output")]

use std::path::Path;

/// The packages that go into the Python wheel, with the place of PyTorch's libraries as seen from each in site-packages.
const IN_WHEEL: [(&str, &str); 2] =
    [("twist-cli", "$ORIGIN/../../torch/lib"), ("twist-py", "$ORIGIN/../torch/lib")];

fn main() {
    println!("cargo::rerun-if-changed=../torch-ext/rpath.rs");
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    if let Some((_, place)) = IN_WHEEL.iter().find(|(name, _)| *name == package) {
        println!("cargo::rerun-if-env-changed=TWIST_WHEEL");
        if std::env::var_os("TWIST_WHEEL").is_some() {
            // An RPATH, not a RUNPATH: in an environment of Python, `LD_LIBRARY_PATH` may name another libtorch.
            println!("cargo::rustc-link-arg=-Wl,--disable-new-dtags,-rpath,{place}");
            return;
        }
    }
    let Ok(given) = std::env::var("DEP_TORCH_EXT_LIBTORCH_LIB") else {
        println!("cargo::error=torch-ext did not say where libtorch is: run `cargo xtask setup`");
        return;
    };
    println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags,-rpath,{given}");
    if let Ok(resolved) = Path::new(&given).canonicalize()
        && resolved != Path::new(&given)
    {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", resolved.display());
    }
}
