//! Which wheels libtorch comes in, and which of their files are needed.
//!
//! One wheel of PyTorch is pinned whatever Python runs pip (`--python-version 3.12` below): its libraries are the same
//! in all of them, and one file has one known hash.

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// What a CPU needs: 0.5 GB.
    Cpu,
    /// Also libtorch's CUDA part with cuDNN, NCCL and the rest: 4 GB.
    Cuda,
}

pub(super) struct Wheel {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) sha256: &'static str,
}

const fn wheel(name: &'static str, version: &'static str, sha256: &'static str) -> Wheel {
    Wheel { name, version, sha256 }
}

/// PyTorch itself, and the two small CUDA libraries that even its CPU library names.
#[rustfmt::skip]
const CPU: &[Wheel] = &[
    wheel("torch", super::VERSION, "0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756"),
    wheel("nvidia-cuda-cupti", "13.0.85", "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"),
    wheel("nvidia-cuda-runtime", "13.0.96", "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"),
];

/// What the CUDA part needs besides, in the versions that PyTorch asks for.
#[rustfmt::skip]
const CUDA: &[Wheel] = &[
    wheel("nvidia-cublas", "13.1.0.3", "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171"),
    wheel("nvidia-cuda-nvrtc", "13.0.88", "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575"),
    wheel("nvidia-cudnn-cu13", "9.19.0.56", "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf"),
    wheel("nvidia-cufft", "12.0.0.61", "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3"),
    wheel("nvidia-cufile", "1.15.1.6", "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44"),
    wheel("nvidia-curand", "10.4.0.35", "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc"),
    wheel("nvidia-cusolver", "12.0.4.66", "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112"),
    wheel("nvidia-cusparse", "12.6.3.3", "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b"),
    wheel("nvidia-cusparselt-cu13", "0.8.0", "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd"),
    wheel("nvidia-nccl-cu13", "2.28.9", "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42"),
    wheel("nvidia-nvjitlink", "13.0.88", "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b"),
    wheel("nvidia-nvshmem-cu13", "3.4.5", "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80"),
    wheel("nvidia-nvtx", "13.0.85", "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4"),
];

/// Where pip may take the wheels from: it does not expand tags that are given by hand.
pub(super) const PLATFORMS: &[&str] = &[
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_25_x86_64",
    "manylinux_2_18_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
    "manylinux_2_12_x86_64",
    "manylinux_2_5_x86_64",
];

impl Flavour {
    /// Name in folder names, name for people, and the sizes of the download and of the finished folder in GB.
    fn facts(self) -> (&'static str, &'static str, f64, f64) {
        match self {
            Self::Cpu => ("cpu", "CPU", 0.55, 0.5),
            Self::Cuda => ("cu130", "CPU and CUDA 13", 2.5, 3.8),
        }
    }

    /// Name in folder names.
    pub(super) fn tag(self) -> &'static str {
        self.facts().0
    }

    /// Name for people.
    pub(super) fn words(self) -> &'static str {
        self.facts().1
    }

    pub(super) fn download_gb(self) -> f64 {
        self.facts().2
    }

    pub(super) fn size_gb(self) -> f64 {
        self.facts().3
    }

    /// Space taken at the worst moment: pip holds every wheel that is missing twice, or the wheels lie beside what
    /// came out of them.
    pub(super) fn space_gb(self, present_gb: f64) -> f64 {
        let missing = (self.download_gb() - present_gb).max(0.0);
        missing + missing.max(self.size_gb()) + 0.1
    }

    pub(super) fn wheels(self) -> impl Iterator<Item = &'static Wheel> {
        let more = if self == Self::Cuda { CUDA } else { &[] };
        CPU.iter().chain(more)
    }

    /// Whether a file of a wheel is taken out; `path` is relative, `torch/lib/libc10.so`.
    ///
    /// The folders keep their places: the libraries find each other at `$ORIGIN/../../nvidia/…`.
    pub(super) fn needs(self, path: &str) -> bool {
        let library = path.rsplit('/').next().unwrap_or(path);
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["torch", "include", ..] => true,
            ["torch", "lib", _] => match library {
                "libtorch_cpu.so" | "libc10.so" | "libgomp.so.1" => true,
                "libtorch_cuda.so" | "libtorch_cuda_linalg.so" | "libtorch_nvshmem.so" | "libc10_cuda.so" => {
                    self == Self::Cuda
                }
                _ => false,
            },
            ["nvidia", _, "lib", _] => match self {
                Self::Cpu => matches!(library, "libcudart.so.13" | "libcupti.so.13"),
                // The second copy of nvrtc serves drivers of another series.
                Self::Cuda => library.contains(".so") && !library.contains(".alt.so"),
            },
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_needs_little() {
        let cases = [
            ("torch/include/ATen/core/Tensor.h", true, true),
            ("torch/lib/libtorch_cpu.so", true, true),
            ("nvidia/cu13/lib/libcudart.so.13", true, true),
            ("torch/lib/libtorch_cuda.so", false, true),
            ("nvidia/cudnn/lib/libcudnn_graph.so.9", false, true),
            ("nvidia/cu13/lib/libnvrtc.alt.so.13", false, false),
            ("nvidia/cu13/include/cupti.h", false, false),
            ("torch/lib/libtorch_python.so", false, false),
            ("torch/nn/functional.py", false, false),
        ];
        for (path, cpu, cuda) in cases {
            assert_eq!(Flavour::Cpu.needs(path), cpu, "{path}");
            assert_eq!(Flavour::Cuda.needs(path), cuda, "{path}");
        }
    }

    #[test]
    fn every_wheel_is_pinned() {
        let wheels: Vec<_> = Flavour::Cuda.wheels().collect();
        assert_eq!(wheels.len(), CPU.len() + CUDA.len());
        for wheel in wheels {
            let hexadecimal = wheel.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(wheel.sha256.len() == 64 && hexadecimal, "{}", wheel.name);
        }
    }
}
