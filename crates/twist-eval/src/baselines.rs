//! What is reached without learning: the least that a trained network must beat, measured on the same images.

use std::sync::Arc;

use tch::{Kind, Tensor};
use twist_data::Dataset;
use twist_metrics::cluster_scores;
use twist_model::{EvalInput, NetworkOutputs, RowBuffer, unit_rows};
use twist_nn::{NetConfig, TwistNet};
use twist_run::{Figures, figure};

use crate::crops::pixel_transform;
use crate::labels::{label_numbers, label_tensor};
use crate::split::{EvalData, Split};
use crate::{EvalError, KMeans, KnnProtocol, knn_top1};

/// Independent starts of k-means, of which the best is kept.
pub(crate) const KMEANS_RESTARTS: u32 = 5;
/// With more clusters k-means takes longer than what it says is worth.
const MOST_CLUSTERS: i64 = 1_024;
/// Bins of each channel in a colour histogram.
const BINS: i64 = 8;

/// Measures all of them with the images and the vote of the evaluation that they stand beside: weighted k-NN on pixels and on
/// the features of the same backbone with random weights, and k-means on pixels and on colour histograms, told the number of
/// classes, and once more with as many clusters as the network has, because accuracy depends on their number. A k-means of
/// more clusters than images is left out, and a second one of as many clusters as the first or of more than 1,024.
pub(crate) fn measure(
    input: &EvalInput,
    data: &EvalData,
    split: &Split,
    protocol: KnnProtocol,
    net: &NetConfig,
    seed: u64,
) -> Result<Figures, EvalError> {
    let small = EvalInput { transform: pixel_transform(&input.transform), ..input.clone() };
    let (train, test) = (&data.train, data.evaluated());
    let classes = train.classes().len() as i64;
    let bank = table(&small, train, &split.bank, pixels)?;
    let queries = table(&small, test, &split.queries, pixels)?;
    let knn_pixels = bank.knn(&queries, classes, protocol)?;

    input.watch.now("a random backbone");
    let random = TwistNet::new(net, input.device, seed)?;
    let features = |dataset: &Arc<dyn Dataset>, indices: &[u32]| -> Result<Table, EvalError> {
        let features = NetworkOutputs::of(&random, input, dataset, indices)?;
        Ok(Table { labels: label_tensor(&**dataset, &features.indices), rows: features.embeddings })
    };
    let knn_random =
        features(train, &split.bank)?.knn(&features(test, &split.queries)?, classes, protocol)?;

    drop((bank, queries));

    // k-means is asked about the images whose clusters are scored.
    let (fitted, asked) = (split.kmeans_fitted(data), split.kmeans_asked(data));
    input.watch.now("k-means");
    let own = Some(net.head.dim).filter(|dim| *dim != classes && *dim <= MOST_CLUSTERS);
    let kmeans = |describe: fn(&EvalInput, &Tensor) -> Result<Tensor, EvalError>| {
        let asked = table(&small, test, &asked, describe)?;
        let bank = data.held_out.as_ref().map(|_| table(&small, train, &fitted, describe)).transpose()?;
        let bank = bank.as_ref().unwrap_or(&asked);
        let at_k = own.map(|clusters| bank.kmeans(&asked, clusters, seed)).transpose()?.flatten();
        Ok::<_, EvalError>((bank.kmeans(&asked, classes, seed)?, at_k))
    };
    let (pixels, pixels_at_k) = kmeans(pixels)?;
    let (histogram, histogram_at_k) = kmeans(histograms)?;
    let found = [
        (figure::KNN_PIXELS_TOP1, Some(knn_pixels)),
        (figure::KNN_RANDOM_TOP1, Some(knn_random)),
        (figure::KMEANS_PIXELS, pixels),
        (figure::KMEANS_HISTOGRAM, histogram),
        (figure::KMEANS_PIXELS_AT_K, pixels_at_k),
        (figure::KMEANS_HISTOGRAM_AT_K, histogram_at_k),
    ];
    let mut figures: Figures =
        found.into_iter().filter_map(|(figure, value)| Some((figure, value?))).collect();
    figures.retain(f64::is_finite);
    Ok(figures)
}

/// Vectors `[N, D]` with their labels `[N]`.
struct Table {
    rows: Tensor,
    labels: Tensor,
}

/// The vectors that `describe` makes of the images `indices`.
fn table(
    input: &EvalInput,
    dataset: &Arc<dyn Dataset>,
    indices: &[u32],
    describe: fn(&EvalInput, &Tensor) -> Result<Tensor, EvalError>,
) -> Result<Table, EvalError> {
    let mut rows = RowBuffer::default();
    let (seen, _) = input.for_each_batch(dataset, indices, |bytes| -> Result<(), EvalError> {
        Ok(rows.push(&describe(input, bytes)?, indices.len())?)
    })?;
    Ok(Table { rows: rows.first(seen.len() as i64)?, labels: label_tensor(&**dataset, &seen) })
}

