//! CIFAR binary batches.

use twist_data::{DataError, LabelSource, Stored};

use crate::workplace::{Workplace, labels, paths};

/// Records whose pixels count up from `first` in each plane.
fn batch(labels: &[&[u8]], first: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, label) in labels.iter().enumerate() {
        bytes.extend_from_slice(label);
        bytes.extend((0..3072).map(|i| first.wrapping_add(number as u8).wrapping_add((i / 1024) as u8)));
    }
    bytes
}

fn ten() -> Workplace {
    let place = Workplace::new();
    place.write("data_batch_1.bin", &batch(&[&[3], &[9]], 10));
    place.write("data_batch_2.bin", &batch(&[&[0]], 50));
    place.write("test_batch.bin", &batch(&[&[1]], 90));
    let names: Vec<String> = (0..10).map(|i| format!("class{i}")).collect();
    place.write("batches.meta.txt", names.join("\n").as_bytes());
    place
}

#[test]
fn a_folder_is_its_training_batches() {
    let place = ten();
    let data = place.open("").unwrap();
    assert_eq!(
        paths(data.as_ref()),
        ["data_batch_1.bin/00000", "data_batch_1.bin/00001", "data_batch_2.bin/00000"]
    );
    assert_eq!(labels(data.as_ref()), [Some(3), Some(9), Some(0)]);
    assert_eq!(data.classes()[3], "class3");
    assert!(data.left_out()[0].what.contains("test batches"));
    let Stored::Pixels(image) = data.read(1).unwrap() else { panic!("pixels expected") };
    assert_eq!((image.width, image.height, image.pixel(31, 31)), (32, 32, [11, 12, 13]));
    assert!(matches!(data.read(3), Err(DataError::OutOfRange { .. })));

    let test = place.open("test_batch.bin").unwrap();
    assert_eq!((test.len(), test.label(0)), (1, Some(1)));
    assert_eq!(place.open("data_batch_*.bin").unwrap().len(), 3);
}

#[test]
fn fine_and_coarse_labels() {
    let place = Workplace::new();
    place.write("train.bin", &batch(&[&[4, 17], &[19, 99]], 0));
    let names = |count: usize, kind: &str| (0..count).map(|i| format!("{kind}{i}\n")).collect::<String>();
    place.write("fine_label_names.txt", names(100, "fine").as_bytes());
    place.write("coarse_label_names.txt", names(20, "coarse").as_bytes());
    let fine = place.open("").unwrap();
    assert_eq!((labels(fine.as_ref()), fine.classes().len()), (vec![Some(17), Some(99)], 100));
    let coarse = place.open_with("train.bin", LabelSource::Coarse).unwrap();
    assert_eq!(
        (labels(coarse.as_ref()), coarse.classes()[19].as_str()),
        (vec![Some(4), Some(19)], "coarse19")
    );
    assert_ne!(fine.fingerprint(), coarse.fingerprint());
    assert!(ten().open_with("", LabelSource::Coarse).is_err());
}

#[test]
fn damaged_batches() {
    let place = Workplace::new();
    let whole = batch(&[&[1], &[2]], 0);
    place.write("data_batch_1.bin", &whole[..whole.len() - 5]);
    let error = place.error("");
    assert!(
        error.contains("data_batch_1.bin")
            && error.contains("6141 bytes")
            && error.contains("1 and 3068 over"),
        "{error}"
    );
    place.write("data_batch_1.bin", b"");
    assert!(place.error("").contains("0 bytes"));
    place.write("data_batch_1.bin", &batch(&[&[1], &[10]], 0));
    assert!(place.error("").contains("record 1 has the label 10"), "{}", place.error(""));
    place.write("data_batch_1", b"pickle");
    assert!(place.error("data_batch_1").contains("binary version"));
}
