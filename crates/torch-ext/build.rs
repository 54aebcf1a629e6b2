//! Compiles the C++ shim against the libtorch that `torch-sys` found, and tells everybody above where that is.

use std::{env, path::PathBuf};

/// Instruction sets for which the inner loops are compiled; the best that the machine has whole is chosen at run time.
const SETS: [(&str, &[&str]); 3] = [
    ("plain", &[]),
    ("avx2", &["avx2", "fma"]),
    ("avx512", &["avx512f", "avx512bw", "avx512vl", "avx512dq", "fma"]),
];

/// The C++ expression that says whether the machine has all of `features`.
fn runs(features: &[&str]) -> String {
    let checks: Vec<String> =
        features.iter().map(|feature| format!("__builtin_cpu_supports(\"{feature}\")")).collect();
    format!("({})", checks.join(" && "))
}

fn main() {
    // torch-sys publishes its choice (LIBTORCH, LIBTORCH_USE_PYTORCH, …) under its `links` name, `tch`.
    let lib = env::var("DEP_TCH_LIBTORCH_LIB").expect("torch-sys publishes DEP_TCH_LIBTORCH_LIB");
    let lib = PathBuf::from(lib);
    let root = lib.parent().expect("libtorch's lib folder has a parent").to_path_buf();
    let include = env::var("LIBTORCH_INCLUDE").map(PathBuf::from).unwrap_or(root).join("include");
    let abi = env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".into());

    let x86 = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64");
    let sets = &SETS[..if x86 { SETS.len() } else { 1 }];
    // Always optimised: a debug build of the kernels would make training code untestable.
    let mut shim = cc::Build::new();
    for (set, features) in sets.iter().skip(1) {
        shim.define(&format!("TORCH_EXT_RUNS_{set}"), runs(features).as_str());
    }
    shim.cpp(true)
        .pic(true)
        .opt_level(3)
        .debug(false)
        .std("c++17")
        .warnings(false)
        .flag_if_supported("-fno-math-errno")
        .flag_if_supported("-fno-trapping-math")
        .flag(format!("-D_GLIBCXX_USE_CXX11_ABI={abi}"))
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .file("csrc/all.cpp")
        .compile("torch_ext_shim");

    for (set, features) in sets {
        let mut build = cc::Build::new();
        build
            .cpp(true)
            .pic(true)
            .opt_level(3)
            .debug(false)
            .std("c++17")
            .warnings(false)
            .flag_if_supported("-Wno-psabi");
        // Sums are vectorised over columns, never reordered: contraction to fused multiply-add is all that is allowed.
        build.flag("-ffp-contract=fast").define("TORCH_EXT_SET", *set);
        for feature in *features {
            build.flag(format!("-m{feature}"));
        }
        if *set == "avx512" {
            build.flag("-mprefer-vector-width=512");
        }
        build.file("csrc/kernels/norm_act.cpp").compile(&format!("torch_ext_kernels_{set}"));
    }

    println!("cargo::rustc-link-search=native={}", lib.display());
    println!("cargo::rustc-link-lib=torch_cpu");
    println!("cargo::rustc-link-lib=c10");
    println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags,-rpath,{}", lib.display());
    // What `rpath.rs` reads in the crates above.
    println!("cargo::metadata=libtorch_lib={}", lib.display());
    println!("cargo::rerun-if-changed=csrc");
    println!("cargo::rerun-if-env-changed=LIBTORCH_INCLUDE");
    println!("cargo::rerun-if-env-changed=LIBTORCH_CXX11_ABI");
}