/// Bytes `[B, S, S, 3]` → normalised pixels `[B, 3·S·S]`.
fn pixels(input: &EvalInput, bytes: &Tensor) -> Result<Tensor, EvalError> {
    Ok(input.normalised(bytes)?.f_flatten(1, -1)?)
}

/// Bytes `[B, S, S, 3]` → shares of the pixels in each of 8 × 8 × 8 colours `[B, 512]`.
fn histograms(_: &EvalInput, bytes: &Tensor) -> Result<Tensor, EvalError> {
    let (batch, height, width, _) = bytes.size4()?;
    let level = bytes.f_to_kind(Kind::Int64)?.f_floor_divide_scalar(256 / BINS)?;
    let place = Tensor::f_from_slice(&[BINS * BINS, BINS, 1])?;
    let bin =
        level.f_mul(&place)?.f_sum_dim_intlist([3i64].as_slice(), false, Kind::Int64)?.f_flatten(1, -1)?;
    let share = Tensor::f_full_like(&bin.f_to_kind(Kind::Float)?, 1.0 / (height * width) as f64)?;
    let empty = Tensor::f_zeros([batch, BINS * BINS * BINS], (Kind::Float, bytes.device()))?;
    Ok(empty.f_scatter_add(1, &bin, &share)?)
}

impl Table {
    /// Accuracy on `queries` with these rows as the bank.
    fn knn(&self, queries: &Table, classes: i64, protocol: KnnProtocol) -> Result<f64, EvalError> {
        let (bank, asked) = (unit_rows(&self.rows)?, unit_rows(&queries.rows)?);
        knn_top1((&bank, &self.labels), (&asked, &queries.labels), classes, protocol)
    }

    /// One-to-one accuracy on `queries` of k-means fitted to these rows; `None` where there are more clusters than rows.
    fn kmeans(&self, queries: &Table, clusters: i64, seed: u64) -> Result<Option<f64>, EvalError> {
        if clusters > self.rows.size2()?.0 {
            return Ok(None);
        }
        let fit = KMeans { clusters, restarts: KMEANS_RESTARTS, iterations: 100, seed }.fit(&self.rows)?;
        let found = label_numbers(&fit.assign(&queries.rows)?)?;
        Ok(Some(cluster_scores(&label_numbers(&queries.labels)?, &found)?.accuracy_one_to_one))
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;
    use twist_data::{EvalTransform, Interpolation};
    use twist_nn::DeviceNormalize;

    use super::*;

    #[test]
    fn a_histogram_counts_shares_of_colours() {
        let red_and_black = Tensor::from_slice(&[255u8, 0, 0, 0, 0, 0]).view([1, 1, 2, 3]);
        let input = EvalInput {
            transform: EvalTransform::new(2, 2, Interpolation::Bilinear),
            normalize: std::rc::Rc::new(
                DeviceNormalize::new([0.0; 3], [1.0; 3], false, Device::Cpu).unwrap(),
            ),
            device: Device::Cpu,
            autocast: None,
            batch_size: 1,
            loader: Default::default(),
            watch: twist_model::Watch::default(),
            crops: None,
        };
        let shares = histograms(&input, &red_and_black).unwrap();
        assert_eq!(shares.size(), [1, 512]);
        assert_eq!(shares.double_value(&[0, 0]), 0.5);
        assert_eq!(shares.double_value(&[0, 7 * 64]), 0.5);
        assert_eq!(f64::try_from(shares.sum(Kind::Double)).unwrap(), 1.0);
    }

    #[test]
    fn pixels_of_large_images_are_reduced_with_the_same_crop() {
        let imagenet = EvalTransform::new(256, 224, Interpolation::Bicubic);
        let small = pixel_transform(&imagenet);
        assert_eq!((small.resize, small.crop), (37, 32));
        let cifar = EvalTransform::new(32, 32, Interpolation::Bicubic);
        assert_eq!(pixel_transform(&cifar).resize, 32);
    }

    #[test]
    fn more_clusters_than_images_are_left_out() {
        let rows = Tensor::from_slice(&[0.0f32, 1.0, 10.0]).view([3, 1]);
        let table = Table { rows, labels: Tensor::from_slice(&[0i64, 0, 1]) };
        assert_eq!(table.kmeans(&table, 4, 0).unwrap(), None);
        assert_eq!(table.kmeans(&table, 2, 0).unwrap(), Some(1.0));
    }
}
