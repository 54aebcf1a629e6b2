//! The build script of every crate whose binaries or tests load libtorch: they find it by themselves.
//!
//! `torch-ext` hands down the folder that it was linked with. It goes into the RUNPATH twice: as it was given
//! (`<clone>/libtorch/lib`, so that a later `cargo xtask setup --cuda` takes effect without a new build), and with
//! links resolved (so that a clone that was moved still runs). `LD_LIBRARY_PATH` comes before a RUNPATH, so a
//! binary carried to another machine can be told where libtorch lies there.

#![expect(clippy::print_stdout, reason = "cargo listens to a build script on its standard output")]

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=../torch-ext/rpath.rs");
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
