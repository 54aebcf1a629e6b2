//! From bytes to the network's input, on the device.

use tch::{Device, Kind, Tensor};

use crate::NnError;

/// `(x / 255 - mean) / std` for batches that are already on the device.
#[derive(Debug)]
pub struct DeviceNormalize {
    /// `1 / (255 std)`, `[1, 3, 1, 1]`.
    scale: Tensor,
    /// `-mean / std`, `[1, 3, 1, 1]`.
    shift: Tensor,
    channels_last: bool,
}

impl DeviceNormalize {
    /// Mean and standard deviation are of each channel, in [0, 1].
    ///
    /// # Errors
    /// libtorch's own.
    pub fn new(mean: [f64; 3], std: [f64; 3], channels_last: bool, device: Device) -> Result<Self, NnError> {
        let per_channel = |value: &dyn Fn(usize) -> f64| -> Result<Tensor, NnError> {
            let values = [value(0) as f32, value(1) as f32, value(2) as f32];
            Ok(Tensor::f_from_slice(&values)?.f_view([1, 3, 1, 1])?.f_to_device(device)?)
        };
        let scale = per_channel(&|channel| 1.0 / (255.0 * std[channel]))?;
        let shift = per_channel(&|channel| -mean[channel] / std[channel])?;
        Ok(Self { scale, shift, channels_last })
    }

    /// u8 `[…, S, S, 3]` to float `[N, 3, S, S]`, where N is the product of the leading sides.
    ///
    /// Bytes come with channels innermost, which is what channels-last means: that layout costs no copy, the other one.
    ///
    /// # Errors
    /// libtorch's, for other shapes.
    pub fn apply(&self, pixels: &Tensor) -> Result<Tensor, NnError> {
        let size = pixels.size();
        let [.., height, width, channels] = size[..] else {
            return Err(tch::TchError::Shape(format!("expected […, S, S, 3], got {size:?}")).into());
        };
        let nchw = pixels.f_reshape([-1, height, width, channels])?.f_permute([0, 3, 1, 2])?;
        // The copy is made of bytes, which take a quarter of the memory of floats.
        let nchw = if self.channels_last { nchw } else { nchw.f_contiguous()? };
        let mut floats = nchw.f_to_kind(Kind::Float)?;
        Ok(floats.f_mul_(&self.scale)?.f_add_(&self.shift)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_hold_the_same_numbers() {
        let bytes: Vec<u8> = (0..2 * 3 * 4 * 4 * 3).map(|i| (i * 7 % 256) as u8).collect();
        let pixels = Tensor::from_slice(&bytes).view([2, 3, 4, 4, 3]);
        let normalize = |channels_last| {
            DeviceNormalize::new([0.5, 0.25, 0.0], [0.5, 0.25, 1.0], channels_last, Device::Cpu)
                .unwrap()
                .apply(&pixels)
        };
        let (last, first) = (normalize(true).unwrap(), normalize(false).unwrap());
        assert_eq!((last.size(), first.size()), (vec![6, 3, 4, 4], vec![6, 3, 4, 4]));
        assert!(torch_ext::layout::is_channels_last(&last).unwrap() && first.is_contiguous());
        assert!(last.equal(&first));
        for (n, y, x, c) in [(0, 0, 0, 0), (1, 2, 3, 1), (5, 3, 3, 2)] {
            let byte = f64::from(bytes[((n * 4 + y) * 4 + x) * 3 + c]);
            let (mean, std) = [(0.5, 0.5), (0.25, 0.25), (0.0, 1.0)][c];
            let expected = (byte / 255.0 - mean) / std;
            let got = first.double_value(&[n as i64, c as i64, y as i64, x as i64]);
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
    }
}
