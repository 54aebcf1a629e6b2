//! Autocast, memory and the machine: state of the thread or of the process.

use tch::{Device, Kind, Tensor};
use torch_ext::{Autocast, CudaStatus, TorchError, cuda, machine, memory};

#[test]
fn autocast_narrows_inside_its_scope_only() {
    let a = Tensor::randn([8, 8], (Kind::Float, Device::Cpu));
    let kind_of = || a.matmul(&a).kind();
    assert_eq!(kind_of(), Kind::Float);
    {
        let _outer = Autocast::scope(Device::Cpu, Kind::BFloat16).unwrap();
        assert_eq!(kind_of(), Kind::BFloat16);
        {
            let _inner = Autocast::scope(Device::Cpu, Kind::Float).unwrap();
            assert_eq!(kind_of(), Kind::Float);
        }
        assert_eq!(kind_of(), Kind::BFloat16);
    }
    assert_eq!(kind_of(), Kind::Float);
    assert!(matches!(
        Autocast::scope(Device::Cpu, Kind::Half),
        Err(TorchError::Kind { kind: Kind::Half, .. })
    ));
    assert!(matches!(Autocast::scope(Device::Mps, Kind::BFloat16), Err(TorchError::Device { .. })));
}

/// A cast that outlived its scope would make the optimizer's update invisible.
#[test]
fn autocast_sees_weights_change_between_scopes() {
    let weight = Tensor::ones([4, 4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let forward = || {
        let _scope = Autocast::scope(Device::Cpu, Kind::BFloat16).unwrap();
        Tensor::ones([1, 4], (Kind::Float, Device::Cpu)).matmul(&weight).double_value(&[0, 0])
    };
    assert_eq!(forward(), 4.0);
    let _ = tch::no_grad(|| weight.shallow_clone().fill_(2.0));
    assert_eq!(forward(), 8.0);
}

#[test]
fn freed_pages_come_back() {
    memory::keep_freed_pages().unwrap();
    memory::keep_freed_pages().unwrap();
    let large = || Tensor::ones([1 << 20], (Kind::Float, Device::Cpu));
    let (first, second) = (large(), large());
    assert_ne!(first.data_ptr(), second.data_ptr());
    assert_eq!(first.data_ptr() as usize % (2 << 20), 0, "on a page of 2 MiB");
    drop(second);
    let sum = (&first + large()).sum(Kind::Float).double_value(&[]);
    assert_eq!(sum, f64::from(1 << 21), "memory of another tensor's past does not show");
    assert!(memory::peak_resident_bytes().is_none_or(|bytes| bytes > 8 << 20));
}

#[test]
fn an_impossible_tensor_is_an_error() {
    memory::keep_freed_pages().unwrap();
    let error = Tensor::f_empty([1 << 50], (Kind::Float, Device::Cpu)).unwrap_err().to_string();
    assert!(error.contains("out of memory"), "{error}");
}

#[test]
fn the_machine_describes_itself() {
    assert!(machine::version().starts_with("2."), "{}", machine::version());
    let features = torch_ext::cpu_features().unwrap();
    assert_eq!(features.fast_bf16(), features.avx512_bf16 || features.amx_bf16);
    let flags = std::process::Command::new("grep").args(["-m1", "flags", "/proc/cpuinfo"]).output().unwrap();
    let flags = String::from_utf8_lossy(&flags.stdout).into_owned();
    if !flags.is_empty() {
        assert_eq!(features.avx512_bf16, flags.contains("avx512_bf16"));
        assert_eq!(features.avx2, flags.contains("avx2"));
    }
    assert!(machine::threads() >= 1);
}

#[test]
fn cuda_says_why_it_is_not_there() {
    let status = cuda::load();
    assert_eq!(status, cuda::load());
    assert!(cuda::torch_cpu_path().unwrap().is_some_and(|path| path.is_file()));
    match status {
        CudaStatus::Absent { looked_for } => assert!(looked_for.ends_with("libtorch_cuda.so")),
        CudaStatus::Ready { devices, .. } => assert!(*devices > 0),
        CudaStatus::SwitchedOff | CudaStatus::NoDevice { .. } => assert_eq!(status.devices(), 0),
        other => panic!("{other}"),
    }
}
